#!/usr/bin/env python3
"""noweb back end: split the token stream of the book into one file per page.

    backend.py OUTDIR COVER.md < tokens
    backend.py --prose OUTDIR CHANGED...

writes into OUTDIR, and only where the text changed:
    NN-name.tok       a chapter: its Markdown, its code word by word, and every
                      link of code already resolved (reader.lua turns it into
                      a page)
    index.tok, files.tok, chunks.tok, identifiers.tok   the pages that lead there
    labels.lua        numbers and titles of chapters, sections, figures, ...
    book.pickle       what --prose has to know of the other chapters

With --prose only the .tok files of the changed chapters are made again, from
the text that noweb's markup makes of them. The status is 1, and nothing is
written, if more than prose has changed in them.

The anchors do not come from noweb's cross-reference, because those change
with the text: ours are made of names, and survive edits elsewhere. Uses in
comments and strings do not count.

A .tok file has one token a line, fields separated by tabs:
    @text T, @nl              Markdown
    @svg ID ... @endsvg       a drawing, in @text lines
    @quote RAW ... @endquote  [[RAW]] in the Markdown
    @begin KIND ANCHOR OP NAME ... @end     a piece of code, with
    @note WHAT HREF TEXT      a line above or below it
    @word CLASS HREF ID TEXT  one word, or several that look alike
    @use HREF NAME            a use of a chunk
    @fatal MESSAGE, @unknown MESSAGE        why there can be no page
"""
import hashlib
import os
import pickle
import re
import subprocess
import sys
import nw


class Book:
    def __init__(self, chapters):
        self.chapters = chapters
        self.errors = {c: [] for c in chapters}
        self.chunks = nw.pieces_by_name(chapters)
        for root in filter(nw.is_root, self.chunks):
            nw.mark_locals(self.chunks, root)
        self.pieces = [p for c in chapters for p in c.items
                       if isinstance(p, nw.Piece)]
        self.labels = {}        # sec:walk -> (chapter, '5.1', 'Section 5.1')
        self.numbers = {c.number for c in chapters}
        self.sections = {c: [] for c in chapters}
        self.figures = {}       # fig:name -> text of the drawing
        self.titles = {}        # chapter -> (id, title)
        self.mentions = []      # (chapter, line, @reference or @citation)
        self.keys = read_keys(chapters)
        self.defs = {}          # identifier -> its Definitions
        self.users = {}         # name of chunk -> pieces that use it

    def error(self, chapter, line, message, kind='@fatal'):
        self.errors[chapter].append((line, kind, message))


# ------------------------------------------------------------------- naming

def plain(text):
    """A title or chunk name without its [[ ]] and Markdown signs."""
    return re.sub(r'\[\[|\]\]|[`*]', '', text)


def slug(name):
    return re.sub(r'[^\w./]+', '-', plain(name)).strip('-')


def chapter_name(chapter, titles):
    if not chapter.label:
        return titles[chapter][1]
    return ('Appendix ' if chapter.number >= 90 else 'Chapter ') + chapter.label


def name_pieces(book):
    """Give each piece its anchor. Pieces of a chunk are counted; those that a
    later chapter replaces are counted apart, so that the count is stable."""
    owner, count = {}, {}
    for p in book.pieces:
        anchor = 'c:' + slug(p.name)
        if p.until:
            anchor += f':until-{p.until}'
        first = owner.setdefault(anchor, p.name)
        if first != p.name:
            book.error(p.chapter, p.line, f'the names <<{p.name}>> and '
                       f'<<{first}>> would have the same address')
        n = count[anchor] = count.get(anchor, 0) + 1
        p.anchor = anchor if n == 1 else f'{anchor}:{n}'


class Definition:
    def __init__(self, piece, index, name, kind, static):
        self.piece, self.index, self.name = piece, index, name
        self.kind, self.static = kind, static
        self.uses = {}          # chapter -> first piece there that uses it

    def __getstate__(self):
        return self.__dict__ | {'uses': {}}


def line_with(piece, name, index):
    """The line to anchor a definition at: the one it is marked at, else
    (by hand, with %def, after the code) the first that has the name."""
    word = ('id', name.split()[-1])
    lines = [i for i, words in enumerate(piece.words) if word in words]
    return index if index in lines else lines[0] if lines else None


def name_definitions(book):
    """Name -> its definitions in book order, each with its anchor."""
    taken = set()
    for p in book.pieces:
        p.defs = {}
        for index, name, kind, static in p.marked:
            index = line_with(p, name, index)
            if index is None or name in p.defs:
                continue
            d = Definition(p, index, name, kind, static)
            parts = ['d', slug(name)]
            parts += [p.machine] if p.machine else []
            parts += [f'until-{p.until}'] if p.until else []
            anchor, n = ':'.join(parts), 1
            while anchor in taken:
                n += 1
                anchor = ':'.join(parts + [str(n)])
            taken.add(anchor)
            d.anchor = anchor
            p.defs[name] = d
            book.defs.setdefault(name, []).append(d)


# ---------------------------------------------------------------- resolving

def current(candidates, chapter, piece=lambda c: c):
    """Of several candidates the one that a reader of `chapter` means: the
    first that its prefix of the book holds, else the first still to come."""
    alive = [c for c in candidates if piece(c).until is None
             or piece(c).until > chapter.number]
    earlier = [c for c in alive if piece(c).chapter.number <= chapter.number]
    return (earlier or alive or candidates)[0]


def find_chunk(book, name, chapter):
    pieces = book.chunks.get(name)
    return current(pieces, chapter) if pieces else None


def find_definition(book, name, chapter, machine, roots):
    """The definition meant by `name` in code of these roots (None: prose)."""
    found = [d for d in book.defs.get(name, ())
             if (not machine or d.piece.machine in ('', machine))
             and (roots is None or not d.static or roots & d.piece.roots)]
    own = [d for d in found if d.piece.machine == machine]
    if roots is None:           # prose means its own chapter first
        own = [d for d in own if d.piece.chapter is chapter] or own
    return current(own or found, chapter, lambda d: d.piece) if found else None


def href(here, chapter, anchor):
    return ('' if here is chapter else chapter.stem + '.html') + '#' + anchor


def entry(name):
    """Where the index of identifiers lists this one."""
    return 'identifiers.html#id:' + slug(name)


def words_out(book, words, chapter, machine, roots, line, piece=None, at=None):
    """One line of code as @word and @use tokens, with its links."""
    out, run, before, is_tag, anchored = [], [], '', '', []

    def flush():
        if run:
            out.append(f'@word\t{run[0][0]}\t\t\t' + ''.join(t for _, t in run))
            run.clear()
    first = True                # the instruction of a line of assembler
    for cls, text in words:
        link = anchor = None
        if cls == 'use':
            flush()
            out.append(chunk_link(book, text, chapter, line))
            continue
        if cls == 'id' and before not in ('.', '->', '%'):
            name = f'{is_tag} {text}' if is_tag else text
            mine = piece and piece.defs.get(name)
            if mine and mine.index == at and mine not in anchored:
                anchored.append(mine)
                anchor, link = mine.anchor, entry(name)
            elif is_tag or not piece or text not in piece.locals:
                d = find_definition(book, name, chapter, machine, roots)
                if d and not (first and piece and d.kind != 'macro'
                              and piece.language() == 'asm'):
                    link = href(chapter, d.piece.chapter, d.anchor)
                    if piece:
                        d.uses.setdefault(chapter, piece)
        if cls != 'ws':
            first = text == ':'
            before = text
            is_tag = text if text in ('struct', 'union', 'enum') else ''
        if link:
            flush()
            out.append(f'@word\t{"def" if anchor else "id"}\t{link}\t'
                       f'{anchor or ""}\t{text}')
            continue
        style = cls if cls in ('co', 'st', 'pp', 'kw') else ''
        if run and run[0][0] != style and text.strip():
            flush()
        run.append((run[0][0] if run else style, text))
    flush()
    return out


def chunk_link(book, name, chapter, line):
    target = find_chunk(book, name, chapter)
    if not target:
        book.error(chapter, line, f'unknown chunk <<{name}>>', '@unknown')
    link = href(chapter, target.chapter, target.anchor) if target else ''
    return f'@use\t{link}\t{title_of(name)}'


def title_of(name):
    """The name a chunk is shown under."""
    m = re.fullmatch(r'transcript/(\d+)\.(\w+)(?:\.(.*))?', name)
    if not m:
        return name
    return (f'Transcript: {m[2]}, chapter {int(m[1])}'
            + (f' ({m[3].replace(".", ", ")})' if m[3] else ''))


# ------------------------------------------------------------ documentation

PLACE = re.compile(r'(?<![\w\\@])@((ch|sec|fig|tbl|ex):\w+(?:[-.:/]+\w+)*)')
CITATION = re.compile(r'(?<![\w\\])@([A-Za-z]\w*(?:[-.:/]+\w+)*)')
FIGURE = re.compile(r'\]\(([^)\s]+\.(?:svg|png|jpg))\)(?:\{#(fig:[^\s}]+)[^}]*\})?')


def raw(parts):
    """The text of a documentation line, [[ ]] and << >> written again."""
    return ''.join(
        '[[' + raw(value) + ']]' if kind == 'quote' else
        '<<' + value + '>>' if kind == 'use' else value
        for kind, value in parts)


def is_fence(text, fence):
    """The fence of Markdown code that is open after this line, or None."""
    m = re.match(r'\s*(`{3,}|~{3,})', text)
    if not m:
        return fence
    if fence is None:
        return m[1]
    return None if text.strip().startswith(fence) else fence


def read_docs(book, chapter):
    """Number what carries a label; note the machine of each line of prose,
    what it refers to, and the errors that need a line number."""
    counts, fence, divs = {}, None, []
    for item in chapter.items:
        if isinstance(item, nw.Piece):
            continue
        item.marks = []         # for each line: 'code', 'div' or its machine
        for line, parts in item.lines:
            text = raw(parts)
            opened, fence = fence, is_fence(text, fence)
            if opened or fence:
                item.marks.append('code')
                continue
            m = re.match(r'\s*:{3,}\s*(.*?)\s*:*\s*$', text)
            if m and m[1]:
                divs.append((line, m[1]))
                names = re.findall(r'\.([\w-]+)', m[1]) or m[1].split()
                if names[0] not in DIVISIONS:
                    book.error(chapter, line, f'unknown division ::: {m[1]}')
                stars = re.search(r'\bstars=([^\s}]*)', m[1])
                if stars and stars[1].strip('"') not in ('1', '2', '3'):
                    book.error(chapter, line, 'stars are 1, 2 or 3')
            elif m and divs:
                divs.pop()
            elif m:
                book.error(chapter, line, 'this ::: closes nothing')
            machine = [d for _, d in divs if d in ('riscv', 'i386')]
            item.marks.append('div' if m else 'in:' + ''.join(machine[-1:]))
            read_labels(book, chapter, counts, line, text)
            without_code = re.sub(r'(`+).+?\1|\[\[.*?\]\]', '', text)
            for m in PLACE.finditer(without_code):
                book.mentions.append((chapter, line, m[1]))
            for bracket in re.findall(r'\[([^][]*@[^][]*)\]', without_code):
                for m in CITATION.finditer(bracket):
                    if ':' not in m[1]:
                        book.mentions.append((chapter, line, m[1]))
    for line, what in divs:
        book.error(chapter, line, f'::: {what} is never closed')
    if chapter not in book.titles:
        book.error(chapter, 1, 'no title: # Title {#ch:slug}')
        book.titles[chapter] = ('', chapter.stem)


DIVISIONS = ('pair riscv i386 question attempt aside warning design hint '
             'answers exercise item tally').split()


def read_labels(book, chapter, counts, line, text):
    """Number the heading, figure, table or exercise of this line, if any."""
    heading = re.match(r'(#{1,2})\s+(.*?)\s*(?:\{#([^\s}]+)[^}]*\})?\s*$', text)
    if heading:
        level, title, ident = heading.groups()
        kind = ('ch', 'sec')[len(level) - 1]
        if not (ident or '').startswith(kind + ':'):
            book.error(chapter, line, f'this heading needs an id {{#{kind}:...}}')
            return
        if kind == 'ch':
            book.titles[chapter] = (ident, plain(title))
            add_label(book, chapter, counts, line, ident)
        else:
            number = add_label(book, chapter, counts, line, ident, plain(title))
            book.sections[chapter].append((ident, number, plain(title)))
    for m in FIGURE.finditer(text):
        path, ident = m.groups()
        if not ident:
            book.error(chapter, line, 'this figure needs an id {#fig:...}')
            continue
        add_label(book, chapter, counts, line, ident)
        try:
            book.figures[ident] = read_figure(chapter, path, ident)
        except (OSError, ValueError) as e:
            reason = getattr(e, 'strerror', None) or e
            book.error(chapter, line, f'figure {path}: {reason}')
    m = re.match(r'(?:Table)?: .*\{#(tbl:[^\s}]+)\}', text) or \
        re.match(r'\s*:{3,}\s*\{.*\.exercise\b', text)
    if m and m.re.groups:
        add_label(book, chapter, counts, line, m[1])
    elif m or re.match(r'\s*:{3,}\s*exercise\b', text):
        m = re.search(r'#(ex:[^\s}]+)', text)
        if m:
            add_label(book, chapter, counts, line, m[1])
        else:
            book.error(chapter, line, 'this exercise needs an id {#ex:...}')


NAMES = {'sec': 'Section', 'fig': 'Figure', 'tbl': 'Table', 'ex': 'Exercise'}


def add_label(book, chapter, counts, line, ident, title=''):
    if ident in book.labels:
        book.error(chapter, line, f'{ident} is already in '
                   f'{book.labels[ident][0].path}')
        return ''
    kind = ident.split(':')[0]
    if kind == 'ch':
        book.labels[ident] = (chapter, chapter.label,
                              chapter_name(chapter, book.titles))
        return chapter.label
    counts[kind] = counts.get(kind, 0) + 1
    number = f'{chapter.label}.{counts[kind]}' if chapter.label else \
        '' if kind == 'sec' else str(counts[kind])
    text = f'{NAMES[kind]} {number}' if number else f'“{title}”'
    book.labels[ident] = (chapter, number, text)
    return number


def read_figure(chapter, path, ident):
    """An SVG drawing ready to stand in a page: the ids in it made unique, its
    title and description as text alternative."""
    with open(os.path.join(os.path.dirname(chapter.path), path)) as f:
        svg = f.read()
    svg = re.sub(r'<\?.*?\?>|<!--.*?-->|<!DOCTYPE.*?>', '', svg, flags=re.S)
    root = re.search(r'<svg\b[^>]*>', svg)
    if not root or not svg.rstrip().endswith('</svg>'):
        raise ValueError('not an SVG drawing')
    if re.search(r'<script|<foreignObject|\son\w+=|(href="|url\()\s*(?!#|\s)', svg):
        raise ValueError('a drawing must not refer to anything outside it')
    prefix = ident.replace(':', '-') + '-'
    svg = re.sub(r'\b(id="|href="#|url\(#)', r'\g<1>' + prefix, svg)
    for part in ('title', 'desc'):
        if not re.search(rf'<{part}\b[^>]*>\s*[^\s<]', svg):
            raise ValueError(f'no <{part}>, so nothing to read aloud')
        svg = re.sub(rf'<{part}\b[^>]*>', f'<{part} id="{prefix}{part}">', svg, count=1)
    # In a page the style sheet gives every class its colours, light and dark.
    svg = re.sub(r'<[^>]*class="fig-(?!text|mono)[^>]*>', lambda tag: re.sub(
        r'\s(fill|stroke)="[^"]*"', '', tag.group()), svg)
    svg = re.sub(r'\n\s+', '\n', svg)
    attributes = re.sub(r'\s(role|aria-\w+)="[^"]*"', '', root.group())[4:]
    start = svg.index('<svg')
    return (f'<svg role="img" aria-labelledby="{prefix}title {prefix}desc"'
            + attributes + svg[svg.index('>', start) + 1:]).strip()


def read_keys(chapters):
    """The keys of references.bib beside the chapters; None without it."""
    path = os.path.join(os.path.dirname(chapters[0].path), 'references.bib')
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return set(re.findall(r'@\w+\s*\{\s*([^\s,]+)', f.read()))


def check_mentions(book):
    for chapter, line, ident in book.mentions:
        if ':' in ident:
            if ident not in book.labels:
                book.error(chapter, line, f'unknown reference @{ident}', '@unknown')
        elif book.keys is not None and ident not in book.keys:
            book.error(chapter, line, f'unknown citation @{ident}')


# ------------------------------------------------------------------ writing

def docs_out(book, chapter, docs):
    """A documentation chunk: its Markdown, its quoted code and drawings."""
    out = []
    for (line, parts), mark in zip(docs.lines, docs.marks):
        if mark == 'div':
            out += ['@nl']      # Markdown wants a blank line around :::
        for kind, value in parts:
            if kind == 'text':
                out.append('@text\t' + value)
            elif mark == 'code':
                out.append('@text\t' + raw([(kind, value)]))
            else:
                out += quote_out(book, chapter, line, value, mark[3:])
        out += ['@nl', '@nl'] if mark == 'div' else ['@nl']
        for m in FIGURE.finditer(raw(parts)) if mark != 'code' else ():
            ident = m[2]
            if ident in book.figures:
                out.append(f'@svg\t{ident}')
                out += ['@text\t' + t for t in book.figures[ident].splitlines()]
                out.append('@endsvg')
    return out


def quote_out(book, chapter, line, parts, machine):
    """[[code]] or [[<<chunk>>]] in prose, its identifiers linked."""
    out = ['@quote\t' + raw(parts)]
    for kind, value in parts:
        if kind == 'use':
            out.append(chunk_link(book, value, chapter, line))
            continue
        words = nw.split_words([(line, [(kind, value)])], 'c')[0]
        if len(words) == 1 and value not in book.defs:
            value = next((t for tag in ('struct', 'union', 'enum')
                          if (t := f'{tag} {value}') in book.defs), value)
        d = find_definition(book, value, chapter, machine, None)
        if d:                   # one identifier, or `struct page`
            target = href(chapter, d.piece.chapter, d.anchor)
            out.append(f'@word\tid\t{target}\t\t{"".join(t for _, t in words)}')
        else:
            words = [(c if c in ('id', 'ws') else 'op', t) for c, t in words]
            out += words_out(book, words, chapter, machine, None, line)
    return out + ['@endquote']


def where(book, chapter):
    """A chapter's name inside a sentence."""
    name = chapter_name(chapter, book.titles)
    return name[0].lower() + name[1:] if chapter.label else f'“{name}”'


def piece_out(book, p):
    """A piece of code, with notes on what it is connected to."""
    kind = 'transcript' if p.name.startswith('transcript/') else \
        'file' if nw.is_file(p.name) else 'chunk'
    same = [q for q in book.chunks[p.name] if q is not p and nw.coexist(p, q)]
    everyone = book.chunks[p.name]
    before = [q for q in same if everyone.index(q) < everyone.index(p)]
    after = [q for q in same if everyone.index(q) > everyone.index(p)]
    sign = '+≡' if before else '≡'
    out = [f'@begin\t{kind}\t{p.anchor}\t{sign}\t{title_of(p.name)}']

    def note(what, q, text):
        link = href(p.chapter, q.chapter, q.anchor) if q else ''
        out.append(f'@note\t{what}\t{link}\t{text}')

    def place(q, near, far=''):
        return near if q.chapter is p.chapter else far + where(book, q.chapter)
    old = [q for q in everyone if q.until and q.until == p.chapter.number]
    if old and not any(q.chapter is p.chapter for q in before):
        note('replaces', old[-1], where(book, old[-1].chapter))
    if p.until:
        new = [q for q in everyone if q.chapter.number == p.until]
        rest = [q for q in same if q.chapter.number < p.until
                and (q.until or p.until + 1) > p.until]
        if not new and not (rest and p.until in book.numbers):
            book.error(p.chapter, p.line, f'chapter {p.until} does not define '
                       f'<<{p.name}>>, which it should replace', '@unknown')
        note('replaced' if new or not rest else 'dropped',
             new[0] if new else None, f'chapter {p.until}')
    if before:
        note('continues', before[-1], place(before[-1], 'above'))
    if after:
        note('continued', after[0], place(after[0], 'below', 'in '))
    users = {}
    # Where a piece continues one above, that one says it.
    for q in () if any(q.chapter is p.chapter for q in before) else \
            book.users.get(p.name, ()):
        if nw.coexist(p, q):
            users.setdefault((q.name, q.chapter), q)
    for q in users.values():
        note('used', q, title_of(q.name))
    for d in p.defs.values():
        out.append(f'@note\tdefines\t{entry(d.name)}\t{d.name}')
    for index, (line, parts) in enumerate(p.lines):
        if kind == 'transcript':
            out += transcript_out(raw(parts))
        else:
            out += words_out(book, p.words[index], p.chapter, p.machine,
                             p.roots, line, p, index)
        out.append('@nl')
    return out + ['@end']


def transcript_out(text):
    """What is typed after the prompt; {word} stands for what may differ."""
    out = []
    prompt = re.match(r'weft> ', text)
    if prompt:
        out.append('@word\t\t\t\t' + prompt.group())
        text = text[prompt.end():]
    for part in re.split(r'(\{[A-Za-z]+\})', text):
        if re.fullmatch(r'\{[A-Za-z]+\}', part):
            out.append(f'@word\tany\t\t\t{part[1:-1]}')
        elif part:
            out.append(f'@word\t{"typed" if prompt else ""}\t\t\t{part}')
    return out


def chapter_out(book, chapter):
    out = []
    for item in chapter.items:
        out += docs_out(book, chapter, item) if isinstance(item, nw.Docs) \
            else piece_out(book, item)
    errors = [f'{kind}\t{chapter.path}:{line}: {message}'
              for line, kind, message in sorted(book.errors[chapter])]
    return errors + out


def markdown(text):
    """Lines of Markdown as tokens."""
    return ['@text\t' + line + '\n@nl' for line in text.splitlines()]


def by_chapter(items, book):
    """Links to items (chapter, anchor), shown as chapter numbers."""
    return ', '.join(f'[{c.label or book.titles[c][1]}]({c.stem}.html#{a})'
                     for c, a in items)


def escaped(title):
    return re.sub(r'([\\_<>#^~@])', r'\\\1', title)


def index_out(book, cover):
    """The first page: the cover, with the table of contents at its end or
    where it says <!-- contents -->."""
    before, _, after = cover.partition('<!-- contents -->')
    out = markdown(before) + markdown('\n## Contents {#contents}\n\n::: contents\n')
    for c in book.chapters:
        number = f'[{c.label}]{{.number}} ' if c.label else ''
        out += markdown(f'- [{number}{escaped(book.titles[c][1])}]({c.stem}.html)')
        for ident, n, title in book.sections[c]:
            number = f'[{n}]{{.number}} ' if n else ''
            out += markdown(f'    - [{number}{escaped(title)}]({c.stem}.html#{ident})')
    out += markdown('- [Files](files.html)\n'
                    '- [Index of chunks](chunks.html)\n'
                    '- [Index of identifiers](identifiers.html)\n\n:::\n')
    return out + markdown(after)


def chunks_out(book):
    out = markdown('# Index of chunks {#ch:chunks}\n\nThe numbers are chapters: '
                   'first where the chunk is defined, then where it is used.\n')
    groups = {'Files': [], 'Chunks': [], 'Transcripts': [], 'Answers': []}
    for name in sorted(book.chunks, key=lambda n: (plain(n).lower(), n)):
        groups['Transcripts' if name.startswith('transcript/') else
               'Answers' if name.startswith('answer/') else
               'Files' if nw.is_root(name) else 'Chunks'].append(name)
    for group, names in groups.items():
        out += markdown(f'\n## {group} {{#{group.lower()}}}\n\n::: index\n')
        for name in names:
            pieces = book.chunks[name]
            users = by_chapter({p.chapter: p.anchor for p in
                                reversed(book.users.get(name, ()))}.items(), book)
            out += ['@text\t- ', '@quote\t', f'@use\t{pieces[0].chapter.stem}.html'
                    f'#{pieces[0].anchor}\t{title_of(name)}', '@endquote']
            out += markdown(' ' + by_chapter([(p.chapter, p.anchor) for p in pieces], book)
                            + (f'; used in {users}' if users else ''))
        out += markdown('\n:::\n')
    return out


def count_lines(book, name, last, chapters):
    """How long a chunk is when it is tangled. CHAPTERS gets an anchor for each
    chapter that has a part in it."""
    lines = 0
    for piece in book.chunks.get(name, ()):
        if piece.until is None or piece.until > last:
            chapters.setdefault(piece.chapter, piece.anchor)
            for _, parts in piece.lines:
                uses = [text for kind, text in parts if kind == 'use']
                lines += max(count_lines(book, uses[0], last, chapters), 1) \
                    if uses else 1
    return lines


def files_out(book):
    """The tangled files, folder by folder."""
    out = markdown('# Files {#ch:files}\n\nThe files that the book makes, as the '
                   'compiler sees them. The lines of each lead back to the chunks '
                   'they come from.\n')
    folders = {}
    for name in sorted(book.chunks):
        if nw.is_file(name):
            folders.setdefault(name[:name.rindex('/') + 1], []).append(name)
    last = max(book.numbers)
    for folder, names in folders.items():
        out += markdown(f'\n## `{folder}` {{#{nw.folder_anchor(folder)}}}'
                        '\n\n::: index\n')
        for name in names:
            chapters = {}
            lines = count_lines(book, name, last, chapters)
            places = by_chapter(sorted(chapters.items(), key=lambda c: c[0].stem), book)
            out += markdown(f'- [`{name[len(folder):]}`]({nw.file_page(name)}) '
                            f'{lines} {"line" if lines == 1 else "lines"}; {places}')
        out += markdown('\n:::\n')
    return out


def identifiers_out(book):
    out = markdown('# Index of identifiers {#ch:identifiers}\n\nThe numbers are '
                   'chapters: first where the identifier is defined, then where '
                   'it is used.\n\n::: index\n')
    for name in sorted(book.defs, key=lambda n: (n.split()[-1].lower().strip('_'), n)):
        defs = book.defs[name]
        users = {}
        for d in defs:
            for chapter, piece in d.uses.items():
                users.setdefault(chapter, piece.anchor)
        users = by_chapter(sorted(users.items(), key=lambda u: u[0].stem), book)
        kinds = ', '.join(dict.fromkeys(d.kind for d in defs if d.kind != 'name'
                                        and not name.startswith(d.kind)))
        places = ', '.join(by_chapter([(d.piece.chapter, d.anchor)], book)
                           + (f' {d.piece.machine}' if d.piece.machine else '')
                           for d in defs)
        out += ['@text\t- ', '@quote\t', f'@word\tdef\t\tid:{slug(name)}\t{name}',
                '@endquote']
        out += markdown((f' *{kinds}*' if kinds else '') + ' ' + places
                        + (f'; used in {users}' if users else ''))
    return out + markdown('\n:::\n')


def file_links(book):
    """Where a tangled file, or a folder of them, is shown as a whole."""
    files = sorted(n for n in book.chunks if nw.is_file(n))
    folders = {n[:n.rindex('/') + 1] for n in files}
    return {n: f'files.html#{nw.folder_anchor(n)}' for n in sorted(folders)} | {
        n: nw.file_page(n) for n in files}


def lua(value):
    """A Python value as Lua source."""
    if isinstance(value, dict):
        return '{' + ',\n'.join(f'[{lua(k)}]={lua(v)}' for k, v in value.items()) + '}'
    if isinstance(value, list):
        return '{' + ','.join(map(lua, value)) + '}'
    return '"' + str(value).replace('\\', '\\\\').replace('"', '\\"') + '"'


def labels_out(book):
    pages, refs = [], {}
    for c in book.chapters:
        ident, title = book.titles[c]
        pages.append({'file': c.stem, 'number': c.label, 'title': title,
                      'name': chapter_name(c, book.titles),
                      'sections': [{'id': i, 'number': n, 'title': t}
                                   for i, n, t in book.sections[c]]})
    for ident, (c, number, text) in book.labels.items():
        refs[ident] = {'file': c.stem, 'number': number, 'text': text}
    return 'return ' + lua({'pages': pages, 'refs': refs,
                            'files': file_links(book), 'bibliography':
                            'no' if book.keys is None else 'yes'}) + '\n'


def write(folder, name, text):
    """Write the file unless it already says so: make looks at its time."""
    path = os.path.join(folder, name)
    try:
        with open(path) as f:
            if f.read() == text:
                return
    except OSError:
        pass
    with open(path + '.new', 'w') as f:
        f.write(text)
    os.replace(path + '.new', path)


# -------------------------------------------------------- prose that changed

def fingerprint(chapter):
    """What stays the same while only prose changes: the code."""
    digest = hashlib.sha256()
    for item in chapter.items:
        if isinstance(item, nw.Piece):
            code = [parts for _, parts in item.lines]
            digest.update(repr((item.name, item.until, code)).encode())
    return digest.hexdigest()


def labels_of(book, chapter):
    """What other pages show of a chapter."""
    return (book.titles[chapter], book.sections[chapter],
            [label for label in book.labels.items() if label[1][0] is chapter])


def save(folder, book):
    """Keep what a later run with --prose needs, unless there are errors."""
    path = os.path.join(folder, 'book.pickle')
    if any(book.errors.values()):
        if os.path.exists(path):
            os.remove(path)
        return
    for chapter in book.chapters:
        chapter.code = fingerprint(chapter)
    book.pieces, book.figures, book.users, book.mentions = [], {}, {}, []
    with open(path + '.new', 'wb') as f:
        pickle.dump(book, f, pickle.HIGHEST_PROTOCOL)
    os.replace(path + '.new', path)


def pieces_of(text):
    """The pieces of code in a .tok file, as lines."""
    return re.findall(r'^@begin\t.*?^@end$', text, re.S | re.M)


def prose(folder, *changed):
    """Make the .tok files of chapters in which only prose has changed."""
    with open(os.path.join(folder, 'book.pickle'), 'rb') as f:
        book = pickle.load(f)
    out = {}
    for path in changed:
        chapter = next(c for c in book.chapters if c.path == path)
        marked = subprocess.run([MARKUP, '-t', path], check=True, text=True,
                                capture_output=True).stdout
        new = nw.parse(marked.splitlines())[0]
        before = labels_of(book, chapter)
        chapter.items, book.sections[chapter] = new.items, []
        for ident, _ in before[2]:
            del book.labels[ident]
        book.titles.pop(chapter)
        read_docs(book, chapter)
        if (fingerprint(new), *labels_of(book, chapter)) != (chapter.code, *before):
            return 1
        name = os.path.join(folder, chapter.stem + '.tok')
        with open(name) as f:
            pieces = iter(pieces_of(f.read()))
        out[chapter] = [line for item in new.items for line in
                        (docs_out(book, chapter, item)
                         if isinstance(item, nw.Docs) else [next(pieces)])]
    check_mentions(book)
    if any(book.errors.values()):
        return 1
    for chapter, lines in out.items():
        write(folder, chapter.stem + '.tok', '\n'.join(lines) + '\n')
    return 0


MARKUP = os.environ.get('NOWEB_LIB', '/usr/lib/noweb') + '/markup'


def main(folder, cover):
    chapters = nw.parse(sys.stdin.readlines())
    if not chapters:
        sys.exit('weave: noweave passed no chapter on')
    book = Book(chapters)
    name_pieces(book)
    name_definitions(book)
    for p in book.pieces:
        for name in dict.fromkeys(t for _, parts in p.lines
                                  for kind, t in parts if kind == 'use'):
            book.users.setdefault(name, []).append(p)
    for chapter in book.chapters:
        read_docs(book, chapter)
    check_mentions(book)
    pages = {c.stem: chapter_out(book, c) for c in book.chapters}
    with open(cover) as f:
        pages['index'] = index_out(book, f.read())
    pages['files'] = files_out(book)
    pages['chunks'] = chunks_out(book)
    pages['identifiers'] = identifiers_out(book)
    write(folder, 'labels.lua', labels_out(book))
    for stem, out in pages.items():
        write(folder, stem + '.tok', '\n'.join(out) + '\n')
    save(folder, book)


if __name__ == '__main__':
    if sys.argv[1] == '--prose':
        sys.exit(prose(*sys.argv[2:]))
    main(*sys.argv[1:3])        # noweave adds options of its own back ends
