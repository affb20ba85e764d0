#!/usr/bin/python3 -I
"""numbers: is what the prose says still so?

A number in the prose of a chapter, or in a figure, is one of these:
  - marked: the line `<!-- is: 4096 = PAGE_SIZE -->` below it tells where it
    comes from, and it is compared with that;
  - in the code, a transcript or a quoted output of the same chapter;
  - given: listed in book/given.txt, because no run can tell it.
What is none of them is listed (three digits and more, or hexadecimal).

A mark speaks of the text and output above it, up to the mark, heading or chunk
before.  It holds items, with `;` between them:
  NUMBER = SOURCE      exactly
  NUMBER ~ SOURCE      a rounded number: within 5 %
A number may have a unit or be a word (4 KiB, 7,500, 0x80000000, sixteen).
Before its source stand the machine (riscv, i386; if none, both must agree)
and the kernel: `here` is that of the chapters up to this one, `of 31` that of
chapters 1 to 31, and without them it is the whole book.  A source is
  cost NAME            instructions: the row NAME of `bench`; with `walk` or
                       `mirror` before it, those of that COPY
  size NAME            bytes of a kernel's text, constants, data or image
  symbol NAME          an address of the linker
  recorded NAME        what `make bench RECORD=1` has found: row:getpid, boot:128
  lines FOLDER, files FOLDER     of the tangled files that begin with it
  map NAME             where a line `map:` of the monitor's `mem` begins
  or a constant expression of C, in which the sources above but the last may
  stand, with everything that the kernel's headers define, or one of its
  files (` in kernel/files/pipe.c` behind it says which); KiB, MiB and GiB are
  units there too.
A table of costs has one mark: `<!-- costs: 2 riscv, 4 i386 of 31: fork_small
- sbrk_grow -->` says which columns are which machine's, and the rows of
`bench` that its rows are (- for none).

Costs and sizes come from book/measured/, which `make measure` writes.
Tables between `<!-- recorded: NAME -->` and `<!-- recorded -->` are made, and
compared, by tools/costs.py; so are the drawings costs-*.svg.

  prose_numbers.py      compare; the status is 1 if something is wrong
  prose_numbers.py --list [NN...]      the numbers that come from nowhere
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import costs
from noweb import Book, BookError, chapters, fail

MACHINES = ("riscv", "i386")
WAYS = ("walk", "mirror")
MEASURED = "book/measured"
GIVEN = "book/given.txt"
FIGURES = "book/figures"
BUILD = "build/numbers"
WALK = "build/walk"
TOLERANCE = 0.05
APPENDIX = 90           # from here on other people's numbers are quoted

FLAGS = ("-std=gnu11 -O0 -w -ferror-limit=0 -ffreestanding -fno-builtin -c -DCHECK=0 "
         "-DMIRROR=0 -DCOPY=\"direct\"").split()
TARGET = {
    "riscv": "--target=riscv64-unknown-elf -march=rv64imac -mabi=lp64 "
             "-mcmodel=medany".split(),
    "i386": "--target=i386-unknown-elf -march=i686".split(),
}
UNITS = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
WORDS = {word: n for n, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
    .split())}
WORDS.update(thirty=30, forty=40, fifty=50, sixty=60, hundred=100)

# A number as it is written: 0x7c00, 7,500, 4096.
NUMBER = re.compile(r"(?<![\w.,#/-])(?:0x[0-9a-fA-F]+|"
                    r"\d{1,3}(?:,\d{3})+|\d{3,})(?![\w]|,\d{3})"
                    r"(?: [KMGT]iB)?")
MARK = re.compile(r"<!-- (is|costs): (.*?) -->")
ITEM = re.compile(r"\s*(.+?)\s+([=~])\s+(.+?)\s*$")
NOTHING = object()      # the value of what cannot be known here
# Part of the book is here: what needs the rest is not compared.
PARTIAL = bool(os.environ.get("WEAVE_PARTIAL"))


# ---- Reading the book ------------------------------------------------

class Mark:
    """One `<!-- is: ... -->`: where it stands, and the text above it."""

    def __init__(self, path, chapter, line, kind, text, above):
        self.path, self.chapter, self.line = path, chapter, line
        self.kind, self.text, self.above = kind, text, above


class Item:
    """One comparison of a mark: what is written, and its source."""

    def __init__(self, mark, written, exact, source):
        self.mark, self.written, self.exact = mark, written, exact
        words = source.split()
        self.machines, self.prefix, self.way = MACHINES, None, ""
        while words:
            if words[0] in MACHINES:
                self.machines = (words.pop(0),)
            elif words[0] == "here":
                self.prefix = mark.chapter
                words.pop(0)
            elif words[0] in WAYS:
                self.way = words.pop(0) + ":"
            elif words[0] == "of" and words[1:] and words[1].isdigit():
                self.prefix = int(words[1])
                del words[:2]
            else:
                break
        self.source = " ".join(words)

    def at(self):
        return "%s:%d" % (self.mark.path, self.mark.line)


def literal(text):
    """The value of a number as it is written, or None."""
    found = re.fullmatch(r"(\S+)\s+([KMGT]iB)", text)
    if found:
        value = literal(found.group(1))
        return None if value is None else value << UNITS[found.group(2)]
    found = re.fullmatch(r"(\S+) ([KM])", text)
    if found:
        value = literal(found.group(1))
        return None if value is None else \
            value * {"K": 1000, "M": 1000000}[found.group(2)]
    text = text.strip("`").lower()
    if re.fullmatch(r"0x[0-9a-f]+", text):
        return int(text, 16)
    if re.fullmatch(r"\d{1,3}(,\d{3})+|\d+", text):
        return int(text.replace(",", ""))
    if re.fullmatch(r"\d+\.\d+", text):
        return float(text)
    if "-" in text:
        parts = [WORDS.get(part) for part in text.split("-")]
        return None if None in parts else sum(parts)
    return WORDS.get(text)


def without_names(text):
    """A line of prose without what only looks like a number: identifiers of
    headings, addresses of pages, names of files and tests."""
    text = re.sub(r"<!--.*?-->", "", text)
    text = re.sub(r"\{[^{}]*[#=.][^{}]*\}|\]\([^)]*\)|https?://\S+", "", text)
    text = re.sub(r"@\w+:[\w-]+|`[^`]*(?:::|\.nw|\.py)[^`]*`", "", text)
    return text


def prose_of(book):
    """{path: [(line, text, kind)]}: kind is prose, task (what a reader is
    to try), quoted (between ```), or other; the chunks between are lines of
    kind code, without text."""
    found, fence, made, last, inside = {}, {}, {}, {}, {}
    for path, _, line, text in book.prose:
        lines = found.setdefault(path, [])
        if line > last.get(path, 0) + 1:
            lines.append((line - 1, "", "code"))
        last[path] = line
        divisions = inside.setdefault(path, [])
        division = re.match(r"\s*:{3,}\s*(.*)", text)
        if division and division.group(1):
            divisions.append(division.group(1))
        elif division and divisions:
            divisions.pop()
        if re.match(r"\s*(```|~~~)", text):
            fence[path] = not fence.get(path)
            lines.append((line, "", "other"))
        elif fence.get(path):
            lines.append((line, text, "quoted"))
        elif re.match(r"<!-- recorded(: [\w ]+)? -->$", text):
            made[path] = text != "<!-- recorded -->"
            lines.append((line, "", "other"))
        elif made.get(path):
            lines.append((line, text, "quoted"))
        else:
            lines.append((line, text, "task" if any(
                re.match(r"hint|\{\.exercise", name) for name in divisions)
                else "prose"))
    return found


def marks_of(path, chapter, lines):
    """The marks of a chapter.  Marks that follow each other speak of the
    same text, and so does one below a blank line."""
    above, fresh = [], False
    for line, text, kind in lines:
        found = MARK.match(text.strip()) if kind in ("prose", "task") \
            else None
        if found:
            yield Mark(path, chapter, line, found.group(1), found.group(2),
                       "\n".join(above))
            fresh = True
            continue
        if kind == "code" or text.startswith("#"):
            above, fresh = [], False
        elif text.strip() and kind in ("prose", "task", "quoted"):
            if fresh:
                above, fresh = [], False
            above.append(text)


def items_of(mark, problems):
    if mark.kind == "costs":
        yield from cost_items(mark, problems)
        return
    for part in mark.text.split(";"):
        found = ITEM.match(part)
        if not found or literal(found.group(1)) is None:
            problems.append("%s:%d: `%s` should be NUMBER = SOURCE" %
                            (mark.path, mark.line, part.strip()))
            continue
        written, sign, source = found.groups()
        # Where words wrap, a blank may be the end of a line.
        pattern = r"(?<![\w,.])`?%s`?(?!\w|[,.]\d)" % re.escape(
            written).replace(r"\ ", r"\s+")
        if not re.search(pattern, mark.above, re.IGNORECASE):
            problems.append("%s:%d: %s does not stand above this mark" %
                            (mark.path, mark.line, written))
            continue
        item = Item(mark, written, sign == "=", source)
        if item.source:
            yield item
        else:
            problems.append("%s: %s has no source" % (item.at(), written))


def rows_of(text):
    """The rows of the last table in TEXT: lists of cells, split at two
    blanks or more, the first being the label."""
    rows = []
    for line in text.split("\n"):
        cells = re.split(r"\s{2,}", line.strip())
        if len(cells) > 1 and all(re.fullmatch(r"[\d,.]+( [KM])?", cell)
                                  for cell in cells[1:]):
            rows.append(cells)
        elif not re.match(r"\s*-|\s*$|Table:", line):
            rows = []
    return rows


def cost_items(mark, problems):
    columns, _, names = mark.text.partition(":")
    rows, names = rows_of(mark.above), names.split()
    if len(rows) != len(names):
        problems.append("%s:%d: the table above has %d rows of numbers, and "
                        "not %d" % (mark.path, mark.line, len(rows),
                                    len(names)))
        return
    for column in columns.split(","):
        number, *where = column.split()
        for cells, name in zip(rows, names):
            if name != "-" and int(number) < len(cells):
                yield Item(mark, cells[int(number)], False,
                           " ".join(where + ["cost", name]))


# ---- Where the numbers come from -------------------------------------

class Kernel:
    """The tangled files of a prefix of the book, {path: text}."""

    def __init__(self, book, prefix):
        self.prefix, self.parts, self.all_headers = prefix, {}, {}
        self.chunks = {}
        for piece in book.prefix(prefix):
            self.chunks.setdefault(piece.name, []).append(piece)
        self.files = {name: "\n".join(self.expand(name)) + "\n"
                      for name, pieces in self.chunks.items()
                      if pieces[0].is_root and not pieces[0].is_quoted}

    def expand(self, name, above=()):
        for piece in self.chunks.get(name, ()):
            for _, text, uses in piece.lines:
                if uses and uses[0] not in above:
                    yield from self.expand(uses[0], above + (name,))
                else:
                    yield text

    def of(self, machine):
        """The files that this machine's kernel is made of."""
        if machine not in self.parts:
            self.parts[machine] = {
                path: text for path, text in self.files.items() if
                re.match(r"kernel/|include/|machine/%s/(?!boot/.*h$|first)"
                         % machine, path)}
        return self.parts[machine]

    def headers(self, machine):
        """All that other files can include, as one text."""
        if machine not in self.all_headers:
            self.all_headers[machine] = "\n".join(
                path + "\n" + text for path, text in
                sorted(self.of(machine).items()) if path.endswith(".h"))
        return self.all_headers[machine]

    def written(self):
        """The files on disk, for the compiler: the folder they are in."""
        folder = os.path.join(BUILD, "%02d" % self.prefix)
        for path, text in self.files.items():
            if path.endswith((".h", ".c")):
                write_if_changed(os.path.join(folder, path), text)
        return folder


def write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except OSError:
        pass
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open("%s.%d" % (path, os.getpid()), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace("%s.%d" % (path, os.getpid()), path)


def names_in(expression):
    return sorted(set(re.findall(r"\b[A-Za-z_]\w*", re.sub(
        r"\b\d\w*|sizeof|struct|[KMGT]iB", "", expression))))


def defines(text, name):
    """Does this C text define NAME: a macro, constant or structure?"""
    return name in text and re.search(r"#define\s+%s\b|^\s+%s\s*(?:=[^=]|,|$)|"
                     r"\b(?:struct|union|enum)\s+%s\s*\{|"
                     r"\benum\b[^;]*[{,]\s*%s\s*[=,}]|"
                     r"\btypedef\b[^;]*\b%s;" %
                     ((name,) * 5), text, re.MULTILINE)


class Sources:
    """Values of all kinds of sources, each computed once."""

    def __init__(self, book):
        self.book, self.last = book, book.last_chapter()
        self.kernels = {}
        self.measured = {**read_measured("costs"), **read_measured("sizes")}
        self.recorded = costs.read()
        # A chapter that has just been added was not measured yet.
        self.last_measured = max((key[0] for key in self.measured
                                  if key[0] <= self.last), default=0)
        self.cache_path = os.path.join(BUILD, "values.json")
        try:
            with open(self.cache_path) as file:
                self.cache = json.load(file)
        except (OSError, ValueError):
            self.cache = {}
        self.used = {}

    def kernel(self, prefix):
        if prefix not in self.kernels:
            self.kernels[prefix] = Kernel(self.book, prefix)
        return self.kernels[prefix]

    def prefix_of(self, item):
        return min(item.prefix or self.last, self.last)

    def value(self, item, machine, expressions):
        """A number, NOTHING, or a text that says what is wrong."""
        return expressions[self.prefix_of(item), machine,
                           self.substituted(item, machine)]

    def substituted(self, item, machine):
        """The item's source with numbers in place of all that is not C."""
        prefix = self.prefix_of(item)

        def term(found):
            kind, name = found.group().split(" ")
            if kind == "lines" or kind == "files":
                return str(self.counted(kind, prefix, name))
            if kind == "recorded":
                if (name, machine) not in self.recorded:
                    raise BookError("`%s` of %s was not recorded: see `make "
                                    "bench RECORD=1`" % (name, machine))
                return "%dull" % self.recorded[name, machine]
            key = (self.last_measured if prefix == self.last else prefix,
                   machine, kind, item.way + name)
            if key not in self.measured:
                raise BookError("`%s %s` of %d %s is not in %s: see `make "
                                "measure`" % (kind, key[3], prefix, machine,
                                              MEASURED))
            return "%dull" % self.measured[key]

        try:
            return re.sub(r"\b(?:cost|size|symbol) \w+|"
                          r"\brecorded [\w:]+|"
                          r"\b(?:lines|files) [\w./-]+", term, item.source)
        except BookError as error:
            return "!" + str(error)

    def counted(self, kind, prefix, name):
        found = [text for path, text in self.kernel(prefix).files.items()
                 if path.startswith(name)]
        return len(found) if kind == "files" else sum(
            1 for text in found for line in text.split("\n") if line.strip())

    def expressions(self, items):
        """The values of all items: {(prefix, machine, text): value or
        complaint}, the text being what `substituted` returns."""
        wanted, found = {}, {}
        for item in items:
            for machine in item.machines:
                text = self.substituted(item, machine)
                prefix = self.prefix_of(item)
                key = (prefix, machine, text)
                if text.startswith("!"):
                    found[key] = NOTHING if PARTIAL else text[1:]
                elif text.startswith("map "):
                    found[key] = mapped(machine, text[4:])
                elif re.fullmatch(r"\d+(ull)?", text):
                    found[key] = int(text.replace("ull", ""))
                else:
                    wanted.setdefault((prefix, machine), {})[text] = item
        for (prefix, machine), texts in wanted.items():
            for unit, some in self.units(prefix, machine, texts).items():
                values = self.probe(prefix, machine, unit, some)
                found.update({(prefix, machine, text): value
                              for text, value in values.items()})
        return found

    def units(self, prefix, machine, texts):
        """{file to include, or "" for the headers: expressions}"""
        files = self.kernel(prefix).of(machine)
        headers = set(re.findall(r"\w+", self.kernel(prefix).headers(machine)))
        units = {}
        for text in texts:
            where = re.search(r" in (\S+)$", text)
            if where:
                units.setdefault(where.group(1) if where.group(1) in files
                                 else "?", []).append(text)
                continue
            missing = [name for name in names_in(text)
                       if name not in headers]
            unit = next((path for path, code in files.items()
                         if path.endswith(".c") and
                         all(defines(code, name) for name in missing)),
                        None) if missing else ""
            units.setdefault(unit if unit is not None else "?",
                             []).append(text)
        return units

    def probe(self, prefix, machine, unit, texts):
        if unit == "?":
            return {text: NOTHING if PARTIAL else "`%s` is not defined in the kernel of %s" %
                    (text, machine) for text in texts}
        files = self.kernel(prefix).of(machine)
        program = probe_text(files, unit, texts)
        digest = hashlib.sha256("\0".join(
            (machine, program, self.kernel(prefix).headers(machine),
             files.get(unit, ""))).encode()).hexdigest()
        if digest not in self.cache:
            folder = self.kernel(prefix).written()
            values = compiled(folder, machine, program, texts)
            if values is None:
                return {text: NOTHING for text in texts}
            self.cache[digest] = values
        self.used[digest] = self.cache[digest]
        return dict(zip(texts, self.cache[digest]))

    def keep(self):
        if self.used:
            write_if_changed(self.cache_path, json.dumps(self.used))


def probe_text(files, unit, texts):
    """A program that holds nothing but an array of the values."""
    if unit:            # its own headers come with it
        wanted = [unit]
    else:
        headers = {path: text for path, text in sorted(files.items())
                   if path.endswith(".h")}
        wanted = [path for path in headers if path == "kernel/types.h"]
        for name in {name for text in texts for name in names_in(text)}:
            wanted += [path for path, text in headers.items()
                       if defines(text, name)] or \
                [path for path, text in headers.items() if name in text]
    lines = ['#include "%s"' % path for path in
             wanted[:1] + sorted(set(wanted[1:]))]
    lines.append("__attribute__((used, section(\".weft_numbers\"))) "
                 "static const unsigned long long weft_numbers[] = {")
    for number, text in enumerate(texts, 1):
        text = re.sub(r"\b(\d+) ([KMGT]iB)\b", lambda found: "(%sull << %d)" %
                      (found.group(1), UNITS[found.group(2)]),
                      text.partition(" in ")[0])
        lines += ['#line %d "weft-expression"' % number,
                  "(unsigned long long)(%s)," % text]
    return "\n".join(lines + ["};", ""])


def compiled(folder, machine, program, texts):
    """The values of the expressions, in their order; a text in place of one
    that is wrong, and None if there is no compiler."""
    if not shutil.which("clang") or not shutil.which("llvm-objcopy"):
        return None
    wrong, data = probed(folder, machine, program)
    if data is not None:
        return [int.from_bytes(data[8 * i:8 * i + 8], "little")
                for i in range(len(texts))]
    messages = {int(number): message for number, message in re.findall(
        r"^weft-expression:(\d+):\d+: error: (.*)", wrong, re.MULTILINE)}
    if not messages:
        return ["the compiler says: " + next(
            (line for line in wrong.split("\n") if "error" in line),
            wrong.strip())] * len(texts)
    # Again without those that are wrong.
    head = program.partition("#line 1 ")[0]
    good = [text for number, text in enumerate(texts, 1)
            if number not in messages]
    lines = re.findall(r'#line \d+ "weft-expression"\n.*\n', program)
    rest = iter(compiled(folder, machine, head + "".join(
        part for number, part in enumerate(lines, 1)
        if number not in messages) + "};\n", good) if good else [])
    return ["`%s`: %s" % (text, messages[number]) if number in messages
            else next(rest) for number, text in enumerate(texts, 1)]


def probed(folder, machine, program):
    """What the compiler complains of, and the bytes of the array; None if
    there are none."""
    with tempfile.TemporaryDirectory(dir=folder) as at:
        with open(at + "/probe.c", "w", encoding="utf-8") as file:
            file.write(program)
        done = subprocess.run(
            ["clang"] + TARGET[machine] + FLAGS +
            ["-I" + os.path.join(folder, name) for name in
             (".", "include", "kernel", "machine/" + machine)] +
            ["-o", at + "/probe.o", at + "/probe.c"],
            capture_output=True, text=True)
        if done.returncode:
            return done.stderr, None
        subprocess.run(["llvm-objcopy", "-O", "binary", "--only-section",
                        ".weft_numbers", at + "/probe.o", at + "/probe.bin"],
                       check=True)
        with open(at + "/probe.bin", "rb") as file:
            return "", file.read()


def read_measured(name):
    """{(prefix, machine, kind, name): value} of a file in MEASURED."""
    found = {}
    try:
        with open(os.path.join(MEASURED, name + ".txt")) as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    prefix, machine, kind, what, value = line.split()
                    found[int(prefix), machine, kind, what] = int(value, 0)
    except OSError:
        pass
    return found


def mapped(machine, name):
    """Where the line `map: ADDRESS rwx NAME, SIZE` of a running kernel
    begins; NOTHING if none has run here."""
    try:
        with open(os.path.join(WALK, machine + ".dump")) as file:
            text = file.read()
    except OSError:
        return NOTHING
    if "== mem" not in text:
        return NOTHING
    found = re.search(r"^map: (0x[0-9a-f]+) \S+ %s, " % re.escape(name), text,
                      re.MULTILINE)
    return int(found.group(1), 16) if found else \
        "no line `map:` of %s says %s" % (machine, name)


# ---- Comparing -------------------------------------------------------

def agrees(written, value, exact, machine):
    if exact and not isinstance(written, float):
        bits = 32 if machine == "i386" else 64
        return written == value or written == value % (1 << bits)
    return abs(written - value) <= TOLERANCE * abs(value)


def shown(value, like):
    """A value in the manner of the number that it should replace."""
    unit = re.search(r"[KMGT]iB", like)
    if unit and value % (1 << UNITS[unit.group()]) == 0:
        return "%d %s" % (value >> UNITS[unit.group()], unit.group())
    if "0x" in like:
        return "0x%x" % value
    value = round(value)
    return format(value, ",") if value > 9999 or "," in like else str(value)


class Checked:
    """All marks, compared: `problems` are lines to print; `values` are the
    numbers that a chapter or figure has in its marks, {path: set}."""

    def __init__(self, book):
        self.problems, self.values, self.skipped = [], {}, 0
        self.count = 0
        marks = []
        self.prose = prose_of(book)
        for path, lines in self.prose.items():
            marks += marks_of(path, book_number(book, path), lines)
        marks += figure_marks(book)
        items = [item for mark in marks
                 for item in items_of(mark, self.problems)]
        sources = Sources(book)
        expressions = sources.expressions(items)
        for item in items:
            self.compare(item, sources, expressions)
        sources.keep()

    def compare(self, item, sources, expressions):
        written = literal(item.written)
        self.values.setdefault(item.mark.path, set()).update(
            {written, literal(item.written.split()[0])})
        self.count += 1
        for machine in item.machines:
            value = sources.value(item, machine, expressions)
            if value is NOTHING:
                self.skipped += 1
            elif isinstance(value, str):
                self.problems.append("%s: %s" % (item.at(), value))
                return
            elif not agrees(written, value, item.exact, machine):
                self.problems.append("%s: %s is written, and it is %s (%s, %s)"
                                     % (item.at(), item.written,
                                        shown(value, item.written),
                                        item.source, machine))


def book_number(book, path):
    return next(n for n, name in book.chapters.items() if name == path)


# ---- Figures ---------------------------------------------------------

def figures():
    if not os.path.isdir(FIGURES):
        return
    for name in sorted(os.listdir(FIGURES)):
        if name.endswith(".svg"):
            path = os.path.join(FIGURES, name)
            with open(path, encoding="utf-8") as file:
                yield path, file.read()


def figure_words(svg):
    """What one can read in a drawing."""
    return "\n".join(re.sub(r"<[^>]*>", " ", words) for _, words in re.findall(
        r"<(text|title|desc)\b[^>]*>(.*?)</\1>", svg, re.DOTALL))


def figure_marks(book):
    used = figure_users(book)
    for path, svg in figures():
        chapter = used.get(os.path.basename(path))
        for found in MARK.finditer(svg) if chapter is not None else ():
            line = svg.count("\n", 0, found.start()) + 1
            yield Mark(path, chapter, line, found.group(1), found.group(2),
                       figure_words(svg))


def figure_users(book):
    """{name of a figure: number of the chapter that shows it}"""
    return {found.group(1): chapter for _, chapter, _, text in book.prose
            for found in [re.search(r"\(figures/([\w.-]+)\)", text)] if found}


# ---- Numbers from nowhere --------------------------------------------

ANY = re.compile(r"\b(?:0x[0-9a-fA-F]+|[0-9a-fA-F]{8,16}|"
                 r"\d{1,3}(?:,\d{3})+|\d+)(?:[uUlLKMG]*)\b")


def values_in(text):
    """All numbers of code or of a kernel's output, as values; what might be
    hexadecimal without 0x counts as both."""
    for found in ANY.findall(text):
        digits = re.sub(r"[uUlLKMG]+$", "", found)
        if digits.startswith("0x"):
            yield int(digits, 16)
            continue
        plain = digits.replace(",", "")
        if plain.isdigit():
            yield int(plain)
        if re.fullmatch(r"[0-9a-fA-F]{8,16}", plain):
            yield int(plain, 16)


def read_given():
    """{chapter or "*": {value: line number}} of the file GIVEN."""
    given = {}
    try:
        with open(GIVEN, encoding="utf-8") as file:
            lines = file.read().split("\n")
    except OSError:
        return given
    where = "*"
    for number, line in enumerate(lines, 1):
        line = line.split("#")[0].strip()
        found = re.fullmatch(r"(\d\d|\*|[\w-]+\.svg):(.*)", line)
        if found:
            where, line = found.groups()
        for word in re.findall(r"\S+(?: [KMGT]iB)?", line):
            value = literal(word)
            if value is not None:
                given.setdefault(where, {})[value] = number
    return given


class Nowhere:
    """Numbers of the prose by where they come from; `found` are those that
    come from nowhere: (path, line, as written, the line's text)."""

    def __init__(self, book, checked):
        self.found, self.counts = [], {}
        self.given, self.used = read_given(), set()
        self.own = {}           # chapter -> values of its code and outputs
        for piece in book.pieces:
            self.own.setdefault(piece.chapter, set()).update(
                values_in(piece.text()))
        for path, lines in checked.prose.items():
            chapter = book_number(book, path)
            own = self.own.setdefault(chapter, set())
            for _, text, kind in lines:
                if kind == "quoted":
                    own.update(values_in(text))
        for path, lines in checked.prose.items():
            chapter = book_number(book, path)
            if chapter < APPENDIX:
                for line, text, kind in lines:
                    if kind == "prose":
                        self.look(path, "%02d" % chapter, line, text,
                                  checked.values.get(path, set()),
                                  self.own[chapter])
        users = figure_users(book)
        for path, svg in figures():
            chapter = users.get(os.path.basename(path))
            if chapter is None or os.path.basename(path).startswith("costs-"):
                continue
            marked = checked.values.get(path, set()) | checked.values.get(
                book.chapters[chapter], set())
            self.look(path, os.path.basename(path), 1, figure_words(svg),
                      marked, self.own[chapter],
                      "%02d" % chapter)

    def look(self, path, where, line, text, marked, own, chapter=None):
        for found in NUMBER.finditer(without_names(text)):
            value = literal(found.group())
            kind = "nowhere"
            bare = literal(found.group().split()[0])
            if value in marked:
                kind = "marked"
            elif value in own or bare in own:
                kind = "own"
            else:
                for place in (where, chapter, "*"):
                    if value in self.given.get(place, {}):
                        self.used.add((place, value))
                        kind = "given"
                        break
            self.counts[kind] = self.counts.get(kind, 0) + 1
            if kind == "nowhere":
                self.found.append((path, line, found.group(), text))

    def idle(self):
        """Lines of GIVEN that nothing needs any more."""
        for place, values in self.given.items():
            for value, line in values.items():
                if (place, value) not in self.used:
                    yield "%s:%d: no text needs %s any more" % (GIVEN, line,
                                                                value)


def complaints(book):
    """For `make lint`: what is wrong, and a line that sums up."""
    checked = Checked(book)
    nowhere = Nowhere(book, checked)
    counts = nowhere.counts
    summary = ("numbers: %d marks hold%s; in the prose %d marked, %d in code "
               "and output beside it, %d given, %d from nowhere" %
               (checked.count,
                ", %d not compared" % checked.skipped if checked.skipped
                else "", counts.get("marked", 0), counts.get("own", 0),
                counts.get("given", 0), counts.get("nowhere", 0)))
    return checked.problems + list(nowhere.idle()), nowhere.found, summary


def main():
    book = Book(chapters())
    if "--list" in sys.argv[1:]:
        wanted = [int(word) for word in sys.argv[1:] if word.isdigit()]
        nowhere = Nowhere(book, Checked(book))
        for path, line, number, text in nowhere.found:
            found = re.match(r"book/(\d\d)", path)
            if not wanted or found and int(found.group(1)) in wanted:
                text = text if found else " ".join(text.split())[:60]
                print("%s:%d: %s: %s" % (path, line, number, text.strip()))
        return 0
    problems = Checked(book).problems
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BookError as error:
        fail(str(error))
