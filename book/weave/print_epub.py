#!/usr/bin/env python3
"""The book for reading devices, made of the pages that weave.mk made.

    print_epub.py PAGES COVER.md COVER.png OUT.epub STEM ...

Every page's <main> becomes a file of the EPUB, as XHTML.  What only a browser
can do (buttons, scripts, what unfolds) is left out, and a link that leads to
nothing inside the book becomes plain text.  The same pages always give the
same file: SOURCE_DATE_EPOCH, or the last commit, says when it was made.
"""
import os
import re
import subprocess
import sys
import time
import uuid
import zipfile
from html import escape
from html.parser import HTMLParser

VOID = set('area base br col embed hr img input link meta source track wbr'.split())
# With all that they contain.
DROPPED = set('''script style button template nav form input select textarea
    iframe canvas audio video object embed dialog noscript menu link meta
    search'''.split())
# The parser makes names small; in a drawing these are not.
CAMEL = {n.lower(): n for n in '''viewBox markerWidth markerHeight markerUnits refX
    refY preserveAspectRatio textLength lengthAdjust clipPath clipPathUnits
    gradientUnits gradientTransform linearGradient radialGradient patternUnits
    patternTransform pathLength stdDeviation'''.split()}
KEPT_ROLES = ('img', 'note')
GLOBAL = set('id class href lang title alt src style start colspan rowspan scope'.split())


class Element:
    def __init__(self, tag, attrs=()):
        self.tag, self.attrs, self.children = tag, dict(attrs), []

    def has(self, name):
        return name in (self.attrs.get('class') or '').split()

    def walk(self):
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def text(self):
        return ''.join(c if isinstance(c, str) else c.text() for c in self.children)


class Page(HTMLParser):
    """The tree of a page's <main>."""

    def __init__(self, path):
        super().__init__()
        self.root = Element('root')
        self.open = [self.root]
        with open(path) as f:
            self.feed(f.read())
        self.close()
        self.main = next((e for e in self.root.walk() if e.tag == 'main'), None)
        if self.main is None:
            sys.exit(f'epub: {path} has no <main>')

    def handle_starttag(self, tag, attrs):
        element = Element(CAMEL.get(tag, tag),
                          ((CAMEL.get(k, k), v or '') for k, v in attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        tag = CAMEL.get(tag, tag)
        for i in range(len(self.open) - 1, 0, -1):
            if self.open[i].tag == tag:
                del self.open[i:]
                return

    def handle_data(self, data):
        self.open[-1].children.append(data)


# --------------------------------------------------------------------- cleaning

def clean(element):
    """Leave what a device can show."""
    children = []
    for child in element.children:
        if isinstance(child, str):
            children.append(child)
            continue
        if child.tag in DROPPED or child.has('permalink') or 'hidden' in child.attrs:
            continue
        clean(child)
        if child.tag == 'details':
            children += unfolded(child)
        else:
            children.append(child)
    element.children = children
    if element.tag == 'pre':
        untab(element, 0)


def unfolded(details):
    """A hint is shown; of anything else that is folded, what one sees first."""
    rest = [c for c in details.children
            if isinstance(c, str) or c.tag != 'summary']
    summary = next((c for c in details.children
                    if isinstance(c, Element) and c.tag == 'summary'), Element('p'))
    if details.has('hint'):
        head = Element('div', {'class': 'label'})
        head.children = summary.children
        box = Element('div', {'class': 'hint'})
        box.children = [head, *rest]
        return [box]
    summary.tag = 'span' if all(
        isinstance(c, str) or c.tag in ('span', 'code', 'a', 'em') for c in summary.children
    ) else 'div'
    return [summary]


def untab(element, column):
    """Tabs as wide as they are in the chapter; returns the column it ends in."""
    for i, child in enumerate(element.children):
        if isinstance(child, Element):
            column = untab(child, column)
            continue
        out = []
        for part in re.split(r'(\t|\n)', child):
            if part == '\t':
                part = ' ' * (8 - column % 8)
            column = 0 if part == '\n' else column + len(part)
            out.append(part)
        element.children[i] = ''.join(out)
    return column


def attributes(element, stem, anchors, foreign):
    """The attributes to write; None if the element is a link to nothing."""
    out = {}
    for name, value in element.attrs.items():
        if name == 'role' and value not in KEPT_ROLES:
            continue
        if name.startswith('on') or name.startswith('data-') or name == 'tabindex':
            continue
        if not foreign and name not in GLOBAL and name != 'role' \
                and not (name == 'aria-label' and 'role' in element.attrs
                         and element.attrs['role'] in KEPT_ROLES) \
                and not (element.tag == 'math' and name in ('display', 'xmlns')):
            continue
        out[name] = value
    if element.tag == 'a' and 'href' in out:
        target = out['href']
        if not re.match('[a-z]+:', target):
            file, _, anchor = target.partition('#')
            file = file.removesuffix('.html') or stem
            if file not in anchors or anchor and anchor not in anchors[file]:
                return None
            out['href'] = ('' if file == stem else file + '.xhtml') + (
                '#' + anchor if anchor else '')
            if not out['href']:
                return None
    if 'lang' in out:
        out['xml:lang'] = out['lang']
    return out


def write_xhtml(element, stem, anchors, out, foreign=False):
    foreign = foreign or element.tag in ('svg', 'math')
    attrs = attributes(element, stem, anchors, foreign)
    if attrs is None:           # plain text, but still a place for other links
        keep = {k: v for k, v in element.attrs.items() if k in ('id', 'class')}
        span, attrs = Element('span', keep), keep
        span.children = element.children
        element = span
    if element.tag == 'svg':
        attrs.setdefault('xmlns', 'http://www.w3.org/2000/svg')
    if element.tag == 'math':
        attrs.setdefault('xmlns', 'http://www.w3.org/1998/Math/MathML')
    text = ''.join(f' {k}="{escape(v)}"' for k, v in attrs.items())
    if element.tag in VOID:
        out.append(f'<{element.tag}{text}/>')
        return
    out.append(f'<{element.tag}{text}>')
    for child in element.children:
        if isinstance(child, str):
            out.append(escape(child, quote=False))
        else:
            write_xhtml(child, stem, anchors, out, foreign)
    out.append(f'</{element.tag}>')


# ---------------------------------------------------------------------- packing

XHTML = '''<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head>
<meta charset="utf-8"/>
<title>{title}</title>
<link rel="stylesheet" type="text/css" href="style.css"/>
</head>
<body{kind}>
{body}
</body>
</html>
'''

CONTAINER = '''<?xml version="1.0" encoding="utf-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles>
<rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles>
</container>
'''

PACKAGE = '''<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{uuid}</dc:identifier>
<dc:title>{title}</dc:title>
<dc:language>en</dc:language>
<dc:language>zh</dc:language>
<dc:description>{subtitle}</dc:description>
<dc:rights>Code: MIT licence. Prose and drawings: CC BY 4.0.</dc:rights>
<meta property="dcterms:modified">{modified}</meta>
<meta property="schema:accessMode">textual</meta>
<meta property="schema:accessMode">visual</meta>
<meta property="schema:accessModeSufficient">textual</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
<meta property="schema:accessibilitySummary">Drawings have a title and a description.</meta>
<meta name="cover" content="cover-image"/>
</metadata>
<manifest>
{manifest}
</manifest>
<spine>
{spine}
</spine>
</package>
'''


def made():
    """When the book was made, in seconds since 1970."""
    if os.environ.get('SOURCE_DATE_EPOCH', '').isdigit():
        return int(os.environ['SOURCE_DATE_EPOCH'])
    try:
        done = subprocess.run(['git', 'log', '-1', '--format=%ct'], text=True,
                              capture_output=True)
        return int(done.stdout)
    except (OSError, ValueError):
        return int(time.time())


def read_cover(path):
    """Title, subtitle and paragraphs of the cover."""
    with open(path) as f:
        text = re.sub(r'<!--.*?-->', '', f.read(), flags=re.S)
    title = re.search(r'^# (.*?)\s*(\{.*)?$', text, re.M)
    subtitle = re.search(r'^::: subtitle\n(.*?)\n:::', text, re.M | re.S)
    rest = text[subtitle.end() if subtitle else title.end():].strip()
    return title[1], subtitle[1] if subtitle else '', re.split(r'\n\n+', rest)


def heading(element):
    """A heading's text, its number before its title."""
    return ' '.join(element.text().split())


def contents(pages):
    out = ['<nav epub:type="toc" id="toc"><h1>Contents</h1>', '<ol>']
    for stem, page in pages.items():
        heads = [e for e in page.walk() if e.tag in ('h1', 'h2') and e.attrs.get('id')]
        title = next((h for h in heads if h.tag == 'h1'), None)
        out.append(f'<li><a href="{stem}.xhtml">{escape(heading(title))}</a>')
        sections = [h for h in heads if h.tag == 'h2'
                    and h.attrs['id'].startswith('sec:')]
        if sections:
            out.append('<ol>')
            out += [f'<li><a href="{stem}.xhtml#{escape(h.attrs["id"])}">'
                    f'{escape(heading(h))}</a></li>' for h in sections]
            out.append('</ol>')
        out.append('</li>')
    return '\n'.join(out + ['</ol>', '</nav>'])


def main(folder, cover, picture, target, *stems):
    pages = {}
    for stem in stems:
        page = Page(os.path.join(folder, stem + '.html')).main
        clean(page)
        page.tag, page.attrs = 'section', {}
        pages[stem] = page
    anchors = {stem: {e.attrs['id'] for e in page.walk() if e.attrs.get('id')}
               for stem, page in pages.items()}
    title, subtitle, words = read_cover(cover)
    files, manifest, spine = {}, [], []

    def add(name, content, kind, properties='', read=False):
        ident = 'f-' + re.sub(r'\W', '-', name)
        if properties == 'cover-image':
            ident = properties
        files['EPUB/' + name] = content
        extra = f' properties="{properties}"' if properties else ''
        manifest.append(f'<item id="{ident}" href="{name}" media-type="{kind}"{extra}/>')
        if read:
            spine.append(f'<itemref idref="{ident}"/>')

    here = os.path.dirname(os.path.realpath(__file__))
    with open(os.path.join(here, 'print-epub.css')) as f:
        add('style.css', f.read(), 'text/css')
    with open(picture, 'rb') as f:
        add('cover.png', f.read(), 'image/png', 'cover-image')
    xhtml = 'application/xhtml+xml'
    add('cover.xhtml', XHTML.format(
        title=escape(title), kind=' class="cover" epub:type="cover"',
        body=f'<div><img src="cover.png" alt="{escape(title)}: {escape(subtitle)}"/></div>'),
        xhtml, read=True)
    add('title.xhtml', XHTML.format(
        title=escape(title), kind=' epub:type="titlepage"', body=
        f'<div class="titlepage"><h1>{escape(title)}</h1><p>{escape(subtitle)}</p>'
        '<div class="words">' + ''.join(f'<p>{escape(w)}</p>' for w in words) +
        '<p>Code: MIT licence. Prose and drawings: CC BY 4.0.</p></div></div>'),
        xhtml, read=True)
    add('nav.xhtml', XHTML.format(title='Contents', kind='', body=contents(pages)),
        xhtml, 'nav', read=True)
    for stem, page in pages.items():
        out = []
        write_xhtml(page, stem, anchors, out)
        tags = {e.tag for e in page.walk()}
        properties = ' '.join(p for p, tag in (('mathml', 'math'), ('svg', 'svg'))
                              if tag in tags)
        head = next(e for e in page.walk() if e.tag == 'h1')
        add(stem + '.xhtml', XHTML.format(title=escape(heading(head)), kind='',
                                          body=''.join(out)),
            xhtml, properties, read=True)
    moment = time.gmtime(made())
    package = PACKAGE.format(
        uuid=uuid.uuid5(uuid.NAMESPACE_URL, 'urn:weft:book'), title=escape(title),
        subtitle=escape(subtitle), modified=time.strftime('%Y-%m-%dT%H:%M:%SZ', moment),
        manifest='\n'.join(manifest), spine='\n'.join(spine))
    files = {'META-INF/container.xml': CONTAINER, 'EPUB/package.opf': package, **files}
    date = max(moment[:6], (1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(target + '.new', 'w') as z:
        def put(name, content, how):
            info = zipfile.ZipInfo(name, date)
            info.compress_type, info.external_attr = how, 0o644 << 16
            z.writestr(info, content)
        put('mimetype', 'application/epub+zip', zipfile.ZIP_STORED)
        for name, content in files.items():
            put(name, content, zipfile.ZIP_DEFLATED)
    os.replace(target + '.new', target)


if __name__ == '__main__':
    main(*sys.argv[1:])
