#!/usr/bin/python3 -I
"""preview.py TOKENS CHAPTER.nw: write TOKENS/CHAPTER.tok as the weave would.

For `make watch`, where somebody waits for one page.  It asks the weave's own
modules what they ask each other through noweb's pipeline, in one process,
and writes one page; a test compares it with what `make book` writes.
"""

import gc
import io
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "book/weave"))
sys.path.insert(0, os.path.join(ROOT, "tools"))
sys.dont_write_bytecode = True
gc.disable()            # everything lives until the end, which is near

import backend          # noqa: E402
import nw               # noqa: E402
from noweb import MARKUP, chapters      # noqa: E402


def marked(tokens):
    """The chapters with their definitions, as identifiers.py marks them."""
    book = nw.parse(tokens)
    chunks = nw.pieces_by_name(book)
    for piece, index, *definition in nw.definitions(chunks):
        piece.marked.append([index, *definition])
    for pieces in chunks.values():
        for piece in pieces:
            piece.marked.sort(key=lambda mark: mark[0])
    return book, chunks


def main(folder, path):
    stem = os.path.basename(path)[:-len(".nw")]
    done = subprocess.run([MARKUP, "-t"] + sorted(chapters()), text=True,
                          encoding="utf-8", capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.strip())
    book, chunks = marked(done.stdout.splitlines(True))
    # The rest is the back end's; it is given what is known already, and
    # kept from the pages that nobody waits for.
    nw.parse = lambda _: book
    nw.pieces_by_name = lambda _: chunks
    write, one_page = backend.write, backend.chapter_out
    backend.write = lambda folder, name, text: \
        name in (stem + ".tok", "labels.lua") and write(folder, name, text)
    backend.chapter_out = lambda book, chapter: \
        one_page(book, chapter) if chapter.stem == stem else []
    for name in ["index_out", "files_out", "chunks_out", "identifiers_out"]:
        setattr(backend, name, lambda *_: [])
    # What the next real weave wants to know is not told by one page.
    backend.save = lambda *_: None
    sys.stdin = io.StringIO()
    backend.main(folder, os.devnull)


if __name__ == "__main__":
    main(*sys.argv[1:])
