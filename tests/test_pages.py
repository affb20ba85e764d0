"""The pages of the book as readers get them: their size, their links, what a
validator and a tool for accessibility say, and what they do in a browser.

The book is made where it is; html-validate and axe-core come from npm into
build/web, in the versions of tools/web/package-lock.json.
"""

import collections
import fcntl
import functools
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import browser
import weft

LARGEST = 150_000       # bytes of a chapter
BOOK = weft.ROOT / "build/book"
HTML = BOOK / "html"
WEB = weft.ROOT / "build/web"
TAG = re.compile(r"<!--.*?-->|<(/?)([a-zA-Z][\w-]*)((?:\"[^\"]*\"|[^\">])*)>",
                 re.DOTALL)
ATTRIBUTE = re.compile(r"([\w:-]+)(?:=(?:\"([^\"]*)\"|([^\s\"]+)))?")


def locked(name):
    """Only one worker at a time makes something."""
    path = weft.ROOT / "build" / name
    path.parent.mkdir(exist_ok=True)
    lock = open(path, "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@pytest.fixture(scope="session")
def book():
    """The pages, up to date."""
    if not shutil.which("pandoc"):
        pytest.skip("no pandoc: `make doctor` says more")
    with locked("book.lock"):
        done = subprocess.run(["make", "book"], cwd=weft.ROOT, text=True,
                              env=weft.ENVIRONMENT, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return HTML


@pytest.fixture(scope="session")
def web():
    """Where npm has put what package-lock.json says."""
    if not shutil.which("npm"):
        pytest.skip("no npm: `make setup-book` gets it")
    with locked("web.lock"):
        WEB.mkdir(exist_ok=True)
        wanted = weft.ROOT / "tools/web/package-lock.json"
        there = WEB / "package-lock.json"
        if not (WEB / "node_modules/axe-core").exists() or \
                not there.exists() or there.read_text() != wanted.read_text():
            for name in ["package.json", "package-lock.json"]:
                shutil.copy(wanted.parent / name, WEB)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=WEB,
                           check=True, capture_output=True)
    return WEB / "node_modules"


def chapters():
    return sorted(path.stem for path in (weft.ROOT / "book").glob("[0-9]*.nw"))


# ---- Without a browser -----------------------------------------------

def test_chapters_are_small(book):
    """Scripts that several pages share are not counted."""
    for name in ["index", "files", *chapters()]:
        size = (book / (name + ".html")).stat().st_size
        assert size < LARGEST, "%s.html has %d bytes" % (name, size)


class Read:
    """Ids and links of a page, and complaints about them."""

    def __init__(self, path):
        self.path, self.complaints = path, []
        self.ids, self.links = collections.Counter(), []
        text = re.sub(r"<(script|style)\b([^>]*)>.*?</\1>", r"<\1\2>",
                      path.read_text(), flags=re.DOTALL)
        for end, name, rest in TAG.findall(text):
            if not end and name:
                self.tag(name.lower(), {
                    key: html.unescape(quoted or plain) for key, quoted, plain
                    in ATTRIBUTE.findall(rest)})

    def complain(self, what, *about):
        self.complaints.append("%s: %s" % (self.path.relative_to(HTML),
                                           what % about))

    def tag(self, name, attributes):
        if "id" in attributes:
            self.ids[attributes["id"]] += 1
        for key in ["href", "src", "data", "srcset", "poster", "action"]:
            if key not in attributes or name == "use":
                continue
            address = attributes[key]
            if re.match(r"[a-z]+:|//", address):
                # A reader may go elsewhere; the page does not.
                if name != "a" or not address.startswith("https:"):
                    self.complain("<%s %s=%s>", name, key, address)
            else:
                self.links.append(address)
        if name == "img" and not attributes.get("alt"):
            self.complain("an image without words: %s", attributes)
        if name == "svg" and attributes.get("role") != "img":
            self.complain("a drawing without a role: %s", attributes)
        for key in ["aria-labelledby", "aria-describedby", "for"]:
            self.links += ["#" + word for word in
                           attributes.get(key, "").split()]
        if name in ("a", "button") and attributes.get("aria-label") == "":
            self.complain("a link without a name")


def test_links_lead_somewhere(book):
    paths = [p for p in book.rglob("*.html")]
    assert len(paths) > 200
    read = functools.cache(Read)
    for path in paths:
        page = read(path)
        for ident, count in page.ids.items():
            if count > 1:
                page.complain("%d times id=%s", count, ident)
        for link in page.links:
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or target.is_dir():
                page.complain("no file for %s", link)
            elif anchor and target.suffix == ".html" and \
                    target.stem != "walk" and \
                    anchor not in read(target).ids:
                page.complain("no place for %s", link)
    assert [c for path in paths for c in read(path).complaints] == []


def test_styles_load_nothing(book):
    for path in book.glob("*.css"):
        assert not re.search(r"@import|url\(|//", path.read_text()), path


def test_pages_are_valid(book, web):
    """All kinds of pages; the large indexes are of the kind of files.html."""
    names = ["index", "walk", "files", *chapters()]
    paths = [book / (name + ".html") for name in names]
    paths += sorted(book.glob("files/*.html"))[::40]
    done = subprocess.run(
        ["node", web / "html-validate/bin/html-validate.js", "-f", "json", "-c",
         weft.ROOT / "tests/html-validate.json", *paths],
        capture_output=True, text=True, cwd=weft.ROOT)
    found = json.loads(done.stdout[done.stdout.index("["):])
    assert [(page["filePath"].split("/")[-1], m["ruleId"], m["message"],
             m["selector"]) for page in found for m in page["messages"]] == []


# ---- In a browser ----------------------------------------------------

@pytest.fixture(scope="module")
def window(tmp_path_factory):
    if not browser.program():
        pytest.skip("no browser: `make doctor` says which")
    window = browser.Browser(tmp_path_factory.mktemp("chromium"))
    yield window
    window.close()


@pytest.fixture
def page(book, window):
    """Opens a page of the book as from a disk."""
    window.complaints.clear()
    window.requests.clear()

    def start(name, width=1440, scheme="light"):
        window.resize(width)
        window.colours(scheme)
        window.open("about:blank")
        window.open("file://%s" % (book / name))
        return window

    yield start
    assert window.complaints == []
    assert {url.split(":")[0] for url in window.requests} <= {"file", "about"}


# Every link of the text with what it says, and the text without what book.js
# adds; headings, because a wrong tag would move them.
CONTENT = """(() => {
  const main = document.querySelector('main').cloneNode(true);
  for (const e of main.querySelectorAll(
      '.permalink, .unfold, script, .run')) e.remove();
  for (const a of main.querySelectorAll('dfn > a'))
    a.replaceWith(...a.childNodes);
  const path = e => { let s = ''; for (; e !== main; e = e.parentNode)
    if (!/^(B|A)$/.test(e.tagName)) s = e.tagName + ' ' + s; return s; };
  return [main.textContent.replace(/\\s+/g, ''),
    [...main.querySelectorAll('a')].map(a => a.getAttribute('href') + ' ' +
      path(a) + a.textContent),
    [...main.querySelectorAll('*')].filter(e => !/^(B|A)$/.test(e.tagName))
      .map(path)];
})()"""


@pytest.mark.parametrize("name", ["07-page-tables", "31-mappings",
                                  "90-three-notebooks"])
def test_smaller_pages_are_the_same(book, page, name):
    """A browser makes of a page that shrink.py has made smaller, and book.js
    has completed, what it makes of the page before."""
    small = page(name + ".html").run(CONTENT)
    whole = page("../pages/" + name + ".html")
    whole.complaints.clear()            # there is no book.js
    for a, b in zip(small, whole.run(CONTENT)):
        assert a == b


# Of each kind of page one, in both schemes of colours.
KINDS = ["index.html", "03-upper-half.html", "18-fork.html",
         "files/kernel-memory-shared.c.html"]


@pytest.mark.parametrize("name", KINDS)
def test_accessible(page, web, name):
    """What axe-core finds against WCAG 2.1 AA."""
    axe = (web / "axe-core/axe.min.js").read_text()
    for scheme in ["light", "dark"]:
        window = page(name, scheme=scheme)
        window.run(axe + ";0")
        found = window.run(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', "
            "'wcag21aa'], resultTypes: ['violations'], "
            "preload: false})"
            ".then(r => r.violations.map(v => [v.id, v.nodes.length, "
            "v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary]))")
        assert found == [], scheme


def test_no_page_is_wider_than_a_telephone(page):
    for name in ["index", "files", "walk", *chapters()[::4]]:
        window = page(name + ".html", width=390)
        assert window.run("document.documentElement.scrollWidth") <= 390, name


def test_permanent_links(page):
    window = page("07-page-tables.html")
    assert window.run("""[...document.querySelectorAll(
        'main h2[id], .piece[id], dfn[id], figure[id]')].filter(e =>
            !e.querySelector('a[href="#' + CSS.escape(e.id) + '"], ' +
                             'a[href="#' + e.id + '"]')).length""") == 0


def unfold(window, name):
    """Presses the button of a use, as a keyboard does; returns the text that
    appears below it."""
    window.run("(b => { b.focus(); b.scrollIntoView(); })"
               "([...document.querySelectorAll('pre .unfold')].find(b => "
               "b.nextSibling.textContent === %s))" % json.dumps(name))
    window.press("Enter")
    for _ in range(200):
        window.run("new Promise(done => setTimeout(done, 50))")
        text = window.run("(e => e.className === 'unfolded' && e.textContent)"
                          "(document.activeElement.nextSibling.nextSibling)")
        if text:
            return text
    raise AssertionError("nothing unfolds")


def test_chunks_unfold_where_they_are_used(page):
    """As the kernel of the chapter has them, not as later ones."""
    window = page("07-page-tables.html")
    before = window.text("main")
    name = window.text("pre .unfold + a")
    text = unfold(window, name)
    assert re.match(r"\s*chapter \d+\n", text)
    assert window.run("document.activeElement.getAttribute('aria-expanded')") \
        == "true"
    wanted = [p for p in weft.book().prefix(7) if re.sub(r"\[\[|\]\]", "", p.name) ==
              name.strip("⟨⟩")]
    assert wanted
    for piece in wanted:
        for line in piece.text().split("\n"):
            if "<<" not in line:
                assert line.strip() in text
    window.press("Enter")               # and fold again
    assert window.text("main") == before


def search(window, words):
    """Types something into the box, and waits until the index is there."""
    window.run("document.querySelector('dialog input').value = ''")
    window.type(words)
    window.run("""new Promise(done => { const look = () =>
        /loaded/.test(document.querySelector('dialog [role=status]').textContent)
        ? setTimeout(look, 20) : done(); look(); })""")
    return window.text("dialog [role=status]")


def test_search(page):
    window = page("19-sbrk.html")
    window.press("/")
    assert "places" in search(window, "free list frames")
    assert "6" in window.text("dialog li a")
    assert window.run("document.querySelectorAll('dialog mark').length") > 2
    assert "place" in search(window, "uvmalloc")
    assert "uvmalloc" in window.text("dialog li .excerpt").lower()
    search(window, "check_free_list")
    assert window.text("dialog li b") == "check_free_list"
    window.press("ArrowDown")
    assert window.run("document.activeElement.getAttribute('href')") \
        .endswith("#d:check_free_list")
    window.press("Escape")
    assert not window.run("document.querySelector('dialog').open")
    window.press("/")
    assert search(window, "xyzzy plugh") == "0 places"
    window.press("Escape")


def test_the_whole_book_as_one_page(page):
    window = page("book.html")
    assert window.run("document.querySelectorAll('.chapter').length") \
        == len(chapters()) + 1
    assert window.run("document.documentElement.scrollWidth") <= 1440
    assert window.run("[...document.querySelectorAll('a[href^=\"#\"]')].filter"
                      "(a => !document.getElementById(decodeURIComponent("
                      "a.hash.slice(1)))).length") == 0
