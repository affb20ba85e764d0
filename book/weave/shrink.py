#!/usr/bin/env python3
"""Make a page smaller without taking anything from it.

    shrink.py PAGE.html OUT.html

Leaves out what HTML lets a browser fill in: quotes around plain values, the
ends of paragraphs, references to characters that need none, white space
between blocks. What a program can see as well is left to book.js:

  - a word of code that is the same link as one before it on the page, and is
    `<a>word</a>` now;
  - the links of "above" and "below", which follow from the text;
  - "Continues from above", where the sign +≡ says the same, and "Continued
    below", where the next one has that sign;
  - "Defines ...", where the code says the same;
  - links of files in tables;
  - the look of the keywords of C.
"""
import re
import sys
from nw import C_KEYWORDS, file_page

# What stays as it is; a tag; the text up to the next one.
PARTS = re.compile(r'(<!--.*?-->|<(script|style|textarea)\b.*?</\2>)|'
                   r'(<[^>]*>)|([^<]+)', re.S)
VALUE = re.compile(r'="([^\s"\'=<>`]+)"(?=[\s>])')
PRE = re.compile(r'<pre\b.*?</pre>', re.S)
FOOT = r'(?<=</pre>\n)<p>[^\n]*'
LINKED = re.compile(rf'<pre\b.*?</pre>|<code>.*?</code>|{FOOT}', re.S)
LINK = re.compile(r'<a href="([^"]*)">((?:⟨.*?⟩|[^<])*)</a>')
PIECE = re.compile(r'<div class="piece[^"]*" id="([^"]*)">\n(.*?)</div>', re.S)
KEYWORDS = re.compile(r'<b>((?:(?:%s)\s*)+)</b>' % '|'.join(C_KEYWORDS))
BLOCK = ('p|div|pre|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|th|td|caption|'
         'colgroup|h[1-6]|figure|section|nav|main|details|blockquote|hr')
BETWEEN = re.compile(rf'(</?(?:{BLOCK}|col|body|head|meta|link|title|html|'
                     r'summary|figcaption|script)\b[^>]*>)\s+'
                     rf'(?=</?(?:{BLOCK}|col|body|head|meta|link|title|script)\b)')
# Ends that the next tag implies.
ENDS = re.compile(r'</p>(?=<(?:p|div|pre|ul|ol|dl|table|h[1-6]|'
                  r'blockquote|/div|/li|/main|/dd|/blockquote)\b)|'
                  r'</li>(?=<(?:li|/ul|/ol)\b)|</d[td]>(?=<(?:d[td]|/dl)\b)')
ABOVE = ' <small>Continues from <a href="%s">above</a>.</small>'
BELOW = re.compile(r'(<p>)?Continued <a href="([^"]*)">below</a>\.( |</p>)')
GREW = re.compile(r'<td><a href="(files/[^"]*)"><code>([^<]*)</code></a>')
DEFINES = re.compile(r'(?: ?|<p>)Defines <code>([^\n]*)</code>\.(?:</p>)?')


def repeated_links(page):
    """Take the address from links of code that an earlier one has."""
    last = {}

    def link(m):
        address, text = m.groups()
        if last.get(text) == address:
            return f'<a>{text}</a>'
        last[text] = address
        return m.group()

    def places(m):
        return LINK.sub(link, m.group())
    return LINKED.sub(places, page)


def neighbour(anchor, step):
    """The address of the piece before or after this one."""
    chunk, number = re.fullmatch(r'(.*?)(?::(\d+))?', anchor).groups()
    number = int(number or 1) + step
    return f'#{chunk}:{number}' if number > 1 else f'#{chunk}'


def implied(page):
    """Take away what follows from a piece's text."""
    def link(m):
        address, text = m.groups()
        follows = {'above': neighbour(anchor, -1), 'below': neighbour(anchor, 1)}.get(
            text, 'identifiers.html#id:' + re.sub(r'\W+', '-', text))
        return f'<a>{text}</a>' if address == follows else m.group()

    def piece(m):
        nonlocal anchor
        anchor = m[1]
        head, pre, rest = m.group().partition('<pre')
        code, end, foot = rest.rpartition('</pre>')
        head = head.replace(ABOVE % neighbour(anchor, -1), '')
        below = BELOW.match(foot.strip('\n'))
        if below and below[2] == neighbour(anchor, 1):
            foot = foot.replace(below[0], '<p>' if below[3] == ' ' else '')
        names = DEFINES.search(foot)
        if names and (re.findall(r'<a [^>]*>(.*?)</a>', names[1])
                      == re.findall(r'<dfn [^>]*>(.*?)</dfn>', code)):
            foot = foot.replace(names[0], '</p>' if names[0][0] != '<'
                                and names[0].endswith('</p>') else '')
        return (LINK.sub(link, head) + pre + KEYWORDS.sub(r'\1', code) + end
                + LINK.sub(link, foot))
    anchor = ''
    return PIECE.sub(piece, page)


def grew(m):
    address, path = m.groups()
    return f'<td><a><code>{path}</code></a>' if address == file_page(path) else m[0]


def shrink(page):
    pres = []

    def aside(m):
        pres.append(m.group())
        return f'<pre>{len(pres) - 1}</pre>'
    page = re.sub(r' style="text-align: left;"| role="doc-biblioentry"|'
                  r' class="(?:odd|even|header)"|'
                  r' data-(?:blank|cites)="[^"]*"', '', page)
    page = page.replace(' style="text-align: right;"', ' class="r"')
    page = GREW.sub(grew, page)
    page = PRE.sub(aside, repeated_links(implied(page)))
    page = ENDS.sub('', BETWEEN.sub(r'\1', page))
    page = re.sub(r'<pre>(\d+)</pre>', lambda m: pres[int(m[1])], page)
    return PARTS.sub(part, page)


def part(m):
    kept, _, tag, words = m.groups()
    if kept:
        return kept
    if tag:
        return VALUE.sub(r'=\1', tag)
    words = words.replace('&quot;', '"').replace('&gt;', '>').replace('&#39;', "'")
    return re.sub(r'&amp;(?![\w#]|$)', '&', words)


def main(source, out):
    with open(source, encoding='utf-8') as file:
        page = file.read()
    with open(out, 'w', encoding='utf-8') as file:
        file.write(shrink(page))


if __name__ == '__main__':
    main(*sys.argv[1:])
