"""Numbers of the prose that are not so any more are found, and the reader is
told where they stand and what is true."""

import json
import re
import shutil

import pytest

import weft

numbers = weft.tool("prose_numbers.py")
TOOL = "tools/prose_numbers.py"

# A chapter for the end of a small book, with every kind of source.
CHAPTER = """# Numbers {#ch:numbers}

A page has 4096 bytes, or 4 KiB, and the PC's kernel is at `0x100000`.
<!-- is: 4096 = KERNEL_START / KERNEL_START * 4 KiB; 4 KiB = 4096 -->
<!-- is: 0x100000 = i386 KERNEL_START -->

Its text has about 1,000 bytes, and a fork costs 7,500 instructions, or twelve
for each reader.
<!-- is: 1,000 ~ i386 of 2 size text; 7,500 ~ riscv of 2 cost fork_small -->
<!-- is: twelve = 3 * 4; 1,000 ~ riscv of 2 cost walk_row -->

what              riscv      i386
----------------  -----  --------
small process     7,500     8,000
a page more       1.5 K     1,600

Table: Costs. {#tbl:costs}

<!-- costs: 1 riscv of 2, 2 i386 of 2: fork_small sbrk_grow -->

There are 3 files in a folder.
<!-- is: 3 = of 2 1 + files machine/i386/boot/boot.S + 1 -->
"""

COSTS = """# a remark
2 riscv cost fork_small 7700
2 riscv cost sbrk_grow 1490
2 riscv cost walk_row 1010
2 i386 cost fork_small 7900
2 i386 cost sbrk_grow 1610
2 i386 size text 1020
"""


@pytest.fixture
def marked(small):
    """Two chapters, and one before them that is nothing but numbers."""
    small.chapter(0).unlink()
    for path in small.folder.glob("book/0[12]-*.nw"):
        text = path.read_text()
        path.write_text(re.sub(r"<!-- (is|costs): .*\n", "", text))
    (small.folder / "book/00-numbers.nw").write_text(CHAPTER)
    shutil.rmtree(small.folder / "book/figures")
    for path in (small.folder / "book/measured").glob("*"):
        path.unlink()
    (small.folder / "book/measured/costs.txt").write_text(COSTS)
    (small.folder / "book/given.txt").write_text("")
    return small


def complaints(tree):
    return tree.run(TOOL).stderr.splitlines()


def test_the_book_says_what_is_so():
    done = weft.Tree.at(weft.ROOT).run(TOOL)
    assert done.stderr == ""
    assert done.returncode == 0


def test_every_kind_of_source(marked):
    done = marked.run(TOOL)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("old, new, said", [
    # The prose and its mark say what is not so ...
    ("4096", "4097", ["4097 is written, and it is 4096 (KERNEL_START / "
                      "KERNEL_START * 4 KiB, riscv)"]),
    ("`0x100000`", "`0x200000`", ["0x100000 does not stand above this mark"]),
    ("0x100000", "0x200000", ["0x200000 is written, and it is 0x100000 "
                              "(KERNEL_START, i386)"]),
    ("4 KiB,", "8 KiB,", ["4 KiB does not stand above this mark"]),
    ("1,000", "1,200", ["1,200 is written, and it is 1,020 "]),
    ("7,500 i", "9,500 i", ["7,500 does not stand above this mark"]),
    ("twelve", "thirteen", ["thirteen is written, and it is 12 (3 * 4, "]),
    ("1.5 K", "1.8 K", ["1.8 K is written, and it is 1490 (cost sbrk_grow,"]),
    ("1,600", "1,800", ["1,800 is written, and it is 1,610 (cost sbrk_grow, "
                        "i386)"]),
    ("3 files", "4 files", ["3 does not stand above this mark"]),
    # ... or the mark asks for what there is not.
    ("i386 KERNEL_START", "i386 NO_SUCH_NAME",
     ["`NO_SUCH_NAME` is not defined in the kernel of i386"]),
    ("i386 KERNEL_START", "i386 KERNEL_START +",
     ["`KERNEL_START +`: expected expression"]),
    ("cost walk_row", "cost no_row",
     ["`cost no_row` of 2 riscv is not in book/measured: see `make measure`"]),
    ("i386 KERNEL_START -->", "i386 -->",
     ["0x100000 has no source"]),
    (": fork_small sbrk_grow", ": fork_small",
     ["the table above has 2 rows of numbers, and not 1"]),
])
def test_what_is_wrong_is_said(marked, old, new, said):
    text = CHAPTER.replace(old, new)
    assert text != CHAPTER
    (marked.folder / "book/00-numbers.nw").write_text(text)
    lines = complaints(marked)
    assert lines
    for line in lines:
        place, number = re.match(r"book/(00-numbers\.nw):(\d+): ",
                                 line).groups()
        assert "<!-- " in text.split("\n")[int(number) - 1]
    for words in said:
        assert any(words in line for line in lines), lines
    assert marked.run(TOOL).returncode == 1


def test_code_that_changes_is_noticed(marked):
    """And not hidden by what was computed before."""
    assert complaints(marked) == []
    chapter = marked.chapter(1)
    text = chapter.read_text()
    changed = re.sub(r"(#define KERNEL_START 0x)100000\b", r"\g<1>200000",
                     text)
    assert changed != text
    chapter.write_text(changed)
    assert any("0x100000 is written, and it is 0x200000 (KERNEL_START, i386)"
               in line for line in complaints(marked))
    chapter.write_text(text)
    assert complaints(marked) == []


def test_the_book_is_not_woven_with_a_wrong_number(marked):
    """One page alone is: it is wanted quickly."""
    marked.replace(0, "4096", "4097", count=2)
    done = marked.make("WEAVE_PARTIAL=1", "book")
    assert done.returncode
    assert "4097 is written, and it is 4096" in done.stderr
    assert not (marked.folder / "build/book/html/00-numbers.html").exists()


def test_a_number_from_nowhere_is_listed(marked):
    def listed():
        return [re.match(r"book/00-numbers.nw:(\d+): (\S+): ", line).groups()
                for line in marked.must(TOOL, "--list", "0").splitlines()]

    def written(*prose):
        (marked.folder / "book/00-numbers.nw").write_text(
            CHAPTER + "\n".join(("", *prose, "")))

    line = str(len(CHAPTER.split("\n")) + 1)
    assert listed() == []
    written("It costs 777 instructions, of 12.")
    assert listed() == [(line, "777")]
    written("It costs 777 instructions, at 0xabc00.",
            "<!-- is: 777 = 700 + 77; 0xabc00 = 0xabc * 0x100 -->")
    assert listed() == []
    # In code, in output, in what a reader is to try, in names: no question.
    written("It prints 777.", "", "```", "777", "```", "")
    assert listed() == []
    written("::: {.exercise #ex:number stars=1}", "Try 777.", ":::", "")
    assert listed() == []
    written("![Figure.](figures/a-777.svg){#fig:a-777} and @sec:no-777.")
    assert listed() == []
    written("It costs 777 instructions.")
    given = marked.folder / "book/given.txt"
    given.write_text("# Remarks of 1999.\n00: 777 by counting\n")
    assert listed() == []
    given.write_text("*: 777\n02: 888\n")
    assert listed() == []
    wrong, nowhere, summary = run_in(marked, numbers.complaints)
    assert wrong == ["book/given.txt:2: no text needs 888 any more"]
    assert ", 0 from nowhere" in summary or nowhere


def run_in(tree, function):
    import os
    here = os.getcwd()
    os.chdir(tree.folder)
    try:
        return function(numbers.Book(numbers.chapters()))
    finally:
        os.chdir(here)


FIGURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">
<title>A map</title>
<desc>The kernel is at 0x100000, stacks at 0xf0000000.</desc>
<!-- is: 0x100000 = i386 KERNEL_START; 0xf0000000 = i386 map stacks -->
<text>0x100000</text>
</svg>
"""


def test_addresses_of_figures(marked):
    """They are compared with the code and with a kernel that has run."""
    folder = marked.folder / "book/figures"
    folder.mkdir()
    (folder / "map.svg").write_text(FIGURE)
    marked.append(0, "![The map.](figures/map.svg){#fig:map}\n")
    assert complaints(marked) == []         # no kernel has run
    walk = marked.folder / "build/walk"
    walk.mkdir(parents=True)
    dump = "== mem\nmap: 0x%x rw- stacks, 16384 KiB\n== raw\n"
    (walk / "i386.dump").write_text(dump % 0xf0000000)
    assert complaints(marked) == []
    (walk / "i386.dump").write_text(dump % 0xe0000000)
    assert complaints(marked) == [
        "book/figures/map.svg:4: 0xf0000000 is written, and it is 0xe0000000 "
        "(map stacks, i386)"]
    (walk / "i386.dump").write_text("none: no QEMU\n")
    assert complaints(marked) == []
    (folder / "map.svg").write_text(FIGURE.replace("0x100000", "0x300000"))
    assert [line for line in complaints(marked) if "and it is 0x100000"
            in line]


@pytest.mark.parametrize("text, value", [
    ("4096", 4096), ("`0x7c00`", 0x7c00), ("1,234,567", 1234567),
    ("4 KiB", 4096), ("2 MiB", 2 << 20), ("7 GiB", 7 << 30), ("1.5", 1.5),
    ("2.5 M", 2500000), ("67 K", 67000), ("sixteen", 16), ("Eight", 8),
    ("sixty-four", None), ("forty-two", 42), ("12,34", None), ("words", None),
])
def test_literals(text, value):
    if text == "sixty-four":
        value = 64
    assert numbers.literal(text) == value


def test_what_was_measured_is_written_down_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(numbers, "MEASURED", str(tmp_path))
    (tmp_path / "sizes.txt").write_text(
        "# x\n6 i386 symbol kernel_end 0x8010d000\n6 i386 size text 12000\n")
    assert numbers.read_measured("sizes") == {
        (6, "i386", "symbol", "kernel_end"): 0x8010d000,
        (6, "i386", "size", "text"): 12000}
    assert numbers.read_measured("costs") == {}


# ---- What is measured, is it still so? -------------------------------

@pytest.mark.all
def test_sizes_and_costs_are_those_of_the_kernels(tree):
    done = tree.run("tools/measure", "--check", limit=3600)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sizes_of_a_kernel_are_those_written_down(tree):
    """Those of the first chapter, quickly."""
    done = tree.run("tools/measure", "--check", "sizes", "1")
    assert done.returncode == 0, done.stdout + done.stderr


# ---- The recap -------------------------------------------------------

def recap(folder, book, *sizes):
    out = folder / "out"
    out.mkdir(exist_ok=True)
    (folder / "sizes.txt").write_text("".join(line + "\n" for line in sizes))
    weft.Tree.at(weft.ROOT).must(
        "python3", "-B", "book/weave/recap.py", out, folder / "sizes.txt",
        *sorted(book.glob("[0-9]*.nw")))
    return {path.stem: [line.removeprefix("@text\t")
                        for line in path.read_text().splitlines()
                        if line.startswith("@text\t")]
            for path in out.glob("*.recap")}


def test_a_recap_counts_lines(tmp_path):
    book = tmp_path / "book"
    book.mkdir()
    (book / "01-one.nw").write_text(
        "# One {#ch:one}\n\n<<kernel/a.c>>=\nint a;\n\n<<more>>\n"
        "<<old>>\n@\n\n<<more>>=\n@\n\n<<old (until 3)>>=\nint b;\nint c;\n"
        "@\n\n<<transcript/01.riscv>>=\nhello\n@\n")
    (book / "02-two.nw").write_text(
        "# Two {#ch:two}\n\n<<more>>=\nint d;\nint e;\n@\n\n"
        "<<machine/i386/b.c>>=\nint f;\n@\n")
    (book / "03-three.nw").write_text(
        "# Three {#ch:three}\n\n<<old>>=\nint g;\n@\n")
    (book / "04-four.nw").write_text("# Four {#ch:four}\n\nOnly words.\n")
    size = ["%d %s size %s %d" % (n, machine, part, 100 * n + k)
            for n in (1, 2) for machine in weft.MACHINES
            for k, part in enumerate(["text", "constants", "data"])]
    said = recap(tmp_path, book, *size)
    rows = {name: [[cell.strip() for cell in line.strip("|").split("|")]
                   for line in lines if line.startswith("| ")]
            for name, lines in said.items()}
    assert rows["01-one"][1:3] == [
        ["`kernel/a.c`", "+3", "3"],
        ["1 file", "+3", "3 in the whole kernel"]]
    assert rows["02-two"][1:4] == [
        ["`kernel/a.c`", "+2", "5"],
        ["`machine/i386/b.c`", "+1", "1"],
        ["2 files", "+3", "6 in the whole kernel"]]
    assert ["text", "200", "200", "+100", "+100"] in rows["02-two"]
    assert rows["03-three"][1] == [
        "`kernel/a.c`", "+1\u00a0−2", "4"]
    assert "04-four" not in rows or not rows["04-four"]
    assert any("[riscv64](#c:transcript/01.riscv)" in line
               for line in said["01-one"])


def test_recaps_count_what_is_tangled(tmp_path):
    """The lines of the whole book are those of its last recap."""
    said = recap(tmp_path, weft.ROOT / "book")
    book = weft.book()
    files = numbers.Kernel(book, book.last_chapter()).files
    lines = sum(1 for text in files.values() for line in text.split("\n")
                if line.strip())
    last = max(name for name, text in said.items() if text and name < "90")
    assert f"{lines} in the whole kernel |" in "\n".join(said[last])


def test_where_a_recap_stands(tmp_path):
    """In the section Recap, or at the end; and marks cannot be seen."""
    book = tmp_path / "book"
    book.mkdir()
    (book / "01-one.nw").write_text(
        "# One {#ch:one}\n\nThere are 4096 bytes.\n"
        "<!-- is: 4096 = PAGE_SIZE -->\n\n<<kernel/a.c>>=\nint a;\n@\n\n"
        "## Recap {#sec:one-recap}\n\nYou can count.\n\n"
        "## Exercises {#sec:one-exercises}\n\nDo it.\n")
    (book / "02-two.nw").write_text(
        "# Two {#ch:two}\n\n<<kernel/b.c>>=\nint b;\n@\n\n"
        "## Exercises {#sec:two-exercises}\n\nDo it.\n")
    weft.Tree.at(weft.ROOT).must(
        "make", "-f", "weave.mk", f"WEAVE_BOOK={book}",
        f"WEAVE_OUT={tmp_path}/out", "book")
    one, two = [(tmp_path / "out/pages" / name).read_text()
                for name in ("01-one.html", "02-two.html")]
    assert "4096 bytes" in one and "PAGE_SIZE" not in one
    places = [one.index(words) for words in
              ('id="sec:one-recap"', "You can count", 'class="grown"',
               '<a href="files/kernel-a.c.html">', 'id="sec:one-exercises"',
               'id="history"')]
    assert places == sorted(places)
    assert 'id="what-grew"' not in one
    places = [two.index(words) for words in
              ('id="sec:two-exercises"', 'id="what-grew"', 'class="grown"',
               'id="history"')]
    assert places == sorted(places)
