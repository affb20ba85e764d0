#!/usr/bin/python3 -I
"""notebooks.py: is the appendix "Three notebooks" as good as its word?

The appendix quotes the notebooks in book/notebooks/ from the first line
to the last, in pieces, each followed by what this book has to say to it:

    ::: {.item .slip #riscv:284}
    ```said
    ...                         as the notebook has it; ```code for code
    ```

    *What the Chinese means.*

    Our answer, with a reference @sec:user-copy.

    Test: `usertests copyin`, `host tables/walk`
    :::

The number is that of the line where the quotation begins; the second to
begin in a line is called riscv:284.2.  An item without a quotation is a
further remark on the one before it.

This program prints every place where a notebook is not quoted, where an
answer is missing, and every section, test or name of the kernel that
does not exist.  Whether the tests run and pass is tests/mentioned.py's
part.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from noweb import Book, BookError, chapters, fail

APPENDIX = re.compile(r".*/\d\d-three-notebooks\.nw$")
NOTEBOOKS = "book/notebooks"
ANSWERS = ("right", "differs", "slip", "answered")
VERDICTS = ANSWERS + ("again", "markup")    # these need no answer
CHINESE = "[\u2e80-\u9fff\uff00-\uffef]"


# ---- Reading the appendix --------------------------------------------

class Item:
    """One `::: {.item ...}`: a quotation, a verdict and an answer."""

    def __init__(self, where, head):
        self.where = where
        self.classes = re.findall(r"\.([a-z]+)", head)[1:]
        found = re.search(r"#(\w+):(\S+?)[\s}]", head)
        self.notebook, self.line = found.groups() if found else (None, None)
        self.quote = self.quoted_at = None
        self.prose = []         # (line number, text)

    def tests(self):
        """(line number, name) of each test that it mentions."""
        for number, text in self.paragraphs():
            if text.startswith(("Test:", "Tests:")):
                for name in re.findall(r"`([^`]+)`", text):
                    yield number, name

    def is_translated(self):
        return any(re.fullmatch(r"\*[^*]+\*", text)
                   for _, text in self.paragraphs())

    def paragraphs(self):
        """(number of its first line, text) of each, on one line."""
        found = []
        for number, text in self.prose:
            if text and found:
                found.append(text)
            elif text:
                first, found = number, [text]
            elif found:
                yield first, " ".join(found)
                found = []
        if found:
            yield first, " ".join(found)


def appendix(book):
    """The path of the appendix, or None if the book has none."""
    return next(filter(APPENDIX.match, book.paths), None)


def read_items(book):
    """Its items, in order."""
    path = appendix(book)
    items, item, fence = [], None, False
    for where, _, line, text in book.prose:
        if where != path:
            continue
        if fence and text.startswith("```"):
            fence = False
        elif fence:
            item.quote += text + "\n"
        elif text.startswith("::: {.item"):
            item = Item("%s:%d" % (path, line), text)
            items.append(item)
        elif item and text in ("```said", "```code"):
            item.quote = (item.quote or "")
            item.quoted_at, fence = line, True
        elif text == ":::":
            item = None
        elif item:
            item.prose.append((line, text))
    return items


# ---- Are the notebooks quoted, all of them? --------------------------

def plain(text):
    """TEXT as it is compared: one blank for any white space, and none
    beside a Chinese character, where the end of a line means none."""
    text = re.sub(r"\s+", " ", text.strip())
    return re.sub("(?<=%s) | (?=%s)" % (CHINESE, CHINESE), "", text)


class Reader:
    """A notebook, and how far it has been quoted."""

    def __init__(self, name):
        self.name = name
        with open("%s/%s.txt" % (NOTEBOOKS, name), encoding="utf-8") as file:
            self.text = file.read()
        self.at = 0             # the first character not quoted yet
        self.begun = {}         # line -> quotations that begin there
        self.skip()

    def skip(self):
        while self.text[self.at:self.at + 1].isspace():
            self.at += 1

    @property
    def line(self):
        return self.text.count("\n", 0, self.at) + 1

    def take(self, quote):
        """Goes on behind QUOTE, which should be next.  The name of its
        place, or None if something else is next."""
        end, rest = self.at, re.sub(r"\s", "", quote)
        for character in rest:
            while self.text[end:end + 1].isspace():
                end += 1
            if self.text[end:end + 1] != character:
                return None
            end += 1
        if plain(self.text[self.at:end]) != plain(quote):
            return None
        n = self.begun[self.line] = self.begun.get(self.line, 0) + 1
        place = "%d" % self.line + (".%d" % n if n > 1 else "")
        self.at = end
        self.skip()
        return place

    def next_words(self):
        rest = self.text[self.at:].split("\n")[0]
        return rest if len(rest) <= 60 else rest[:57] + "..."


def check_quotes(items):
    names = sorted(name[:-4] for name in os.listdir(NOTEBOOKS)
                   if name.endswith(".txt"))
    readers = {name: Reader(name) for name in names}
    for item in items:
        if item.quote is None:
            if item.notebook:
                yield item.where, "no quotation; a further remark has no #"
            continue
        reader = readers.get(item.notebook)
        if not reader:
            yield item.where, "a quotation is named after a notebook and a " \
                "line: #%s:1 (of %s)" % (names[0], ", ".join(names))
            continue
        expected = reader.line
        place = reader.take(item.quote)
        if place is None:
            yield item.where, "this is not what %s.txt has next, in line " \
                "%d: %s" % (item.notebook, expected, reader.next_words())
            return
        if place != item.line:
            yield item.where, "this is #%s:%s" % (item.notebook, place)
    for reader in readers.values():
        if reader.at < len(reader.text):
            yield "%s/%s.txt:%d" % (NOTEBOOKS, reader.name, reader.line), \
                "not quoted in the appendix: " + reader.next_words()


# ---- Is there an answer? ---------------------------------------------

def check_answers(items):
    for item in items:
        verdict = item.classes[0] if len(item.classes) == 1 else None
        if verdict not in VERDICTS:
            yield item.where, "an item is one of: " + ", ".join(VERDICTS)
            continue
        if item.quote and re.search(CHINESE, item.quote) and \
                not item.is_translated():
            yield item.where, "no English rendering: a paragraph *in stars*"
        if verdict not in ANSWERS:
            continue
        if not any(re.search(r"@(sec|ch):", text) for _, text in item.prose):
            yield item.where, "no section of the book: @sec:name"
        if not any(item.tests()):
            yield item.where, "no test: a paragraph that begins with Test:"


# ---- Is there what it refers to? -------------------------------------

def check_references(book, path):
    # Headings of the third level have no numbers to refer to.
    labels = {label for _, _, _, text in book.prose
              if not text.startswith("###")
              for label in re.findall(r"\{[^}]*?#([a-z]+:[^\s}]+)", text)}
    for where, _, line, text in book.prose:
        if where != path:
            continue
        for label in re.findall(r"(?<![\w@])@((?:sec|ch|fig|tbl|ex):"
                                r"\w+(?:[-.]\w+)*)", text):
            if label not in labels:
                yield "%s:%d" % (path, line), "there is no @" + label


def check_names(book, path):
    """[[name]] in the appendix is a word of the kernel."""
    words = {word for piece in book.pieces if not piece.is_transcript
             for _, text, _ in piece.lines
             for word in re.findall(r"[A-Za-z_]\w*", text)}
    for where, _, line, text in book.prose:
        if where != path:
            continue
        for quoted in re.findall(r"\[\[(.*?)\]\]", text):
            for word in re.findall(r"[A-Za-z_]\w*", quoted):
                if word not in words:
                    yield "%s:%d" % (path, line), \
                        "the kernel has nothing called " + word


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def usertests():
    """{name: is it left out of a quick run?}"""
    found = {}
    folder = "user/usertests"
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        for test, groups in re.findall(
                r'\{\s*"(\w+)",\s*\w+,\s*([A-Z][A-Z |]*)\}',
                read("%s/%s" % (folder, name))):
            found[test] = "SLOW" in groups
    return found


def why_no_test(name, transcripts, inside):
    """What is wrong with a test of this NAME, or None."""
    kind, _, rest = name.partition(" ")
    if kind == "usertests":
        rest = re.sub(r" \((riscv|i386)\)$", "", rest)
        if rest not in inside:
            return "usertests has no test " + rest
        return "is slow, and no part of `make check`" if inside[rest] else None
    if kind == "host":
        program, _, test = rest.partition("/")
        source = read("tests/host/test_%s.c" % program)
        return None if re.search(r'\{ "%s", ' % re.escape(test), source) \
            else "tests/host/test_%s.c has no test %s" % (program, test)
    if name.startswith("transcript/"):
        return None if any((found + ".").startswith(name[11:] + ".")
                           for found in transcripts) \
            else "the book has no " + name
    file, _, test = name.partition("::")
    found = re.search(r"((?:^@.*\n(?:^[ \t].*\n)*)*)^def %s\(" %
                      re.escape(test.partition("[")[0]),
                      read("tests/" + file), re.MULTILINE)
    if not test.startswith("test_") or not found:
        return "it is none of: usertests NAME, host PROGRAM/NAME, " \
            "transcript/NN, test_FILE.py::test_NAME"
    return "is no part of `make check`" \
        if re.search(r"^@pytest\.mark\.all$", found.group(1), re.MULTILINE) \
        else None


def check_tests(book, items):
    if not os.path.isdir("tests"):
        return                  # a copy of the book without its tests
    inside, transcripts, known = usertests(), book.transcripts(), {}
    for item in items:
        for line, name in item.tests():
            if name not in known:
                known[name] = why_no_test(name, transcripts, inside)
            if known[name]:
                yield "%s:%d" % (item.where.rpartition(":")[0], line), \
                    "%s: %s" % (name, known[name])


# ---- All of it -------------------------------------------------------

def complaints(book):
    """Every mistake of the appendix, as printable lines."""
    path = appendix(book)
    if not path:
        return []
    items = read_items(book)
    return ["%s: %s" % place_and_text for check in (
        check_quotes(items), check_answers(items),
        check_references(book, path), check_names(book, path),
        check_tests(book, items)) for place_and_text in check]


def tests_mentioned(book):
    """{name of a test: where it is mentioned first}"""
    found = {}
    for item in read_items(book) if appendix(book) else []:
        for line, name in item.tests():
            found.setdefault(name, "%s:%d" % (
                item.where.rpartition(":")[0], line))
    return found


if __name__ == "__main__":
    try:
        wrong = complaints(Book(chapters()))
    except BookError as error:
        fail(str(error))
    if wrong:
        fail("\n".join(wrong))
