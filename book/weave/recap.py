#!/usr/bin/env python3
"""What grew in every chapter: its files with their lines, the size of its
kernel, and where to see what that prints.

    recap.py OUTDIR SIZES BOOK/NN-name.nw ...

writes for each chapter OUTDIR/NN-name.recap, in the tokens that backend.py
uses; for a chapter without code the file is empty. reader.lua puts the text
at the end of the section Recap. A file is written only where its text changed.

SIZES is a file of `make measure`, with lines CHAPTER MACHINE size NAME BYTES.
Without it the sizes are left out.
"""
import os
import re
import subprocess
import sys
import nw
from backend import markdown, write

MARKUP = os.environ.get('NOWEB_LIB', '/usr/lib/noweb') + '/markup'
MACHINES = {'riscv': 'riscv64', 'i386': 'i386'}
FOREVER = 10 ** 9
# In what order parts of the kernel are listed.
PARTS = ['kernel/', 'machine/riscv/', 'machine/i386/', 'include/', 'first/']


def read_book(chapters):
    tokens = subprocess.run([MARKUP, '-t', *chapters], check=True, text=True,
                            capture_output=True).stdout
    return nw.parse(tokens.splitlines(keepends=True))


def spans(pieces, name, start=0, end=FOREVER, busy=()):
    """For each line of a chunk, expanded, that is not empty: the first
    chapter whose kernel has it, and the first whose kernel has it no more."""
    for piece in pieces.get(name, ()):
        first = max(start, piece.chapter.number)
        last = min(end, piece.until or FOREVER)
        if first >= last:
            continue
        for _, parts in piece.lines:
            used = [text for kind, text in parts if kind == 'use']
            if used and used[0] not in busy:
                yield from spans(pieces, used[0], first, last, (*busy, name))
            elif used or ''.join(text for _, text in parts).strip():
                yield first, last


def files_of(chapters):
    """{path: its spans}"""
    pieces = {}
    for chapter in chapters:
        for item in chapter.items:
            if isinstance(item, nw.Piece):
                pieces.setdefault(item.name, []).append(item)
    return pieces, {name: list(spans(pieces, name)) for name in pieces
                    if nw.is_file(name)}


def place(path):
    return next((n for n, part in enumerate(PARTS) if path.startswith(part)),
                len(PARTS)), path


def grown(files, number):
    """(path, lines added, lines dropped, lines now) of what changed."""
    for path in sorted(files, key=place):
        lines = files[path]
        added = sum(1 for first, last in lines if first == number < last)
        dropped = sum(1 for _, last in lines if last == number)
        if added or dropped:
            yield path, added, dropped, sum(
                1 for first, last in lines if first <= number < last)


def read_sizes(path):
    """{chapter: {machine: {part: bytes}}}"""
    sizes = {}
    try:
        with open(path) as f:
            for line in f:
                m = re.match(r'(\d+) (\w+) size (\w+) (\d+)$', line)
                if m:
                    sizes.setdefault(int(m[1]), {}).setdefault(
                        m[2], {})[m[3]] = int(m[4])
    except OSError:
        pass
    return sizes


def sizes_table(sizes, before):
    parts = {'text': 'text', 'constants': 'constants', 'data': 'variables'}
    yield from ['| Bytes of the kernel |' + ' | '.join(MACHINES.values())
                + ' | more on ' + ' | more on '.join(MACHINES.values()) + ' |',
                '|:----|:----|:----|:----|:----|']
    for part, name in parts.items():
        now = [sizes[m][part] for m in MACHINES]
        then = [before.get(m, {}).get(part, 0) for m in MACHINES]
        yield f'| {name} | ' + ' | '.join(
            [f'{n:,}' for n in now] +
            [f'{n - t:+,}'.replace('-', '−') for n, t in zip(now, then)]
        ) + ' |'
    yield ''


def section(chapter, pieces, files, sizes):
    number = chapter.number
    rows = list(grown(files, number))
    if not rows:
        return []

    out = ['', '', '::: grown', '',
           'These files grew; lines that are empty are not counted.', '',
           '| File | lines | in all |',
           '|:---------------------------|:------|:------|']
    for path, added, dropped, now in rows:
        change = '\u00a0'.join(f'{sign}{n}' for n, sign in
                              ((added, '+'), (dropped, '−')) if n)
        out.append(f'| `{path}` | {change} | {now} |')
    total = sum(1 for lines in files.values() for first, last in lines
                if first <= number < last)
    files_word = 'file' if len(rows) == 1 else 'files'
    out += [f'| {len(rows)} {files_word} | +{sum(r[1] for r in rows)} | '
            f'{total} in the whole kernel |', '']
    before = max((n for n in sizes if n < number), default=None)
    if set(MACHINES) <= set(sizes.get(number, ())):
        out += sizes_table(sizes[number], sizes.get(before, {}))
    shown = [f'[{label}](#c:transcript/{number:02}.{machine})'
             for machine, label in MACHINES.items()
             if f'transcript/{number:02}.{machine}' in pieces]
    if shown:
        out += ['What it prints: ' + ', '.join(shown) + '.', '']
    return out + [':::', '']


def main(folder, sizes_path, *paths):
    chapters = read_book(paths)
    pieces, files = files_of(chapters)
    sizes = read_sizes(sizes_path)
    for chapter in chapters:
        lines = section(chapter, pieces, files, sizes)
        write(folder, chapter.stem + '.recap',
              '\n'.join(markdown('\n'.join(lines))) + '\n' if lines else '')


if __name__ == '__main__':
    main(*sys.argv[1:])
