"""What the tools need to know about the chapters of the book.

The grammar is noweb's own: every file goes through noweb's `markup`, and
this module only arranges its tokens into pieces of chunks.  See
noweb's "Hacker's guide" for the tokens.
"""

import os
import re
import subprocess
import sys

MARKUP = os.environ.get("NOWEB_LIB", "/usr/lib/noweb") + "/markup"
CHAPTER = re.compile(r"(?:.*/)?(\d\d)-[a-z0-9-]+\.nw$")
UNTIL = re.compile(r"(.*\S) +\(until (\d+)\)$")


class Piece:
    """One `<<name>>= ... @` in a chapter."""

    def __init__(self, path, chapter, line, name):
        self.path, self.chapter, self.line = path, chapter, line
        found = UNTIL.match(name)
        # The name it is used by, and the chapter that replaces it (or 0).
        self.name = found.group(1) if found else name
        self.until = int(found.group(2)) if found else 0
        self.lines = []         # [line number, text, [names used]]

    @property
    def is_root(self):
        """A file of the kernel, a transcript or an answer: a path, so no
        blanks."""
        return "/" in self.name and " " not in self.name

    @property
    def is_transcript(self):
        return self.name.startswith("transcript/")

    @property
    def is_quoted(self):
        """Is it there to be read and tried, and part of no kernel?"""
        return self.is_transcript or self.name.startswith("answer/")

    @property
    def where(self):
        return "%s:%d: <<%s>>" % (self.path, self.line, self.name)

    def exists_in(self, prefix):
        """Is this piece part of the book that ends with chapter PREFIX?"""
        return (self.chapter <= prefix and
                not (self.until and self.until <= prefix))

    def text(self):
        return "".join(text + "\n" for _, text, _ in self.lines)


class Book:
    """All chapters: `pieces` in reading order, `prose` as lines."""

    def __init__(self, paths):
        self.paths = sorted(paths, key=os.path.basename)
        self.pieces = []
        self.prose = []         # [path, chapter, line number, text]
        self.tokens = []        # (chapter, piece or None, token line)
        self.chapters = {}      # number -> path
        if not self.paths:
            raise BookError("no chapters: book/NN-name.nw is missing")
        for path in self.paths:
            found = CHAPTER.match(path)
            if not found:
                raise BookError("%s: a chapter is named NN-name.nw" % path)
            number = int(found.group(1))
            if number in self.chapters:
                raise BookError("%s: chapter %d is also %s" %
                                (path, number, self.chapters[number]))
            self.chapters[number] = path
        try:
            done = subprocess.run([MARKUP, "-t"] + self.paths, text=True,
                                  encoding="utf-8", errors="replace",
                                  capture_output=True)
        except FileNotFoundError:
            raise BookError("noweb is missing (%s): try `make doctor`" %
                            MARKUP)
        for path in self.paths:
            with open(path, "rb") as file:
                for line, text in enumerate(file, 1):
                    try:
                        text.decode()
                    except UnicodeDecodeError:
                        raise BookError("%s:%d: this is not UTF-8" %
                                        (path, line))
        if done.returncode:
            raise BookError(done.stderr.strip().replace(
                "unescaped << in documentation chunk",
                "unescaped << in prose: write @<<, or [[...]] around the "
                "name of a chunk") or "markup failed")
        self._arrange(done.stdout.split("\n"))

    def _arrange(self, tokens):
        path = chapter = piece = None
        line, text, uses, code = 1, "", [], False
        for token in tokens:
            kind, _, rest = token.partition(" ")
            if kind == "@text":
                text += rest
            elif kind == "@nl":
                if piece and line > piece.line:
                    piece.lines.append([line, text, uses])
                elif not code:
                    self.prose.append([path, chapter, line, text])
                line, text, uses = line + 1, "", []
            elif kind == "@file":
                path, chapter = rest, int(CHAPTER.match(rest).group(1))
                line, piece, code = 1, None, False
            elif kind == "@begin":
                code = rest.startswith("code")
                piece, text, uses = None, "", []
            elif kind == "@defn":
                piece = Piece(path, chapter, line, rest)
                self.pieces.append(piece)
                # Its `@begin code` came before.
                self.tokens[-1] = (chapter, piece, self.tokens[-1][2])
            elif kind == "@quote":
                text += "[["
            elif kind == "@endquote":
                text += "]]"
            elif kind == "@use":
                text += "<<" + rest + ">>"
                if code:
                    uses.append(rest)
            elif kind == "@index" and rest == "nl":
                line += 1
            self.tokens.append((chapter, piece, token))

    def last_chapter(self):
        """The highest number of a chapter (90 and up are appendices)."""
        return max([n for n in self.chapters if n < 90])

    def prefix(self, chapter):
        return [p for p in self.pieces if p.exists_in(chapter)]

    def transcripts(self):
        """{"01.riscv": piece}"""
        return {p.name[len("transcript/"):]: p for p in self.pieces
                if p.is_transcript}


class BookError(Exception):
    """Something is wrong with the book; the text says what and where."""


def chapters(folder="book"):
    if not os.path.isdir(folder):
        return []
    return [os.path.join(folder, name) for name in os.listdir(folder)
            if name.endswith(".nw") and name[0] != "."]


def fail(message):
    sys.stderr.write(message.rstrip("\n") + "\n")
    sys.exit(1)
