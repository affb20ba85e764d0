#!/usr/bin/env python3
"""What is made of all pages together, once they are woven.

    collect.py PAGES HTML STEM...

reads PAGES/STEM.html, in this order, and writes into HTML, where it changed:
    chunks.js       the text of every chunk, for unfolding it where it is used
    search.js       the text of the book, for searching in it
    book.html       the book as one page
    files/*.html    every tangled file, its lines linked to their chunks
"""
import html
import json
import os
import re
import sys
from nw import file_page, folder_anchor
from backend import write
from shrink import shrink

PIECE = re.compile(r'<div class="piece( \w+)?" id="([^"]+)">\n<p>(.*?)</p>\n'
                   r'<pre(?: data-blank="(\d+)")?>(.*?)</pre>\n(?:<p>.*?</p>\n)?</div>', re.S)
USE = re.compile(r'(\s*)<a class="use" href="([^"]*)">(.*?)</a>$')
HREF = re.compile(r'href="([^"#:]*)(#[^"]*)?"')
NOTHING = '<i>(nothing yet)</i>'


class Piece:
    """A piece of a chunk, as its page shows it."""

    def __init__(self, page, match):
        kind, self.anchor, head, blank, code = match.groups()
        self.page, self.kind = page, (kind or ' chunk').strip()
        until = re.search(r':until-(\d+)', self.anchor)
        self.until = int(until[1]) if until else None
        self.chunk = re.sub(r':until-\d+|:\d+$', '', self.anchor)
        self.name = re.sub(r' \+?≡.*', '', head, flags=re.S)
        self.code = resolved(code, page.file)
        self.lines = [] if code == NOTHING else one_by_one(self.code)
        self.lines += [''] * int(blank or 0)

    @property
    def href(self):
        return self.page.file + '#' + self.anchor


class Page:
    def __init__(self, folder, stem):
        self.stem, self.file = stem, stem + '.html'
        digits = re.match(r'\d*', stem).group()
        self.number = int(digits) if digits else None
        with open(os.path.join(folder, self.file), encoding='utf-8') as file:
            self.text = file.read()
        self.main = re.search(r'<main\b[^>]*>\n(.*)</main>', self.text, re.S)[1]
        self.title = re.search(r'<title>(.*?) – Weft</title>', self.text)[1]
        self.pieces = [Piece(self, m) for m in PIECE.finditer(self.main)] \
            if self.number is not None else []

    @property
    def label(self):
        if self.number is None or self.number == 0:
            return ''
        return str(self.number) if self.number < 90 else chr(ord('A') + self.number - 90)


def resolved(text, file):
    """Links within a page, as they are from outside it."""
    return text.replace('href="#', f'href="{file}#')


def one_by_one(code):
    """Lines of code that each close the comment they open."""
    lines, comment = [], False
    for line in code.split('\n'):
        if comment:
            line = '<i>' + line
        comment = line.rfind('<i>') > line.rfind('</i>')
        lines.append(line + '</i>' if comment else line)
    return lines


def plain(text):
    """The words of some HTML."""
    return html.unescape(re.sub(r'<[^>]*>', '', text))


# --------------------------------------------------------- chunks to unfold

def chunks_js(chunks):
    """weft.chunks: the address of a chunk's first piece, to its pieces."""
    found = {chunk: [[p.href, p.page.number, p.until or 0, p.code]
                     for p in pieces]
             for chunk, pieces in chunks.items()
             if pieces[0].kind == 'chunk'}
    return 'weft.got("chunks", ' + json.dumps(found, ensure_ascii=False,
                                              separators=(',', ':')) + ');\n'


# ------------------------------------------------------------ tangled files

FILE = '''<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{name} – Weft</title>
<link rel="stylesheet" href="../book.css">
<script src="../book.js" defer></script>
</head>
<body class="tangled">
<a class="skip" href="#main">Skip to the file</a>
<nav aria-label="Book"><a href="../index.html">Weft</a> <a href="../files.html#{folder}">Files</a></nav>
<main id="main">
<h1><code>{name}</code></h1>
<p>{about}</p>
<pre>{code}</pre>
</main>
</body>
</html>
'''


def tangled(chunks, name, last, indent='', busy=()):
    """The lines of a chunk as it is tangled: (HTML, the piece it is from)."""
    for piece in chunks.get(name, ()):
        if piece.until and piece.until <= last:
            continue
        for line in piece.lines:
            use = USE.match(line)
            inner = re.sub(r':until-\d+|:\d+$', '', use[2].split('#')[1]) if use else ''
            if not use or inner in busy:
                yield (indent + line if line else ''), piece
                continue
            found = list(tangled(chunks, inner, last, indent + use[1], (*busy, name)))
            yield from found or [(indent + use[1], piece)]


def file_html(chunks, root, last, lang):
    """The page of a tangled file."""
    name = root[len('c:'):]
    out, before, pages = [], None, {}
    for number, (line, piece) in enumerate(tangled(chunks, root, last), 1):
        pages.setdefault(piece.page.stem, piece)
        href, where = '../' + piece.href, piece.page.label or piece.page.title
        line = re.sub(r'<dfn id="([^"]*)">(.*?)</dfn>',
                      rf'<a class="dfn" href="{piece.page.file}#\1">\2</a>', line)
        line = line.replace(' href="', ' href="../')
        says = html.escape(f'{plain(piece.name)} in chapter {where}')
        first = piece is not before
        out.append(f'<a id="L{number}" href="{href}" title="{says}"'
                   f'{"" if first else " tabindex=&quot;-1&quot;".replace("&quot;", chr(34))}>'
                   f'{number}</a>{line}'
                   + (f'<a class="from" tabindex="-1" aria-hidden="true" href="{href}">'
                      f'{piece.name} {where}</a>' if first else ''))
        before = piece
    places = ', '.join(f'<a href="../{p.href}">{p.page.label or p.page.title}</a>'
                       for p in sorted(pages.values(), key=lambda p: p.page.stem))
    about = (f'{len(out)} lines, from chapter{"s" if len(pages) > 1 else ""} {places}. '
             'The number of a line leads to its chunk.')
    return FILE.format(lang=lang, name=name, folder=folder_anchor(name[:name.rindex('/') + 1]),
                       about=about, code='\n'.join(out))


# -------------------------------------------------------------- search index

HEADING = re.compile(r'<h([12]) id="([^"]*)"[^>]*>(.*?)</h\1>', re.S)
LEFT_OUT = re.compile(r'<math.*?</math>|<desc.*?</desc>|<div class="history".*', re.S)
BREAK = re.compile(r'</?(?:p|div|li|td|th|tr|pre|dt|dd|figcaption|text|summary|br)\b[^>]*>')


def words(text):
    return ' '.join(plain(BREAK.sub(' ', text)).split())


def search_js(pages):
    """weft.search: chapters with their sections, and in each section
    [anchor, title, text] first its prose and then its chunks."""
    found = []
    for page in pages:
        entries = []
        main = LEFT_OUT.sub(' ', page.main)
        heads = list(HEADING.finditer(main))
        for head, after in zip(heads, heads[1:] + [None]):
            body = main[head.end():after.start() if after else len(main)]
            entries.append([head[2], words(head[3]), words(PIECE.sub(' ', body)), 0])
            for m in PIECE.finditer(body) if page.number is not None else ():
                entries.append([m[2], re.sub(r' \+?≡.*', '', words(m[3])),
                                plain(m[5]).replace('\n', ' ⏎ ').replace('\t', ' '), 1])
                entries += [[d[1], plain(d[2]), '', 2] for d in
                            re.finditer(r'<dfn id="([^"]*)">(.*?)</dfn>', m[5])]
        found.append([page.file, page.label, page.title, entries])
    return 'weft.got("search", ' + json.dumps(found, ensure_ascii=False,
                                              separators=(',', ':')) + ');\n'


# ---------------------------------------------------------- the single page

def book_html(pages):
    """All chapters as one page, in the frame of the first."""
    firsts = {p.file: re.search(r'<h1 id="([^"]*)"', p.main)[1] for p in pages}

    taken = set()

    def part(page):
        ids = set(re.findall(r' id="([^"]*)"', page.main))
        again = ids & taken         # footnotes, references, history
        taken.update(ids)

        def renamed(name):
            return f'{name}-{page.stem}' if name in again else name

        def link(m):
            file, anchor = m[1] or page.file, (m[2] or '')[1:]
            if file not in firsts:
                return m.group()
            if file == page.file:
                anchor = renamed(anchor)
            return f'href="#{anchor or firsts[file]}"'
        text = re.sub(r' id="([^"]*)"', lambda m: f' id="{renamed(m[1])}"', page.main)
        return (f'<section class="chapter" data-chapter="{page.number or 0}">\n'
                + HREF.sub(link, text) + '</section>\n')
    frame = pages[0].text
    frame = frame.replace('<body class="page-', '<body class="whole page-')
    frame = re.sub(r'<link rel="(?:prev|next)"[^>]*>\n|<nav class="turn".*?</nav>\n', '',
                   frame, flags=re.S)
    before, _, after = frame.partition(pages[0].main)
    before = HREF.sub(lambda m: f'href="#{firsts[m[1]]}"' if m[1] in firsts
                      else m.group(), before)
    seen = set()

    def once(m):
        """A script is loaded where the first chapter asks for it."""
        first = m.group() not in seen
        seen.add(m.group())
        return m.group() if first else ''
    return re.sub(r'<script src="[^"]*"[^>]*></script>\n?', once,
                  before + ''.join(map(part, pages)) + after)


def main(source, out, *stems):
    pages = [Page(source, stem) for stem in stems]
    chapters = [p for p in pages if p.number is not None]
    chunks = {}
    for page in chapters:
        for piece in page.pieces:
            chunks.setdefault(piece.chunk, []).append(piece)
    last = max([p.number for p in chapters if p.number < 90], default=0)
    lang = re.search(r'<html lang="([^"]*)"', pages[0].text)[1]
    write(out, 'chunks.js', chunks_js(chunks))
    write(out, 'search.js', search_js(chapters))
    write(out, 'book.html', shrink(book_html(pages)))
    os.makedirs(os.path.join(out, 'files'), exist_ok=True)
    made = set()
    for root, pieces in chunks.items():
        if pieces[0].kind == 'file':
            made.add(os.path.basename(file_page(root[len('c:'):])))
            write(out, file_page(root[len('c:'):]),
                  shrink(file_html(chunks, root, last, lang)))
    for name in set(os.listdir(os.path.join(out, 'files'))) - made:
        os.remove(os.path.join(out, 'files', name))


if __name__ == '__main__':
    main(*sys.argv[1:])
