"""The book on paper and for reading devices.

The whole book is made once, in build/book, with whatever is already there; a
book of three chapters, tests/weave/book, shows what else can stand in one.
"""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as xml
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests/weave/book"
NEEDED = ("xelatex", "rsvg-convert", "pdftotext", "epubcheck", "pandoc")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
XHTML = "{http://www.w3.org/1999/xhtml}"

needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)),
    reason="make setup-book installs what this needs")


def run(*command, **more):
    return subprocess.run([str(c) for c in command], cwd=ROOT, text=True,
                          errors="replace", capture_output=True,
                          **{"env": ENVIRONMENT, **more})


def must(*command, **more):
    done = run(*command, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def text_of(pdf, first=None, last=None):
    pages = ["-f", first, "-l", last or first] if first else []
    return must("pdftotext", "-layout", *pages, pdf, "-")


class Paper:
    """A PDF, and what was left where it was made."""

    def __init__(self, out):
        self.pdf, self.parts = out / "weft.pdf", out / "print"
        self.log = (self.parts / "weft.log").read_text(errors="replace")
        self.labels = dict(re.findall(r"\\wset\{(.*?)\}\{(.*?)\}",
                                      (self.parts / "labels.tex").read_text()))
        self.tex = {p.stem: p.read_text() for p in self.parts.glob("[0-9]*.tex")}
        self.dests = set(re.findall(r'"(.*?)"$', must(
            "pdfinfo", "-dests", self.pdf), re.M))

    def front(self):
        """How many pages come before page 1."""
        return int(re.search(r"\\def\\wfront\{(\d+)",
                             (self.parts / "labels.tex").read_text())[1])


@pytest.fixture(scope="module")
def built():
    """The whole book; one test at a time may make something in build/book."""
    out = ROOT / "build/book"
    out.mkdir(parents=True, exist_ok=True)
    with open(ROOT / "build/book.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        must("make", "pdf", "epub")
    return out


@pytest.fixture(scope="module")
def paper(built):
    return Paper(built)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    out = tmp_path_factory.mktemp("printed")
    must("make", "-f", "weave.mk", "-f", "print.mk", "pdf", "epub",
         f"WEAVE_BOOK={SAMPLE.relative_to(ROOT)}", f"WEAVE_OUT={out}")
    return out


def check_log(paper):
    for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", paper.log):
        assert float(width) <= 1
    assert "Missing character" not in paper.log
    assert "undefined" not in re.sub(r"LaTeX Info.*|.*Font Info.*", "", paper.log)


def check_links(paper):
    """Every link inside the book leads to a place that there is."""
    for stem, tex in paper.tex.items():
        wanted = set(re.findall(r"\\(?:wlink|wu|wp|wa|hyperlink)\{(.*?)\}", tex))
        assert wanted - {""} <= paper.dests, stem


# ------------------------------------------------------------- the whole book

@needs_tools
def test_nothing_sticks_out_and_nothing_is_missing(paper):
    check_log(paper)
    fonts = must("pdffonts", paper.pdf).splitlines()[2:]
    assert fonts and all(re.search(r"\syes\s+(yes|no)\s+yes\s", f) for f in fonts)


@needs_tools
def test_every_link_in_the_pdf_leads_somewhere(paper):
    check_links(paper)


@needs_tools
def test_pdf_has_every_chapter_and_three_indexes(paper):
    pages = int(re.search(r"Pages:\s+(\d+)", must("pdfinfo", paper.pdf))[1])
    assert 500 < pages < 2000
    text = text_of(paper.pdf)
    for chapter in ROOT.glob("book/[0-9]*.nw"):
        title = re.match(r"# (.*?) \{#(\S+?)\}", chapter.read_text())
        assert title[2] in paper.dests
        assert re.sub(r"\[\[|\]\]|[`*]", "", title[1]) in text.replace("’", "'")
    for index in ("chunks", "identifiers", "subjects"):
        assert text.count(f"Index of {index}") > 2      # contents, title, head
    assert "References" in text
    figures = sum(tex.count("\\wfigure{") for tex in paper.tex.values())
    assert figures == len(list((paper.parts / "figures").glob("*.pdf"))) > 40


@needs_tools
def test_chunks_are_known_by_page_and_letter(paper):
    """A chunk's number is where it stands, and where it is used."""
    front = paper.front()
    for stem in ("01-first-light", "07-page-tables", "14-address-spaces"):
        anchors = re.findall(r"\\wpiece\{([^{}]*)\}\{chunk\}", paper.tex[stem])
        anchor = anchors[len(anchors) // 2]
        label = paper.labels[anchor]
        page = int(re.match(r"\d+", label)[0])
        text = text_of(paper.pdf, front + page)
        assert re.search(rf"^\s*{label}\s+⟨?", text, re.M), label
        assert re.search(rf"^\s*{page}\s|\s{page}$", text[:300], re.M), label
        user = next((a for tex in paper.tex.values() for a, body in re.findall(
            r"\\wpiece\{(.*?)\}.*?\n(.*?)\\wlast", tex, re.S)
            if f"\\wu{{{anchor}}}" in body), None)
        if user:
            page = int(re.match(r"\d+", paper.labels[user])[0])
            text = text_of(paper.pdf, front + page, front + page + 2)
            assert re.search(rf"\W{label}", text), label


@needs_tools
def test_letters_count_the_chunks_of_a_page(paper):
    on_page = {}
    for label in paper.labels.values():
        page, letter = re.fullmatch(r"(\d+)([a-z]?)", label).groups()
        on_page.setdefault(int(page), []).append(letter)
    for letters in on_page.values():
        assert letters == [""] or letters == [
            chr(ord("a") + i) for i in range(len(letters))]
    assert sum(map(len, on_page.values())) == sum(
        tex.count("\\wpiece{") for tex in paper.tex.values())


@needs_tools
def test_chinese_is_chinese_on_paper(paper):
    text = re.sub(r"\s", "", text_of(paper.pdf))
    said = (ROOT / "book/90-three-notebooks.nw").read_text()
    said = re.findall("[\u4e00-\u9fff]{6,}", said)
    there = sum(words in text for words in said)    # the rest ends a page
    assert len(said) > 50 and there > 0.9 * len(said)


@needs_tools
def test_code_is_on_paper_as_it_is_in_the_chapters(paper):
    """Each line of a chunk, but for the names of chunks, which have numbers."""
    text = set(re.sub(r"\s", "", line) for line in
               text_of(paper.pdf).splitlines())
    chapter = (ROOT / "book/07-page-tables.nw").read_text()
    code = re.findall(r"^<<(?!transcript)[^\n]*>>=\n(.*?)^@$", chapter, re.S | re.M)
    lines = [line for chunk in code for line in chunk.splitlines()
             if line.strip() and "<<" not in line]
    missing = [line for line in lines if re.sub(r"\s", "", line) not in text]
    assert len(lines) > 200 and not missing


# ------------------------------------------------------------- the small book

@needs_tools
def test_small_book_on_paper(sample):
    paper = Paper(sample)
    check_log(paper)
    check_links(paper)
    text = text_of(paper.pdf)
    assert "Replaced in chapter 14" in text and "Replaces the one of chapter 5" in text
    assert "Transcript: riscv, chapter 5" in text
    assert "(nothing yet)" not in text
    assert re.search("页表\\s*页表", text)
    assert "Figure 5.1. A tree of two levels." in text
    assert "Table 5.1." in text and "Exercise 5.1 ★★" in text
    assert "Hint" in text and "A first attempt" in text
    assert re.search(r"walk function\s", text)          # index of identifiers
    assert "#define ENTRIES(level) \\" in text and "(1 << (level))" in text


@needs_tools
def test_second_make_sets_nothing_again(sample):
    before = (sample / "weft.pdf").stat().st_mtime_ns
    out = must("make", "-f", "weave.mk", "-f", "print.mk", "pdf", "epub",
               f"WEAVE_BOOK={SAMPLE.relative_to(ROOT)}", f"WEAVE_OUT={sample}")
    assert "PRINT" not in out and "EPUB" not in out
    assert (sample / "weft.pdf").stat().st_mtime_ns == before


def test_without_tex_make_says_what_to_run(tmp_path):
    done = run(shutil.which("make"), "-f", "weave.mk", "-f", "print.mk", "print-tools",
               env={**ENVIRONMENT, "PATH": str(tmp_path)})
    assert done.returncode != 0
    assert "xelatex is missing" in done.stderr and "make setup-book" in done.stderr


def test_setup_book_names_the_packages(tmp_path):
    for name in ("sh", "cat", "grep", "tr", "sort", "cmp", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = run("/bin/sh", "tools/setup-book", "--packages",
               env={**ENVIRONMENT, "PATH": str(tmp_path)})
    assert done.returncode == 1
    for package in ("texlive-xetex", "fonts-noto-cjk", "librsvg2-bin", "epubcheck",
                    "poppler-utils", "nodejs", "npm"):
        assert package in done.stdout.split()


# ----------------------------------------------------------------------- EPUB

def check_epub(book):
    tool = pathlib.Path(shutil.which("epubcheck")).resolve()
    with open(tool, "rb") as f:     # Debian's is a .jar that the kernel starts
        java = ["java", "-XX:TieredStopAtLevel=1", "-jar"] if f.read(2) == b"PK" else []
    done = run(*java, tool, book)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 fatals / 0 errors / 0 warnings" in done.stdout


@needs_tools
def test_epub_passes_epubcheck(built):
    check_epub(built / "weft.epub")


@needs_tools
def test_epub_has_the_book(built):
    with zipfile.ZipFile(built / "weft.epub") as book:
        files = {name: book.read(name) for name in book.namelist()}
    package = files["EPUB/package.opf"].decode()
    assert "<dc:language>en</dc:language>" in package
    assert 'properties="cover-image"' in package
    assert files["EPUB/cover.png"].startswith(b"\x89PNG")
    navigation = files["EPUB/nav.xhtml"].decode()
    for chapter in ROOT.glob("book/[0-9]*.nw"):
        stem = chapter.name.removesuffix(".nw")
        page = xml.fromstring(files[f"EPUB/{stem}.xhtml"])
        assert page.get("lang") == "en" and f'href="{stem}.xhtml"' in navigation
        tags = {e.tag for e in page.iter()}
        assert not tags & {XHTML + t for t in ("script", "button", "details", "input")}
        pieces = len(re.findall("^<<.*>>=$", chapter.read_text(), re.M))
        assert len(list(page.iter(XHTML + "pre"))) >= pieces, stem
    notebooks = files["EPUB/90-three-notebooks.xhtml"].decode()
    assert 'lang="zh"' in notebooks and 'xml:lang="zh"' in notebooks
    code = "".join(xml.fromstring(files["EPUB/07-page-tables.xhtml"]).itertext())
    assert "\t" not in code


@needs_tools
def test_the_same_pages_give_the_same_epub(sample, tmp_path):
    again = tmp_path / "again.epub"
    pages = sample / "pages" if (sample / "pages").exists() else sample / "html"
    for _ in range(2):
        must("python3", "-B", "book/weave/print_epub.py", pages,
             "book/weave/cover.md", sample / "print/cover.png", again,
             *(p.name.removesuffix(".nw") for p in sorted(SAMPLE.glob("*.nw"))),
             "chunks", "identifiers", env={**ENVIRONMENT, "SOURCE_DATE_EPOCH": "86400"})
        first = again.read_bytes() if _ == 0 else first
    assert again.read_bytes() == first
    check_epub(again)
