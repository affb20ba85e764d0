"""Every prefix of the book is a kernel that does what its chapter says, and
tools/transcripts notices when it does not."""

import re
from types import SimpleNamespace

import pytest

import mentioned
import weft

transcripts = weft.tool("transcripts")
notebooks = weft.tool("notebooks.py")


# ---- The book --------------------------------------------------------

# From this chapter on there is a disk full of programs, and the transcripts
# show how full.
DISK_OF_PROGRAMS = 28


def programs(chapter):
    """The user programs that the transcripts of CHAPTER may run: to compile
    all of them takes as long as the kernel.  None if there shall be all."""
    if chapter >= DISK_OF_PROGRAMS:
        return None
    words = {word for name, piece in weft.book().transcripts().items()
             if piece.chapter == chapter
             for word in re.findall(r"\w+", piece.text())}
    return words | {"init", "sh", "test"}


def prefixes():
    """Every chapter on both machines; `make check` is content with one of
    them in turn, where the appendix does not ask for both."""
    mentioned_there = " ".join(notebooks.tests_mentioned(weft.book()))
    chapters = weft.chapters_with_code()
    for chapter in chapters:
        both = chapter == chapters[-1] or \
            "transcript/%02d" % chapter in mentioned_there
        for number, machine in enumerate(weft.MACHINES):
            later = not both and chapter % 2 == number
            yield pytest.param(chapter, machine,
                               marks=[pytest.mark.all] if later else [])


@pytest.mark.parametrize("chapter, machine", prefixes())
def test_prefix(tmp_path, chapter, machine, record_property):
    """The first chapters, alone in an empty folder: not CHAPTER=NN, which
    could still see the others."""
    tree = weft.Tree(tmp_path / "weft", chapter, programs(chapter))
    done = tree.run("tools/transcripts", "%02d.%s" % (chapter, machine))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "same  transcript/%02d.%s" % (chapter, machine) in done.stdout
    mentioned.record_transcripts(record_property, done.stdout)


# ---- The comparison --------------------------------------------------

def compare(tree, *words):
    done = tree.run("tools/transcripts", *words)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def marked(done, sign):
    """The lines that a diff takes away or adds, without its head."""
    return [line[1:] for line in done.stdout.splitlines()
            if line.startswith(sign) and not line.startswith(sign * 3)]


def body(tree, number, name):
    """[first line number, lines] of a transcript in a chapter."""
    lines = tree.chapter(number).read_text().split("\n")
    start = lines.index("<<transcript/%s>>=" % name) + 1
    return start + 1, lines[start:lines.index("@", start)]


def plant(tree, number, name, at, line):
    """Changes a line of a transcript; returns where, and what was there."""
    path = tree.chapter(number)
    lines = path.read_text().split("\n")
    first, _ = body(tree, number, name)
    was, lines[first + at - 1] = lines[first + at - 1], line
    path.write_text("\n".join(lines))
    return "book/%s:%d" % (path.name, first + at), was


def test_a_wrong_line_is_named(small):
    place, was = plant(small, 1, "01.riscv", 0, "A planted wrong line.")
    before = small.files("book")
    done = compare(small, "01")
    assert done.returncode != 0
    assert "--- %s <<transcript/01.riscv>>" % place in done.stdout
    assert marked(done, "-") == ["A planted wrong line."]
    assert marked(done, "+") == [was]
    assert "same  transcript/01.i386" in done.stdout
    assert small.files("book") == before


def test_a_missing_line_is_named(small):
    _, was = plant(small, 2, "02.riscv", 2, "")
    small.replace(2, "and {address}\n\n", "and {address}\n")
    done = compare(small, "02.riscv")
    assert done.returncode != 0
    assert marked(done, "+") == [was] and not marked(done, "-")


def test_a_line_too_many_is_named(small):
    small.replace(1, "first light.\n@", "first light.\nAnd more.\n@")
    done = compare(small, "01.riscv")
    assert done.returncode != 0
    assert marked(done, "-") == ["And more."] and not marked(done, "+")


def test_blanks_at_the_end_do_not_matter(small):
    _, was = plant(small, 1, "01.riscv", 0, "")
    plant(small, 1, "01.riscv", 0, was + "  \t")
    assert compare(small, "01.riscv").returncode == 0


def test_write_changes_the_planted_lines_only(small):
    """Two transcripts of one chapter at once, one of them longer than it
    should be: the second must not be written to the wrong place."""
    before = small.files("book")
    wanted = small.chapter(2).read_text()
    plant(small, 2, "02.riscv", 0, "Planted.\nPlanted too.")
    plant(small, 2, "02.i386", 2, "Planted, with a {count}.")
    done = compare(small, "--write", "02")
    assert done.returncode == 0, done.stderr
    assert "Planted." in marked(done, "-")
    assert small.chapter(2).read_text() == wanted
    assert compare(small, "02").returncode == 0
    assert {path: text for path, (_, text) in small.files("book").items()} \
        == {path: text for path, (_, text) in before.items()}
    assert "{address}" in wanted and "{hex}" in wanted


def test_write_leaves_a_book_without_differences_alone(small):
    before = small.files("book")
    assert compare(small, "--write", "02").returncode == 0
    assert small.files("book") == before


def test_an_unknown_wildcard_is_named_before_anything_is_built(small):
    place, _ = plant(small, 2, "02.riscv", 1, "console: {number}")
    done = compare(small)
    assert weft.one_clear_line(done).startswith(
        place + ": in <<transcript/02.riscv>>: {number}")
    assert done.stdout == "" and not (small.folder / "build").exists()


def test_a_transcript_that_is_not_there(small):
    assert "no transcript 77" in \
        weft.one_clear_line(compare(small, "77.riscv"))


@pytest.mark.parametrize("name", ["02.vax", "2.riscv", "02.riscv.odd"])
def test_a_transcript_with_a_bad_name(small, name):
    small.append(2, "<<transcript/%s>>=\n@\n" % name)
    line = weft.one_clear_line(compare(small))
    assert line.startswith(small.place(2, "<<transcript/%s>>=" % name))


def test_a_kernel_that_does_not_build(small):
    small.append(2, "<<start-up steps>>=\n*7;\n@\n")
    done = compare(small, "--write", "02.riscv")
    assert done.returncode != 0
    assert "transcript/02.riscv: its kernel does not build" in done.stderr
    assert small.place(2, "*7;") in done.stderr


def test_a_kernel_that_hangs(small):
    small.append(2, "<<start-up steps>>=\nprintf(\"stuck\\n\");\n"
                    "for (;;)\n\t;\n@\n")
    # The endless loop comes before the panic that ends chapter 2.
    text = small.chapter(2).read_text()
    text = text.replace("<<start-up steps (until 03)>>=\npanic(",
                        "<<start-up steps (until 03)>>=\nfor (;;)\n\t;\npanic(")
    small.chapter(2).write_text(text)
    before = small.files("book")
    done = compare(small, "--write", "--limit", "5", "02.riscv")
    assert done.returncode != 0
    assert "printed nothing for a while" in done.stderr
    assert small.files("book") == before


def test_a_kernel_that_is_not_switched_off(tree):
    """The monitor asks for more when a transcript lacks its last line."""
    typing = [piece for name, piece in sorted(weft.book().transcripts().items())
              if name.endswith(".riscv") and "weft> poweroff" in piece.text()]
    if not typing:
        pytest.skip("no chapter has a prompt yet")
    number, name = typing[0].chapter, typing[0].name[len("transcript/"):]
    tree.replace(number, "weft> poweroff\n", "", count=-1)
    before = tree.files("book")
    done = compare(tree, "--write", name)
    assert done.returncode != 0
    assert "waits at its prompt" in done.stderr
    assert tree.files("book") == before


# ---- Wildcards -------------------------------------------------------

def pattern(text):
    lines = [(1, text, [])]
    piece = SimpleNamespace(name="transcript/01.riscv", path="book/01-x.nw",
                            line=0, lines=lines, where="book/01-x.nw:0")
    [compiled] = transcripts.Transcript("01.riscv", piece).patterns
    return compiled


@pytest.mark.parametrize("text, line", [
    ("at {address}, end", "at 0x80100000, end"),
    ("at {address}, end", "at 0xffffffc080000000, end"),
    ("kmain+{hex}", "kmain+0x1c"),
    ("{count} of {count}", "7 of 131072"),
    ("{size} free", "128K free"),
    ("{size} free", "4MiB free"),
    ("a+b (c)* [d]", "a+b (c)* [d]"),
])
def test_a_wildcard_matches(text, line):
    assert pattern(text).fullmatch(line)


@pytest.mark.parametrize("text, line", [
    ("at {address}", "at 0x8010000"),           # too few digits
    ("at {address}", "at 0x8010000000"),        # neither 8 nor 16
    ("at {address}", "at 80100000"),
    ("at {address}", "at 0x80100000 0x80100000"),
    ("at {address}", "at "),
    ("at {hex}", "at 12"),
    ("at {hex}", "at 0x"),
    ("at {hex}", "at 0x1 0x2"),
    ("{count} frames", "0x12 frames"),
    ("{count} frames", "-1 frames"),
    ("{count} frames", "1 2 frames"),
    ("{count} frames", " frames"),
    ("{count} frames", "12"),
    ("{size}", "128"),
    ("{size}", "128 KiB"),
    ("{size}", "12G"),
    ("a.b", "axb"),
    ("{count}", ""),
])
def test_a_wildcard_does_not_match(text, line):
    assert not pattern(text).fullmatch(line)


@pytest.mark.parametrize("text", ["{}", "{line}", "{a b}", "{Count}", "{ }"])
def test_no_other_wildcards(text):
    with pytest.raises(transcripts.BookError, match=re.escape(text)):
        pattern(text)


def test_a_wildcard_cannot_be_typed():
    with pytest.raises(transcripts.BookError, match="typed"):
        pattern("weft> walk {address}")


def test_wildcards_in_a_run(small):
    """The same in a kernel's output: one wrong shape, one that stands for
    two tokens, one too short."""
    _, first, = plant(small, 2, "02.riscv", 0, "Weft on {count}: first light.")
    _, second = plant(small, 2, "02.riscv", 1, "console: {count} and {address}")
    done = compare(small, "02.riscv")
    assert done.returncode != 0
    assert marked(done, "-") == ["Weft on {count}: first light.",
                                 "console: {count} and {address}"]
    printed = marked(done, "+")
    assert printed[0] == first and printed[1].startswith("console: -1, 42,")


# ---- What a person types ---------------------------------------------

def test_make_transcripts(small):
    plant(small, 1, "01.riscv", 0, "Planted.")
    done = small.make("transcripts", "CHAPTER=01")
    assert done.returncode != 0
    assert "WRITE=1" in done.stdout
    # What make was told for itself must not change the kernels compared.
    small.must("make", "transcripts", "CHAPTER=01", "WRITE=1", "CHECK=1",
               "MACHINE=i386", env={"CPUS": "2"})
    small.must("make", "transcripts", "CHAPTER=01")
