#!/usr/bin/python3 -I
"""costs: the tables and plots of the chapter on costs, from its record.

`make bench RECORD=1` measures and writes book/measured/bench.txt: lines of
KIND:NAME, a machine, and a value.  Out of it come the tables of the chapter,
which stand there between `<!-- recorded: NAME -->` and `<!-- recorded -->`,
and the drawings book/figures/costs-*.svg.

  costs.py            compare; the status is 1 if one is not as recorded
  costs.py --write    put them there
"""

import functools
import math
import os
import re
import sys

RECORD = "book/measured/bench.txt"
GAINS = "book/measured/gains.txt"
CHAPTER = "book/36-costs.nw"
FIGURES = "book/figures"
PEERS = "book/peers.txt"
MACHINES = ["riscv", "i386"]
TITLES = {"riscv": "riscv64", "i386": "i386"}
UNITS = {"": 1, "K": 1000, "M": 1000000}
HEAD = """\
# What `make bench RECORD=1` has measured: what, machine, value.
"""


# ---- The record ------------------------------------------------------

def read():
    """{(what, machine): value}, numbers as numbers; empty if there is none"""
    found = {}
    try:
        with open(RECORD, encoding="utf-8") as file:
            for line in file:
                if not line.startswith("#"):
                    what, machine, value = line.rstrip("\n").split(" ", 2)
                    found[what, machine] = number_or_text(value)
    except OSError:
        pass
    return found


def number_or_text(value):
    try:
        return int(value)
    except ValueError:
        return value


def write(record):
    with open(RECORD, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for (what, machine), value in record.items():
            file.write("%s %s %s\n" % (what, machine, value))


def names(record, kind, machine="riscv"):
    """What there is of a kind, in the order of the record."""
    return [what[len(kind) + 1:] for what, where in record
            if where == machine and what.startswith(kind + ":")]


def number(text):
    return round(float(text.rstrip("KM")) * UNITS[text.lstrip("0123456789.")])


def peers():
    """{row: {machine: (xv6, floor)}}"""
    found = {}
    with open(PEERS, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                row, *rest = line.split()
                rest = [number(text) for text in rest]
                found[row] = {"riscv": (rest[0], rest[1]),
                              "i386": (rest[2], rest[3])}
    return found


# ---- Tables ----------------------------------------------------------

def short(count):
    """At most five characters."""
    for unit, size in [("M", 1000000), ("K", 1000)]:
        if count >= size * (10 if size == 1000 else 1):
            value = count / size
            return ("%.0f" if value >= 100 else "%.1f") % value + unit
    return "%d" % count


def mean(ratios):
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / max(1, len(logarithms)))


def laid_out(heads, rows, width):
    """A table of Markdown; WIDTH is that of the first column."""
    if not rows:
        raise KeyError(heads[0])        # nothing of this was recorded
    # A head that ends where its column does, but begins later, is flush right.
    widths = [max([len(head) + 1] + [len(str(row[i + 1])) for row in rows])
              for i, head in enumerate(heads[1:])]
    widths = [max([width] + [len(str(row[0])) for row in rows]), *widths]
    line = lambda cells: " ".join(
        [str(cells[0]).ljust(widths[0])] +
        [str(cell).rjust(w) for cell, w in zip(cells[1:], widths[1:])])
    yield line(heads).rstrip()
    yield " ".join("-" * w for w in widths)
    for row in rows:
        yield line(row).rstrip()


def rows_table(record, machines=MACHINES):
    """What `make bench` prints."""
    elsewhere, rows = peers(), []
    for row in names(record, "row", machines[0]):
        cells = [row]
        for machine in machines:
            cost = record["row:" + row, machine]
            cells.append(short(cost))
            if row in elsewhere:
                xv6, floor = elsewhere[row][machine]
                cells += [short(floor), "%.2f" % (cost / floor), short(xv6)]
            else:
                cells += ["", "", ""]
        cells.append(" ".join(
            "%s" % record["requests:" + row, machine] for machine in machines
            if ("requests:" + row, machine) in record))
        rows.append(cells)
    cells = ["mean"]
    for machine in machines:
        known = [row for row in names(record, "row", machine)
                 if row in elsewhere]
        cells += ["", "", "%.2f" % mean(
            record["row:" + row, machine] / elsewhere[row][machine][1]
            for row in known), "%.0fx" % mean(
                elsewhere[row][machine][0] / elsewhere[row][machine][1]
                for row in known)]
    rows.append(cells + [""])
    return laid_out(["row"] + ["Weft", "floor", "times", "xv6"] *
                    len(machines) + ["I/O"], rows, 13)


def durable_table(record, machines=MACHINES):
    """Requests to a disk, a sync included."""
    rows = [[title] + [record["durable:" + name, machine]
                       for machine in machines] for name, title in
            [("many", "a file made, written and removed, 100 times; `sync`"),
             ("write", "64 KiB written; `sync`"),
             ("read", "a file read for the first time"),
             ("size", "its size, in KiB")]]
    return laid_out(["", *(TITLES[machine] for machine in machines)], rows,
                    52)


def growth_table(record, machines=MACHINES):
    """A line for each row and size."""
    rows = []
    for kind, title, unit in GROWTH:
        for size in names(record, kind):
            rows.append([title, format(int(size), ",") + unit] + [
                format(record["%s:%s" % (kind, size), machine], ",")
                for machine in MACHINES])
            title = ""
    return laid_out(["", "of", *TITLES.values()], rows, 40)


GROWTH = [("open", "open + close, names in the directory", ""),
          ("heap", "fork + exit + wait, heap", " MiB"),
          ("sleepers", "ping-pong, processes that sleep", ""),
          ("page", "`sbrk` of a page, touch it, RAM", " MiB"),
          ("boot", "power-on to the prompt, RAM", " MiB")]


def sizes_table(record):
    return laid_out(["", *TITLES.values()], [
        [title] + [format(record["size:" + name, machine], ",")
                   for machine in MACHINES] for name, title in
        [("text", "code"), ("constants", "constants"),
         ("programs", "of these, programs"), ("data", "data"),
         ("bss", "data that begins as zeros")]], 32)


def start_tables(record, machines=MACHINES):
    """What `make bench BOOT=1` prints."""
    for table in (boot_table, sizes_table, kinds_table):
        yield from table(record)
        yield ""


def boot_table(record):
    return laid_out(["", *TITLES.values(), "goal"], [
        ["kernel, first programs"] + [
            format(record["boot:128", m], ",") for m in MACHINES] + [""],
        ["loader"] + [format(record.get(("loader", m), 0), ",")
                      for m in MACHINES] + [""],
        ["both"] + [format(record["boot:128", m] +
                           record.get(("loader", m), 0), ",")
                    for m in MACHINES] +
        ["5 M, 10 M"]], 24)


def locks_table(record, machines=MACHINES):
    """The hottest lock that all share, that of one thing, and silence."""
    rows = []
    for row in names(record, "silence"):
        cells = [row]
        for machine in machines:
            for kind in ["held", "own"]:
                held, lock = record[kind + ":" + row, machine].split(" ", 1)
                cost = record["cost:" + row, machine]
                cells += [lock, "%.0f" % (cost / float(held))
                          if float(held) else "-"]
            cells.append(format(record["silence:" + row, machine], ","))
        rows.append(cells)
    return laid_out(
        ["row"] + ["shared", "N*", "own", "N*", "silent"] * len(machines),
        rows, 13)


def together_table(record, machines=MACHINES):
    rows = []
    for machine in machines:
        rows.append(["*%s*" % TITLES[machine]] + [""] * 4)
        for row, title in [("fork_small", "fork + exit + wait"),
                           ("create_own", "create, write, unlink"),
                           ("read_own", "open, read, close")]:
            rows.append([title] + [
                format(record["together:%s:%d" % (row, n), machine], ",")
                for n in (1, 2, 4, 8)])
    return laid_out(["", "1", "2", "4", "8"], rows, 22)


def gains_table(record):
    """What each step of the work on costs has bought; from GAINS, which is
    not measured again."""
    found, titles = {}, []
    with open(GAINS, encoding="utf-8") as file:
        for line in file:
            if line.startswith("steps: "):
                titles = line[len("steps: "):].strip().split("; ")
            elif not line.startswith("#"):
                row, machine, *costs = line.split()
                found[row, machine] = [int(cost) for cost in costs]
    rows = []
    for machine in MACHINES:
        rows.append(["*%s*" % TITLES[machine]] + [""] * len(GAINED))
        for i, title in enumerate(titles):
            costs = [found[row, machine] for row, _ in GAINED]
            if i and all(cost[i] == cost[i - 1] for cost in costs):
                continue        # a step of the other machine
            rows.append([title] + [format(cost[i], ",") for cost in costs])
    return laid_out([""] + [title for _, title in GAINED], rows, 31)


GAINED = [("getpid", "getpid"), ("fstat", "fstat"), ("read_byte", "byte"),
          ("open_missing", "missing"), ("fork_small", "fork"),
          ("create_unlink", "create"), ("read_64k", "64 KiB")]


GAPS = {"pipe_pingpong": "ping-pong", "read_byte": "read",
        "write_byte": "write", "sbrk_shrink": "shrink",
        "open_missing": "missing"}


def gaps_table(record, machines=MACHINES):
    """The instructions of rows that are far above their floors, by parts."""
    rows = []
    for machine in machines:
        counts = [[record["gap:%s:%s" % (row, part), machine] for row in GAPS]
                  for part, _ in PARTS]
        rows.append(["*%s*" % TITLES[machine]] + [""] * len(GAPS))
        rows += [[title, *line] for (_, title), line in zip(PARTS, counts)]
        rows.append(["together", *map(sum, zip(*counts))])
        rows.append(["of these, to call functions"] + [
            record["gap:%s:calling" % row, machine] for row in GAPS])
        rows.append(["floor"] + [peers()[row][machine][1] for row in GAPS])
    return laid_out(["", *GAPS.values()], rows, 34)


PARTS = [("program", "in the program"),
         ("trap", "trap, table of calls, return"),
         ("lock", "locks; which processor, process"),
         ("copy", "copies from and to the program"),
         ("file", "descriptor, kind of file"),
         ("switch", "sleeping, waking, switching"),
         ("own", "what the row is about")]


def kinds_table(record):
    """The instructions of getpid, by what they do."""
    rows = [[title] + [record.get(("kind:" + kind, machine), 0)
                       for machine in MACHINES] for kind, title in KINDS]
    rows.append(["together"] + [sum(row[i] for row in rows) for i in (1, 2)])
    return laid_out(["", *TITLES.values()], rows, 42)


KINDS = [("program", "in the program, its loop included"),
         ("system", "trap, return, and registers of the system"),
         ("store", "stores, pushes included"),
         ("load", "loads, pops included"),
         ("clear", "registers that are set to 0"),
         ("jump", "calls, returns, jumps, branches"),
         ("other", "all others")]


def versions(record):
    """A sentence."""
    yield ("Recorded on %s with QEMU %s and %s." % tuple(
        record["made:" + name, "both"] for name in
        ("date", "qemu", "compiler")))


TABLES = {"versions": versions, "requests": durable_table, "growth": growth_table, "boot": boot_table,
          "sizes": sizes_table, "together": together_table,
          "gains": gains_table, "kinds": kinds_table, "gaps": gaps_table}
# One for each machine: both do not fit beside each other on a page.
for each in MACHINES:
    TABLES["rows " + each] = functools.partial(rows_table, machines=[each])
    TABLES["locks " + each] = functools.partial(locks_table, machines=[each])


# ---- Plots -----------------------------------------------------------

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 90, 24, 50

# name, title, what grows, its unit, whether zero is at the bottom
PLOTS = [
    ("open", "Open in a directory that grows", "names in the directory"),
    ("heap", "Fork of a heap that grows", "MiB of heap, all touched"),
    ("sleepers", "A byte there and back while others sleep",
     "processes that sleep"),
    ("page", "A new page in machines of more and more memory", "MiB of RAM"),
    ("boot", "From power-on to the prompt", "MiB of RAM"),
]


def steps(most):
    """Where the marks of the upright axis are: up to six round numbers."""
    unit = 10 ** math.floor(math.log10(most / 2))
    for times in (1, 2, 5, 10):
        if most <= unit * times * 5:
            break
    step = unit * times
    return [step * i for i in range(math.ceil(most / step) + 1)]


LINES = '<g fill="none" stroke="currentColor" stroke-width="1.3">'
WORDS = '<g fill="currentColor" font-family="sans-serif" font-size="14">'
TEXT = ('  <text class="fig-text%s" x="%.1f" y="%.1f" text-anchor="%s"%s>'
        "%s</text>")
MUTED = ' fill="#595959"'
GRID = ('  <path class="fig-muted" d="M%.1f %.1f%s" stroke="#595959" '
        'stroke-width="0.7" stroke-opacity="0.5"/>')
DOTS = ['  <circle class="fig-accent" cx="%.1f" cy="%.1f" r="4" '
        'fill="#d5e4f5" stroke="#2a5a92"/>',
        '  <circle class="fig-accent2" cx="%.1f" cy="%.1f" r="4" '
        'fill="#fbe2c4" stroke="#97570f"/>']


def drawing(width, height, title, told):
    yield ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">' %
           (width, height))
    yield "<title>%s</title>" % title
    yield "<desc>%s</desc>" % told


def plot(record, kind, title, what):
    """A drawing: sizes by their logarithms, costs from 0 on."""
    sizes = [int(name) for name in names(record, kind)]
    costs = {machine: [record["%s:%d" % (kind, size), machine]
                       for size in sizes] for machine in MACHINES}
    marks = steps(max(max(line) for line in costs.values()))
    span = math.log(sizes[-1] / sizes[0])

    def x(size):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(size / sizes[0]) / span

    def y(cost):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * cost / marks[-1]

    told = "; ".join("%s: %s" % (TITLES[machine], ", ".join(
        "%s for %s" % (format(cost, ","), format(size, ","))
        for size, cost in zip(sizes, costs[machine]))) for machine in MACHINES)
    yield from drawing(WIDTH, HEIGHT, title,
                       "Instructions by %s. %s." % (what, told))
    yield LINES
    for mark in marks[1:]:
        yield GRID % (LEFT, y(mark), "H%d" % (WIDTH - RIGHT))
    yield '  <path class="fig-arrow" d="M%d %dV%dH%d"/>' % (
        LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT)
    for number_of, machine in enumerate(MACHINES):
        line = " ".join("%.1f %.1f" % (x(size), y(cost)) for size, cost in
                        zip(sizes, costs[machine]))
        yield '  <path class="fig-arrow" d="M%s"%s/>' % (
            line, ' stroke-dasharray="6 4"' if number_of else "")
        for size, cost in zip(sizes, costs[machine]):
            yield DOTS[number_of] % (x(size), y(cost))
    yield "</g>"
    yield WORDS
    for mark in marks:
        yield TEXT % (" fig-muted", LEFT - 8, y(mark) + 5, "end", MUTED,
                      format(round(mark), ",") if marks[-1] < 100000 else
                      "%g M" % (mark / 1000000))
    for size in sizes:
        yield TEXT % (" fig-muted", x(size), HEIGHT - BOTTOM + 20, "middle",
                      MUTED, format(size, ","))
    yield TEXT % ("", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "middle", "",
                  what)
    yield TEXT % (" fig-muted", LEFT, 14, "start", MUTED, "instructions")
    ends = [y(costs[machine][-1]) + 5 for machine in MACHINES]
    if abs(ends[0] - ends[1]) < 16:     # the labels would overlap
        middle, lower = sum(ends) / 2, ends[0] > ends[1]
        ends = [middle + 8, middle - 8] if lower else [middle - 8, middle + 8]
    for machine, end in zip(MACHINES, ends):
        yield TEXT % ("", WIDTH - RIGHT + 10, end, "start", "",
                      TITLES[machine])
    yield "</g>"
    yield "</svg>"


def rows_plot(record):
    """A drawing: Weft and xv6 in multiples of the floor, by logarithms."""
    elsewhere, left, step, top = peers(), 120, 17, 56
    rows = [row for row in names(record, "row") if row in elsewhere]
    bottom = top + step * len(rows)
    powers = range(5)
    key = [("Weft on riscv64", left + 30), ("on i386", left + 170),
           ("xv6 on both", left + 250)]
    xv6 = '  <circle class="fig-box" cx="%.1f" cy="%.1f" r="4"/>'

    def x(times):
        return left + 60 + (WIDTH - left - 90) * math.log10(times) / powers[-1]

    def times(row, machine):
        other, floor = elsewhere[row][machine]
        return record["row:" + row, machine] / floor, other / floor

    yield from drawing(
        WIDTH, bottom + 50, "What rows of the bench cost, and what in xv6",
        "In multiples of the floor, on riscv64 and i386. %s." % "; ".join(
            "%s: Weft %.2g and %.2g, xv6 %.3g and %.3g" % (
                row, *(times(row, machine)[i] for i in range(2)
                       for machine in MACHINES)) for row in rows))
    yield LINES
    for power in powers:
        yield GRID % (x(10 ** power), top - 8, "V%d" % bottom)
    yield '  <path class="fig-arrow" d="M%.1f %dV%d"/>' % (x(1), top - 8,
                                                           bottom)
    for line, row in enumerate(rows):
        y = top + step * line + 6
        for machine, dot in zip(MACHINES, DOTS):
            ours, theirs = times(row, machine)
            yield xv6 % (x(theirs), y)
            yield dot % (x(ours), y)
    for (_, place), dot in zip(key, (*DOTS, xv6)):
        yield dot % (place - 10, 14)
    yield "</g>"
    yield WORDS
    for words, place in key:
        yield TEXT % ("", place, 19, "start", "", words)
    for line, row in enumerate(rows):
        yield TEXT % ("", left - 10, top + step * line + 11, "end", "", row)
    for power in powers:
        yield TEXT % (" fig-muted", x(10 ** power), bottom + 18, "middle",
                      MUTED, format(10 ** power, ","))
    yield TEXT % ("", (left + WIDTH) / 2, bottom + 42, "middle", "",
                  "times the floor")
    yield "</g>"
    yield "</svg>"


# ---- The chapter -----------------------------------------------------

# Its caption, if there is one, stays.
PLACE = re.compile(r"(?<=<!-- recorded: )([\w ]+?)( -->\n).*?"
                   r"(?=^Table: |^<!-- recorded -->)",
                   re.DOTALL | re.MULTILINE)


def chapter(text, record):
    def filled(found):
        try:
            lines = "\n".join(TABLES[found.group(1)](record))
        except KeyError:        # this part was not recorded
            return found.group()
        return "%s%s\n%s\n\n" % (found.group(1), found.group(2), lines)
    return PLACE.sub(filled, text)


def files(record):
    """{path: text} of all that follows from the record"""
    with open(CHAPTER, encoding="utf-8") as file:
        found = {CHAPTER: chapter(file.read(), record)}
    for kind, title, what in PLOTS:
        if names(record, kind):
            found[os.path.join(FIGURES, "costs-%s.svg" % kind)] = "\n".join(
                plot(record, kind, title, what)) + "\n"
    if names(record, "row"):
        found[os.path.join(FIGURES, "costs-rows.svg")] = "\n".join(
            rows_plot(record)) + "\n"
    return found


def differences():
    """The paths of what is not as the record has it."""
    record = read()
    if not record or not os.path.exists(CHAPTER):
        return
    for path, text in files(record).items():
        try:
            with open(path, encoding="utf-8") as file:
                same = file.read() == text
        except OSError:
            same = False
        if not same:
            yield path


def main(words):
    wrong = list(differences())
    if "--write" not in words:
        for path in wrong:
            print("%s: not as %s has it: tools/costs.py --write" % (path,
                                                                    RECORD))
        return 1 if wrong else 0
    for path, text in files(read()).items() if wrong else ():
        if path in wrong:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
