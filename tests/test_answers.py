"""The answers that are code: each is applied to a copy of the chapters,
built and run.  `make check` takes two of each of four chapters, spread over
the book, on a machine each; with --all it takes all, on both."""

import re

import pytest

import weft

answers = weft.tool("answers")
answers.environment = lambda: dict(weft.ENVIRONMENT)
BOOK = weft.book()
ANSWERS = answers.answers(BOOK)
EXERCISE = re.compile(r"::: \{\.exercise #ex:([\w-]+)")
QUICK = 4               # chapters
QUICK_EACH = 2          # answers of each


# ---- Which there are ---------------------------------------------------

def exercises():
    """{slug: number of its chapter}"""
    return {found.group(1): chapter for _, chapter, _, text in BOOK.prose
            for found in [EXERCISE.match(text)] if found}


def answered():
    """The slugs that begin an answer in an appendix."""
    return [slug for _, chapter, _, text in BOOK.prose if chapter > 90
            for slug in re.findall(r"^\*\*@ex:([\w-]+?)\.?\*\*", text)]


CHAPTER = exercises()
CHAPTERS = sorted({CHAPTER[slug] for slug in ANSWERS if slug in CHAPTER})
SOME = [CHAPTERS[n * len(CHAPTERS) // QUICK] for n in range(QUICK)] \
    if len(CHAPTERS) > QUICK else CHAPTERS


def machines(slug):
    return sorted({m for r in ANSWERS[slug].runs for m in r.machines})


def quick():
    """(slug, machine) of what `make check` tries, the machines in turn."""
    chosen = [slug for chapter in SOME for slug in
              [s for s in ANSWERS if CHAPTER.get(s) == chapter][:QUICK_EACH]]
    return {(slug, machines(slug)[n % len(machines(slug))])
            for n, slug in enumerate(chosen)}


def cases():
    for slug in ANSWERS:
        for machine in machines(slug):
            yield pytest.param(
                slug, machine, id="%s-%s" % (slug, machine),
                marks=() if (slug, machine) in quick() else pytest.mark.all)


def test_every_answer_has_an_exercise():
    assert set(ANSWERS) <= set(CHAPTER)
    assert set(answered()) <= set(CHAPTER)
    assert len(answered()) == len(set(answered()))


def test_every_exercise_has_an_answer():
    """At least in the chapters that have answers at all."""
    here = {CHAPTER[slug] for slug in answered()}
    lacking = [slug for slug, chapter in CHAPTER.items()
               if chapter in here and slug not in answered()]
    assert not lacking


# ---- What they do ------------------------------------------------------

def copy(folder, answer):
    """The chapters that the answer needs, and the programs that it names."""
    last = answer.chapter
    if last is None or last >= 28:      # a disk full of programs
        return weft.Tree(folder, 99 if last is None else last)
    words = {word for trial in answer.runs for line in trial.expected
             for word in re.findall(r"\w+", line)}
    return weft.Tree(folder, last, words | {"init", "sh", "test"})


@pytest.mark.parametrize("slug, machine", cases())
def test_answer(tmp_path, slug, machine):
    answer = ANSWERS[slug]
    tree = copy(tmp_path / "weft", answer)
    answers.apply(answer, tree.folder)
    for trial in answer.runs:
        if machine in trial.machines:
            trouble = answers.attempt(trial, machine, str(tree.folder))
            assert trouble is None, trouble


# ---- The tool ----------------------------------------------------------

PLANTED = """
<<answer/planted.diff>>=
--- book/01-first-light.nw
+++ book/01-first-light.nw
@@@ start-up steps @@
 @<<start-up steps>>=
-console_write("Weft on " MACHINE_NAME ": first light.\\n");
+console_write("Answered.\\n");
 @
@
<<answer/planted.run>>=
riscv CHAPTER=01
Answered.
@
"""


def planted(tree, old="", new=""):
    assert old in PLANTED
    path = tree.folder / "book/91-answers.nw"
    path.write_text("# Answers {#ch:answers}\n" + PLANTED.replace(old, new))
    return tree.run("tools/answers", "--try", "planted")


def test_an_answer_is_applied_and_run(small):
    done = planted(small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "same  answer/planted.run on riscv" in done.stdout


def test_a_wrong_answer_is_noticed(small):
    done = planted(small, "\nAnswered.\n", "\nWrong.\n")
    assert done.returncode != 0
    assert "prints\nAnswered.\ninstead of\nWrong.\n" in done.stdout


def test_a_diff_that_does_not_fit_is_named(small):
    done = planted(small, "-console_write", "-consol_write")
    assert re.match(r"book/91-answers.nw:6: in <<answer/planted.diff>>: these "
                    r"lines occur 0 times", done.stderr)


def test_a_diff_that_only_adds_is_named(small):
    hunk = PLANTED[PLANTED.index(" @<<start-up"):PLANTED.index("+console")]
    done = planted(small, hunk + '+console_write("Answered.\\n");\n @\n',
                   '+console_write("Answered.\\n");\n')
    assert re.match(r"book/91-answers.nw:6: in <<answer/planted.diff>>: no "
                    r"line says where in book/01-first-light.nw", done.stderr)


def test_a_command_goes_on_in_the_next_line(small):
    done = planted(small, "CHAPTER=01\nAnswered.\n",
                   "CHAPTER=01\n$ echo one \\\n    two\none two\n")
    assert "same  answer/planted.run on riscv" in done.stdout, done.stdout


def test_a_chunk_that_is_not_escaped_is_named(small):
    done = planted(small, "@<<start", "<<start")
    assert re.match(r"book/91-answers.nw:7: .* escape it", done.stderr)


def test_the_dots_stand_for_lines():
    def agree(text, *lines):
        return answers.agree(
            [None if t == "..." else re.compile(t) for t in text], lines)

    assert agree(["a", "...", "b"], "a", "b")
    assert agree(["a", "...", "b"], "a", "x", "b", "b")
    assert agree(["..."])
    assert not agree(["a", "..."], "x", "a")
    assert not agree(["a", "...", "b"], "a", "b", "x")
    assert not agree(["a"], "a", "b")
