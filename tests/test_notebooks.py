"""The appendix "Three notebooks" keeps its word, and what watches over it
notices when it does not: tools/notebooks.py and mentioned.py are tried on a
book of one chapter, one notebook and five tests."""

import os
import re
import shutil
import subprocess

import pytest

import weft

notebooks = weft.tool("notebooks.py")


def complaints(folder):
    """What the tool finds wrong with the book in FOLDER."""
    here = os.getcwd()
    os.chdir(folder)
    try:
        return notebooks.complaints(weft.noweb.Book(weft.noweb.chapters()))
    finally:
        os.chdir(here)


def test_the_appendix_is_in_order():
    assert complaints(weft.ROOT) == []


# ---- A small book ----------------------------------------------------

NOTEBOOK = """\
# Notes

The walk uses 10 bits. Then it uses 10 bits more.

int a, b  // 第三个条件未知
"""

CHAPTER = """\
# One {#ch:one}

## Walking {#sec:walking}

### Deeper {#sec:deeper}

<<kernel/walk.c>>=
int walk;
@
<<transcript/01.riscv>>=
Weft.
@
"""

APPENDIX = """\
# Three notebooks {#ch:three-notebooks}

::: {.item .markup #pc:1}
```said
# Notes
```
:::

::: {.item .right #pc:3}
```said
The walk uses 10 bits.
```

[[walk]] does (@sec:walking).

Test: `usertests sbrkbasic`, `usertests noexec (riscv)`
:::

::: {.item .differs #pc:3.2}
```said
Then it uses
10 bits more.
```

Not here (@sec:walking).

Test: `host tables/walk`, `transcript/01`
:::

::: {.item .slip #pc:5}
```code
int a, b  // 第三个条件未知
```

*The third condition is
unknown.*

A semicolon is missing (@ch:one).

Test: `test_small.py::test_good`,
`test_small.py::test_both[1]`
:::
"""

USERTESTS = """\
static const struct test memory_tests[] = {
	{ "sbrkbasic", sbrkbasic, QUICK | KILLS },
	{ "noexec", noexec,
	  QUICK },
	{ "writebig", writebig, SLOW | FILES },
};
"""

TESTS = """\
import mentioned
import pytest


def test_good():
    pass


@pytest.mark.parametrize("number", [1, 2])
def test_both(number):
    assert number < 3


def test_kernel(record_property):
    for machine in ["riscv", "i386"]:
        mentioned.record_usertests(
            record_property, machine, "test sbrkbasic: OK\\n")
    mentioned.record_usertests(record_property, "riscv",
        "test noexec: \\n3 x: page fault\\ntest noexec: OK\\n")


def test_host(record_property):
    mentioned.record_host(record_property, "tables", "ok walk\\n")


def test_prefix(record_property):
    mentioned.record_transcripts(record_property,
                                 "  same  transcript/01.riscv\\n")


@pytest.mark.all
def test_long():
    pass
"""


class Small:
    """That book, in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(weft.ROOT / "tools", folder / "tools",
                        ignore=shutil.ignore_patterns("__pycache__"))
        self.write("book/notebooks/pc.txt", NOTEBOOK)
        self.write("book/01-one.nw", CHAPTER)
        self.write("book/90-three-notebooks.nw", APPENDIX)
        self.write("user/usertests/memory.c", USERTESTS)
        self.write("tests/host/test_tables.c", '\t{ "walk", test_walk },\n')
        self.write("tests/test_small.py", TESTS)
        for name in ["conftest.py", "mentioned.py", "weft.py"]:
            shutil.copy(weft.ROOT / "tests" / name, folder / "tests")

    def write(self, path, text):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def replace(self, path, old, new):
        text = (self.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def run(self, *command):
        return subprocess.run(command, cwd=self.folder, text=True,
                              env=weft.ENVIRONMENT, capture_output=True)

    def look(self):
        """What the tool says, without the name of the appendix."""
        return "".join(text.replace("book/90-three-notebooks.nw:", "") + "\n"
                       for text in complaints(self.folder))

    def pytest(self, *words):
        """(status, what pytest says of the tests mentioned)"""
        done = self.run("/usr/bin/python3", "-B", "-m", "pytest", "-q",
                        "-p", "no:cacheprovider", *words)
        assert "Traceback" not in done.stderr and "INTERNAL" not in \
            done.stdout, done.stdout + done.stderr
        return done.returncode, re.findall(r"90-three-\S+: (.*)",
                                           done.stdout)


@pytest.fixture
def book(tmp_path):
    return Small(tmp_path / "small")


def line_of(text):
    return APPENDIX[:APPENDIX.index(text)].count("\n") + 1


# ---- What stands in the appendix -------------------------------------

def test_a_good_appendix(book):
    assert book.look() == ""


def test_the_program_prints_what_is_wrong(book):
    done = book.run("tools/notebooks.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    book.replace("book/90-three-notebooks.nw", "@sec:walking", "@sec:flying")
    book.replace("book/90-three-notebooks.nw", "tables/walk", "tables/run")
    done = book.run("tools/notebooks.py")
    assert done.returncode == 1
    assert done.stderr.replace("book/90-three-notebooks.nw:", "") == book.look()
    assert done.stderr.count("\n") == 2


def test_a_book_without_its_tests(book):
    shutil.rmtree(book.folder / "tests")
    assert book.look() == ""


def test_a_book_without_the_appendix(book):
    (book.folder / "book/90-three-notebooks.nw").unlink()
    assert book.look() == ""


PLANTED = [     # (replace, by, the line of this text, what is said)
    ("@sec:walking", "@sec:flying", "[[walk]] does",
     "there is no @sec:flying"),
    ("@sec:walking", "@sec:deeper", "[[walk]] does",
     "there is no @sec:deeper"),
    ("(@ch:one)", "", "{.item .slip", "no section of the book"),
    ("[[walk]]", "[[run]]", "[[walk]] does",
     "the kernel has nothing called run"),
    ("usertests sbrkbasic", "usertests sbrknone", "Test: `usertests",
     "usertests sbrknone: usertests has no test sbrknone"),
    ("usertests sbrkbasic", "usertests writebig", "Test: `usertests",
     "usertests writebig: is slow"),
    ("host tables/walk", "host tables/run", "Test: `host",
     "host tables/run: tests/host/test_tables.c has no test run"),
    ("host tables/walk", "host chairs/walk", "Test: `host",
     "host chairs/walk: tests/host/test_chairs.c has no"),
    ("transcript/01", "transcript/02", "Test: `host",
     "transcript/02: the book has no transcript/02"),
    ("transcript/01", "transcript/01.i386", "Test: `host",
     "transcript/01.i386: the book has no"),
    ("test_small.py::test_good", "test_small.py::test_bad", "Test: `test_",
     "test_small.py::test_bad: it is none of"),
    ("test_small.py::test_good", "test_tall.py::test_good", "Test: `test_",
     "test_tall.py::test_good: it is none of"),
    ("test_small.py::test_good", "test_small.py::test_long", "Test: `test_",
     "test_small.py::test_long: is no part of"),
    ("Test: `host tables/walk`, `transcript/01`\n", "", "{.item .differs",
     "no test"),
    (".right", ".wrong", "{.item .right", "an item is one of"),
    (".right ", "", "{.item .right", "an item is one of"),
    ("*The third condition is\nunknown.*\n", "", "{.item .slip",
     "no English rendering"),
    # A quotation that is not in the notebook, is cut, or is left out.
    ("uses 10 bits.\n", "uses 9 bits.\n", "{.item .right",
     "this is not what pc.txt has next, in line 3: The walk uses 10"),
    ("bits.\n```", "bits. Then\n```", "{.item .differs",
     "this is not what pc.txt has next, in line 3: it uses 10"),
    ("The walk uses 10 bits.\n", "The walk uses\n", "{.item .differs",
     "this is not what pc.txt has next, in line 3: 10 bits. Then"),
    ("int a, b", "inta, b", "{.item .slip", "this is not what pc.txt has"),
    ("#pc:3.2", "#pc:4", "{.item .differs", "this is #pc:3.2"),
    ("#pc:3.2", "#riscv:3", "{.item .differs",
     "a quotation is named after a notebook"),
]


@pytest.mark.parametrize("old, new, marker, said", PLANTED,
                         ids=["%s-%s" % (p[3][:20], i)
                              for i, p in enumerate(PLANTED)])
def test_planted(book, old, new, marker, said):
    line = line_of(marker)
    # What is left out above moves the line up.
    assert old in APPENDIX
    if APPENDIX.index(old) < APPENDIX.index(marker):
        line += new.count("\n") - old.count("\n")
    book.replace("book/90-three-notebooks.nw", old, new)
    assert any(text.startswith("%d: %s" % (line, said))
               for text in book.look().splitlines()), book.look()


def test_a_line_that_is_not_quoted(book):
    book.replace("book/notebooks/pc.txt", "int a", "And more.\n\nint a")
    assert "in line 5: And more." in book.look()
    book.write("book/notebooks/pc.txt", NOTEBOOK + "\nAt the end.\n")
    assert book.look() == ("book/notebooks/pc.txt:7: not quoted in the "
                           "appendix: At the end.\n")


def test_a_notebook_that_is_not_quoted(book):
    book.write("book/notebooks/new.txt", "More.\n")
    assert "book/notebooks/new.txt:1: not quoted" in book.look()


def test_lint_and_the_weave_refuse(book):
    """They ask the same program."""
    assert "has no test run" not in book.run("tools/lint").stdout
    for name in ["Makefile", "weave.mk"]:
        shutil.copy(weft.ROOT / name, book.folder)
    shutil.copytree(weft.ROOT / "book/weave", book.folder / "book/weave")
    book.replace("book/90-three-notebooks.nw", "tables/walk", "tables/run")
    done = book.run("tools/lint")
    assert done.returncode == 1
    assert "has no test run" in done.stdout
    done = book.run("make", "book")
    assert done.returncode != 0
    assert "has no test run" in done.stderr


# ---- What runs -------------------------------------------------------

def test_all_ran(book):
    assert book.pytest("tests", "--whole") == (0, [])


def test_a_part_of_the_tests_is_not_asked(book):
    book.replace("tests/test_small.py", "def test_host", "def host")
    assert book.pytest("tests") == (0, [])


# Each pytest takes its time to begin, so several things go wrong in one; what
# is listed is what is said of these, and nothing else.
LOST = [        # [(replace, by, what is said)], in the order of the appendix
    [
        ('["riscv", "i386"]', '["riscv"]',
         "usertests sbrkbasic: did not pass on i386"),
        ("test noexec: OK", "test noexec: FAILED",
         "usertests noexec (riscv): did not pass on riscv"),
        ("ok walk", "ok run", "host tables/walk: did not pass"),
        ("  same", "  DIFF",
         "transcript/01: did not pass: transcript/01.riscv"),
        ("pass\n", "assert False\n", "test_small.py::test_good: failed"),
        ("[1, 2]", "[2]", "test_small.py::test_both[1]: did not run"),
    ], [
        ('"ok walk\\n")', '"ok walk\\n")\n    assert False',
         "host tables/walk: did not pass"),
        ("pass\n", "pytest.skip('')\n", "test_small.py::test_good: skipped"),
    ], [
        ("def test_good", "def good", "test_small.py::test_good: did not run"),
    ],
]


@pytest.mark.parametrize("lost", LOST, ids=["one", "two", "three"])
def test_a_test_that_did_not_pass(book, lost):
    for old, new, _ in lost:
        book.replace("tests/test_small.py", old, new)
    assert book.pytest("tests", "--whole") == (1, [said for _, _, said in lost])


@pytest.mark.all
def test_what_workers_report_comes_together(book):
    """All but the one that is missing have come."""
    book.replace("tests/test_small.py", "ok walk", "ok run")
    assert book.pytest("tests", "--whole", "-n", "2") == \
        (1, ["host tables/walk: did not pass"])


def test_one_case_of_a_function_is_not_another(book):
    book.replace("tests/test_small.py", "number < 3", "number < 2")
    assert book.pytest("tests", "--whole") == (1, [])
    book.replace("book/90-three-notebooks.nw", "test_both[1]", "test_both")
    assert book.pytest("tests", "--whole") == \
        (1, ["test_small.py::test_both: failed"])


# ---- The code of the third notebook ----------------------------------

CODE = [(31, 34), (139, 146), (16, 29), (36, 131), (150, 187), (193, 246),
        (249, 274), (276, 289), (292, 309), (337, 355)]

# Slips of the pen: the line, what it has, what it should have, and where
# the compiler notices.
SLIPS = [
    (37, "pagetable_t, pagetable", "pagetable_t pagetable", 37),
    (43, "level = 2, level", "level = 2; level", 43),
    (58, "pagetable_t, pagetable", "pagetable_t pagetable", 58),
    (63, "PGROUNGDDOWN", "PGROUNDDOWN", 63),
    (64, "size, - 1", "size - 1", 64),
    (69, '"remap")', '"remap");', 70),
    (96, "......", "", 96),
    (141, "}", "};", 141),
    (262, "pa ==", "pa0 ==", 262),
    (301, "(void*)(srcva", "(srcva", 301),
    (306, "v0", "va0", 306),
    (340, "pte_kernel", "*pte_kernel", 348),
    (348, "1) == 0))", "1)) == 0)", 348),
]


def code_of_the_notebook(but=None):
    """What of it is C, put right, except in line BUT."""
    lines = (weft.ROOT / "book/notebooks/riscv.txt").read_text().split("\n")
    for line, wrong, right, _ in SLIPS:
        assert lines[line - 1].count(wrong) == 1
        if line != but:
            lines[line - 1] = lines[line - 1].replace(wrong, right)
    text = '#include "xv6.h"\n'
    for first, last in CODE:
        if first == 292:        # a second function of this name
            text += "#define copyin copyin_2\n"
        text += '#line %d "riscv.txt"\n' % first
        text += "\n".join(lines[first - 1:last]) + "\n"
        if first == 292:
            text += "#undef copyin\n"
    return text


def clang(folder, code, *options):
    (folder / "code.c").write_text(code)
    return subprocess.run(
        ["clang", "-std=gnu11", "-O1", "-g", "-Werror=int-conversion",
         "-Werror=implicit-function-declaration", "-Wno-deprecated",
         "-I", weft.ROOT / "tests/notebooks", *options, "code.c"],
        cwd=folder, text=True, capture_output=True)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    done = clang(folder, code_of_the_notebook() + '#include "try.c"\n',
                 "-o", "try")
    assert done.returncode == 0, done.stderr
    return folder / "try"


@pytest.mark.parametrize("line, noticed",
                         [(slip[0], slip[3]) for slip in SLIPS],
                         ids=[str(slip[0]) for slip in SLIPS])
def test_slip(tmp_path, program, line, noticed):
    """No compiler takes it; without the slip it has made the program."""
    done = clang(tmp_path, code_of_the_notebook(line), "-fsyntax-only")
    assert done.returncode != 0
    errors = re.findall(r"^riscv\.txt:(\d+):\d+: error:", done.stderr,
                        re.MULTILINE)
    assert errors[0] == str(noticed), done.stderr


@pytest.mark.parametrize("name", re.findall(
    r'\{ "(\w+)", ', (weft.ROOT / "tests/notebooks/try.c").read_text()))
def test_code(program, name):
    done = subprocess.run([program, name], text=True, capture_output=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout
