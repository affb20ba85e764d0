"""tools/tangle: the same text as noweb's notangle, and a clear refusal of
every mistake that a book can contain."""

import os
import re
import resource
import stat

import pytest

import weft

WITH_LINES = (".c", ".h", ".S")


def notangle(tree, root):
    options = ["-t8"]
    if root.endswith(WITH_LINES):
        options.append('-L#line %L "%F"%N')
    chapters = sorted("book/" + p.name for p in tree.folder.glob("book/*.nw"))
    return tree.must("notangle", *options, "-R" + root, *chapters)


def below_banner(path):
    """A tangled file without the line that says where to edit."""
    banner, _, body = path.read_text().partition("\n")
    assert re.match(r"/\* Tangled from book/\S+\.nw: edit that", banner)
    return body


# ---- The text --------------------------------------------------------

def test_every_file_is_what_notangle_writes(tree):
    tree.must("make", "tangle")
    chapters = sorted(tree.folder.glob("book/*.nw"))
    roots = re.findall(r"^<<(\S+/\S+)>>", tree.must("noroots", *chapters),
                       re.MULTILINE)
    roots = [root for root in roots
             if not root.startswith(("transcript/", "answer/"))]
    assert tree.tangled() == sorted(roots)
    for root in roots:
        assert below_banner(tree.folder / "tangle" / root) == \
            notangle(tree, root), root


def test_line_directives_point_at_the_same_text(tree):
    """Every line of C and assembler, looked up in the book, is there."""
    tree.must("make", "tangle")
    chapters = {"book/" + path.name: path.read_text().split("\n")
                for path in tree.folder.glob("book/*.nw")}
    looked_up = 0
    for root in tree.tangled():
        if not root.endswith(WITH_LINES):
            continue
        body = below_banner(tree.folder / "tangle" / root)
        assert body.startswith("#line "), root
        for text in body.splitlines():
            found = re.fullmatch(r'#line (\d+) "(.*)"', text)
            if found:
                line, chapter = int(found.group(1)), found.group(2)
                continue
            source = chapters[chapter][line - 1].replace("@<<", "<<")
            # An empty chunk leaves an empty line behind.
            if text.strip():
                assert source == text, "%s:%d" % (chapter, line)
                looked_up += 1
            line += 1
    assert looked_up > 1000


def test_tangled_files_are_read_only(small):
    small.must("make", "tangle")
    for root in small.tangled():
        mode = (small.folder / "tangle" / root).stat().st_mode
        assert stat.S_IMODE(mode) == 0o444, root


def test_tangling_is_quick(tree):
    """Processor time, since other tests run beside this one."""
    def seconds():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = []
    for _ in range(7):
        start = seconds()
        tree.must("tools/tangle", "tangle")
        times.append(seconds() - start)
    assert min(times) < 0.6, times


# ---- Changes ---------------------------------------------------------

def changed(before, after):
    return [path for path in after if after[path] != before.get(path)]


def test_a_file_whose_text_stays_keeps_its_time(small):
    small.must("make", "tangle")
    before = small.files("tangle")
    small.replace(1, "first light.\\n", "first glow.\\n")
    small.must("make", "tangle")
    assert changed(before, small.files("tangle")) == ["tangle/kernel/main.c"]


def test_prose_that_moves_no_line_changes_no_file(small):
    small.must("make", "tangle")
    before = small.files("tangle")
    small.replace(1, "A processor has just", "A processor had just")
    small.must("make", "tangle")
    assert small.files("tangle") == before


def test_a_root_that_goes_takes_its_file_along(small):
    small.append(2, "<<kernel/extra.c>>=\nint extra;\n@\n")
    small.must("make", "tangle")
    extra = small.folder / "tangle/kernel/extra.c"
    assert extra.exists()
    small.replace(2, "<<kernel/extra.c>>=\nint extra;\n@\n", "")
    small.must("make", "tangle")
    assert not extra.exists()


def test_a_deleted_file_comes_back(small):
    small.must("make", "tangle")
    (small.folder / "tangle/kernel/main.c").unlink()
    small.must("make", "kernel")
    assert (small.folder / "tangle/kernel/main.c").exists()


# ---- Succession ------------------------------------------------------

FIRST = """\
# One

<<kernel/a.c>>=
int a(void)
{
	<<what a does>>
	<<what follows>>
}
@

<<what a does (until 02)>>=
return 1;
@

<<what follows>>=
@
"""

SECOND = """\
# Two

Shifts are written @<< here, and [[<<what a does>>]] is replaced.

<<what a does>>=
return 2 @<< 3 >> 1;
@

<<what follows>>=
/* the end */
@
"""


@pytest.fixture
def pair(tmp_path):
    """A book of two short chapters, the second replacing a chunk."""
    tree = weft.Tree(tmp_path / "weft", last=-1)
    (tree.folder / "book/01-one.nw").write_text(FIRST)
    (tree.folder / "book/02-two.nw").write_text(SECOND)
    return tree


def test_succession(pair):
    pair.must("make", "tangle")
    pair.must("make", "tangle", "CHAPTER=01")
    whole = below_banner(pair.folder / "tangle/kernel/a.c")
    assert whole == notangle(pair, "kernel/a.c")
    assert "return 2 << 3 >> 1;" in whole and "return 1;" not in whole
    first = below_banner(
        pair.folder / "build/chapter-01/tangle/kernel/a.c")
    assert "return 1;" in first and "return 2" not in first
    assert "the end" not in first


def test_a_prefix_equals_the_first_chapters_alone(pair):
    """CHAPTER=01 of the whole book is what chapter 1 alone gives."""
    pair.must("make", "tangle", "CHAPTER=01")
    before = pair.folder / "build/chapter-01/tangle/kernel/a.c"
    prefix = before.read_text()
    pair.chapter(2).unlink()
    pair.must("make", "tangle")
    assert (pair.folder / "tangle/kernel/a.c").read_text() == prefix


def test_a_new_chapter_is_noticed(pair):
    pair.must("make", "tangle")
    (pair.folder / "book/03-three.nw").write_text(
        "# Three\n\n<<kernel/new.c>>=\nint fresh;\n@\n")
    pair.must("make", "tangle")
    assert pair.tangled() == ["kernel/a.c", "kernel/new.c"]


# ---- Mistakes --------------------------------------------------------

def refused(tree, *expected):
    """Make stops, twice, with a line for each of EXPECTED that holds all of
    its words; tangle/ is as before and nothing was compiled."""
    before = tree.files("tangle")
    for _ in range(2):
        done = tree.make("kernel")
        assert done.returncode != 0
        lines = weft.complaints(done)
        assert len(lines) == len(expected), done.stderr
        for words in expected:
            assert any(all(word in line for word in words)
                       for line in lines), (words, done.stderr)
        assert tree.files("tangle") == before
        assert " CC " not in done.stdout
    assert not list(tree.folder.glob("build/**/*.o"))


SHIFT_HINT = "@<<"
# What is wrong: [name, text at the end of chapter 2, the text whose line
# the message must name, what else it must say]
MISTAKES = [
    ["undefined",
     "<<start-up steps>>=\n<<no such thing>>\n@\n",
     "<<no such thing>>",
     ["<<no such thing>>", "in <<start-up steps>>", "not defined"]],
    ["misspelt-use",
     "<<start-up steps>>=\n<<functions for startup>>\n@\n",
     "<<functions for startup>>",
     ["<<functions for startup>>",
      "did you mean <<functions for start-up>>?"]],
    ["misspelt-definition",
     "<<start-up step>>=\nuart_init();\n@\n",
     "<<start-up step>>=",
     ["<<start-up step>>", "never used",
      "did you mean <<start-up steps>>?"]],
    ["orphan",
     "<<a chunk nobody wants>>=\nint orphan;\n@\n",
     "<<a chunk nobody wants>>=",
     ["<<a chunk nobody wants>>", "never used"]],
    ["two-roots",
     "<<kernel/poweroff.c>>=\nint twice;\n@\n",
     "<<kernel/poweroff.c>>=",
     ["<<kernel/poweroff.c>>", "already defined at book/01-first-light.nw:"]],
    ["unknown-kind-of-file",
     "<<kernel/extra.cc>>=\nint extra;\n@\n",
     "<<kernel/extra.cc>>=",
     ["<<kernel/extra.cc>>", "unknown kind"]],
    ["too-wide",
     "<<start-up steps>>=\n/* " + 67 * "x" + " */\n@\n",
     "xxxxxxxx",
     ["<<start-up steps>>", "73 columns, 72 fit"]],
    ["too-wide-with-tabs",
     "<<start-up steps>>=\n\t\t/* " + 51 * "x" + " */\n@\n",
     "xxxxxxxx",
     ["<<start-up steps>>", "73 columns, 72 fit"]],
    ["shift-in-code",
     "<<start-up steps>>=\nint x = (1 << 16) | (40 >> 3);\n@\n",
     "(1 << 16)",
     ["<<start-up steps>>", SHIFT_HINT, "stand alone on its line"]],
    ["use-beside-code",
     "<<start-up steps>>=\n(void)0; <<functions for start-up>>\n@\n",
     "(void)0; <<",
     ["<<start-up steps>>", "stand alone on its line"]],
    ["shift-in-prose",
     "A shift, 1 << 16 or 40 >> 3, in the middle of a sentence.\n",
     "A shift,",
     [SHIFT_HINT, "prose"]],
    ["chunk-in-prose",
     "As <<start-up steps>> has shown.\n",
     "As <<start-up",
     [SHIFT_HINT, "prose"]],
    ["loop",
     "<<start-up steps>>=\n<<turn>>\n@\n<<turn>>=\n<<return>>\n@\n"
     "<<return>>=\n<<turn>>\n@\n",
     "<<turn>>=",
     ["<<turn>> uses itself: turn > return > turn"]],
    ["loop-of-one",
     "<<start-up steps>>=\n<<turn>>\n@\n<<turn>>=\n<<turn>>\n@\n",
     "<<turn>>=",
     ["<<turn>> uses itself: turn > turn"]],
    ["until-earlier",
     "<<start-up steps (until 01)>>=\nuart_init();\n@\n",
     "(until 01)>>=",
     ["<<start-up steps>>", "(until 01) must name a later chapter"]],
    ["until-itself",
     "<<start-up steps (until 02)>>=\nuart_init();\n@\n",
     "(until 02)>>=",
     ["<<start-up steps>>", "(until 02) must name a later chapter"]],
]


@pytest.mark.parametrize("text, marker, words",
                         [mistake[1:] for mistake in MISTAKES],
                         ids=[mistake[0] for mistake in MISTAKES])
def test_mistake(small, text, marker, words):
    small.must("make", "tangle")
    # The marker may occur in the chapter already: count from the new text.
    before = small.chapter(2).read_text().count("\n") + 1
    small.append(2, text)
    line = before + 1 + text[:text.index(marker)].count("\n")
    refused(small, ["book/02-console.nw:%d:" % line] + words)


def test_72_columns_are_allowed(small):
    small.append(2, "<<start-up steps>>=\n/* " + 66 * "x" + " */\n@\n")
    small.must("make", "tangle")


def test_until_a_chapter_that_does_not_define_it(small):
    small.must("make", "tangle")
    small.append(1, "<<the boot stack (until 02)>>=\n@\n")
    refused(small, [small.place(1, "(until 02)>>="), "<<the boot stack>>",
                    "chapter 2 does not define it"])


def test_all_mistakes_are_named_at_once(small):
    small.must("make", "tangle")
    small.append(1, "<<first orphan>>=\n@\n")
    small.append(2, "<<second orphan>>=\n@\n")
    refused(small, [small.place(1, "<<first orphan>>="), "never used"],
            [small.place(2, "<<second orphan>>="), "never used"])


@pytest.mark.parametrize("name", ["03_odd.nw", "odd.nw", "3-odd.nw"])
def test_a_chapter_with_a_bad_name(small, name):
    small.must("make", "tangle")
    (small.folder / "book" / name).write_text("# Odd\n")
    refused(small, ["book/" + name, "NN-name.nw"])


def test_two_chapters_with_one_number(small):
    small.must("make", "tangle")
    (small.folder / "book/02-again.nw").write_text("# Again\n")
    refused(small, ["book/02-", "chapter 2 is also book/02-"])


def test_no_book(small):
    small.must("make", "tangle")
    (small.folder / "book").rename(small.folder / "elsewhere")
    refused(small, ["no chapters", "book/NN-name.nw"])


def test_an_empty_book(small):
    small.must("make", "tangle")
    for chapter in small.folder.glob("book/*.nw"):
        chapter.unlink()
    refused(small, ["no chapters", "book/NN-name.nw"])


def test_no_noweb(small):
    done = small.make("kernel", env={"NOWEB_LIB": "/nonexistent"})
    line = weft.one_clear_line(done)
    assert "noweb is missing" in line and "make doctor" in line
    assert small.tangled() == []


# ---- Edits in the wrong place ----------------------------------------

def edit(path, old, new):
    """What somebody does who insists: make it writable, change it."""
    text = path.read_text()
    assert old in text
    path.chmod(0o644)
    path.write_text(text.replace(old, new, 1))


def test_an_edited_file_is_kept_and_explained(small):
    small.must("make", "tangle")
    main = small.folder / "tangle/kernel/main.c"
    edit(main, "first light.", "my own words.")
    before = small.files("tangle")
    for goal in ["tangle", "kernel"]:
        done = small.make(goal)
        assert done.returncode != 0
        assert "tangle/kernel/main.c was edited" in done.stderr
        assert re.search(r"^-.*first light\.", done.stderr, re.MULTILINE)
        assert re.search(r"^\+.*my own words\.", done.stderr, re.MULTILINE)
        place = small.place(1, 'MACHINE_NAME ": first light.')
        assert place.replace(":", " near line ") in done.stderr
        assert "make tangle DISCARD=1" in done.stderr
        assert small.files("tangle") == before
        assert " CC " not in done.stdout


def test_an_edit_survives_changes_of_the_book(small):
    small.must("make", "tangle")
    main = small.folder / "tangle/kernel/main.c"
    edit(main, "first light.", "my own words.")
    small.replace(1, "first light.\\n", "first glow.\\n")
    assert small.make("kernel").returncode != 0
    assert "my own words." in main.read_text()


def test_discard_drops_an_edit(small):
    small.must("make", "tangle")
    main = small.folder / "tangle/kernel/main.c"
    before = main.read_text()
    edit(main, "first light.", "my own words.")
    small.must("make", "tangle", "DISCARD=1")
    assert main.read_text() == before
    small.must("make", "kernel")


def test_a_file_from_elsewhere_is_refused(small):
    small.must("make", "tangle")
    mine = small.folder / "tangle/kernel/mine.c"
    mine.write_text("int mine;\n")
    done = small.make("kernel")
    assert done.returncode != 0
    assert "tangle/kernel/mine.c does not come from the book" in done.stderr
    assert mine.read_text() == "int mine;\n"
    mine.unlink()
    small.must("make", "kernel")
