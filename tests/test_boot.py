"""The kernel in the page: each chapter's kernel is started in its own page, by
the keyboard, and does there what its transcript says."""

import fcntl
import functools
import http.server
import json
import re
import shutil
import threading
import time

import pytest

import browser
import weft
from test_build import path_without
from test_weave import Page

transcripts = weft.tool("transcripts")

LIMIT = 120             # seconds for one answer; a net for hangs
QUICK = ["02", "20"]    # chapters of every `make check`
CHAPTERS = sorted({name[:2] for name in weft.book().transcripts()
                   if ".i386" in name})


# ---- A book with kernels ---------------------------------------------

class Boots:
    """A copy of the book, with the pages and kernels that were asked for."""

    def __init__(self, factory):
        self.base = factory.getbasetemp()
        if "popen-gw" in str(self.base):
            self.base = self.base.parent
        with self.locked():
            folder = self.base / "boots" / "weft"
            self.tree = weft.Tree.at(folder) if folder.exists() \
                else weft.Tree(folder)
        self.html = self.tree.folder / "build/book/html"

    def locked(self):
        lock = open(self.base / "boots.lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def web(self):
        """Where v86 is, or will be."""
        ours = weft.ROOT / "build/web"
        if (ours / "node_modules/v86").exists():
            return ours
        if not shutil.which("npm"):
            pytest.skip("no v86, and no npm to get it")
        return self.base / "boots" / "web"

    def page(self, chapter):
        """The page of a chapter, with its kernel."""
        name = self.tree.chapter(int(chapter)).stem + ".html"
        with self.locked():
            self.tree.must(
                "make", "WEB=%s" % self.web(), "build/book/html/" + name,
                "build/book/html/boot.css",
                "build/book/html/boot/kernel-%s.js" % chapter)
        return self.html / name


@pytest.fixture(scope="session")
def boots(tmp_path_factory):
    return Boots(tmp_path_factory)


@pytest.fixture
def chromium(tmp_path):
    """A browser that asks nobody but the disk, and does not complain."""
    if not browser.program():
        pytest.skip("no browser: `make doctor` says which")
    window = browser.Browser(tmp_path / "chromium")
    yield window
    window.close()
    assert window.complaints == []
    assert {url.split(":")[0] for url in window.requests} <= \
        {"file", "about", "blob"}


class Section:
    """The section Run it here of a page that is open."""

    def __init__(self, window, page):
        self.window = window
        window.open("about:blank")
        window.open(page.as_uri())

    def value(self, selector, name):
        return self.window.run(
            "(e => e && e.%s)(document.querySelector(%s))"
            % (name, json.dumps(".boot " + selector)))

    def screen(self):
        return self.value("textarea", "value")

    def status(self):
        return self.window.text(".boot [role=status]")

    def wait(self, what, done):
        end = time.monotonic() + LIMIT
        while not done():
            assert time.monotonic() < end, "%s:\n%s\n%s" % (
                what, self.status(), self.screen())
            time.sleep(0.05)

    def start(self):
        """As somebody does who has no mouse: from the heading to the
        transcript, to the button, and into the terminal."""
        self.window.run("document.querySelector('.run h2 a').focus()")
        for _ in range(5):
            self.window.press("Tab")
            if "Start the kernel" == self.window.run(
                    "document.activeElement.textContent"):
                break
        else:
            raise AssertionError("no way to the button by the keyboard")
        self.window.press("Enter")
        self.wait("start", lambda: self.status() != "" and
                  "loaded" not in self.status())

    def prompt(self):
        """Waits for a prompt, or for the end; True if it is a prompt."""
        def done():
            return self.off() or re.search(r"(^|\n)weft[>$] $", self.screen())
        self.wait("prompt", done)
        return not self.off()

    def off(self):
        return self.value("textarea", "readOnly") and \
            "switched" in self.status()

    def type(self, line):
        before = self.screen()
        self.window.type(line)
        self.window.press("Enter")
        self.wait(line, lambda: self.off() or self.screen() != before and
                  not self.screen().endswith(line))


def transcript_of(chapter):
    """What the chapter says that its kernel prints on a PC."""
    found = {name: piece for name, piece in weft.book().transcripts().items()
             if name.startswith("%s.i386" % chapter)}
    name = min(found, key=len)
    return transcripts.Transcript(name, found[name])


# The transcripts are of a machine with 128 MiB, DMA, SMEP and SMAP, and in
# chapter 11 with four processors.  What they say of those is different here.
DIFFERENT = {
    None: [r"memory: 0x00100000 to 0x07fe0000, .*", r".*IDE with DMA.*"],
    "09": [r"543: table at .*"],        # of the last 4 MiB of 128
    "11": [r"processors: 4", r"with.* a lock: 4 processors .*"],
    "19": [r"64 MiB: promised", r"region .*", r"4 pages resident, .*",
           r"page table at .*", r" *\d+: .*", r"given back",
           r"2 first: page fault, address 0x10000000, .*",
           r"first: status -1"],        # 64 MiB are not promised
    "24": [r"files: 4092 of 4096 .*"],  # a disk of a quarter of the memory
    "25": [r"files: 4092 of 4096 .*", r"40\d\d blocks left"],
    "26": [r"files: 4092 of 4096 .*", r"40\d\d blocks left"],
    "27": [r"files: 4092 of 4096 .*"],
    "32": [r"32 runs: .*"],
    "33": [r"(constant|variable): read fails, .*"],
    "34": [r"tlb: the root loaded, a global page: B"],
}


def differences(chapter, expected, lines):
    """The lines of the transcript that the page did not print."""
    pairs = transcripts.pair(expected.patterns, lines)
    return [text for number, text in enumerate(expected.expected)
            if number not in pairs and text.strip() and
            not any(re.fullmatch(known, text) for known in
                    DIFFERENT.get(None, []) + DIFFERENT.get(chapter, []))]


def run_transcript(window, page, chapter):
    """Types what the transcript types; returns what differs."""
    expected = transcript_of(chapter)
    section = Section(window, page)
    assert not any("/html/boot/" in url for url in window.requests)
    assert "first light" in window.text(".boot .riscv pre")
    section.start()
    for command in expected.typed:
        assert section.prompt(), section.status()
        section.type(command)
    if section.prompt():
        section.type("poweroff")
    section.wait("the end", section.off)
    return section, differences(chapter, expected,
                                section.screen().split("\n"))


# ---- Every kernel, in its page ---------------------------------------

@pytest.mark.parametrize("chapter", [
    chapter if chapter in QUICK else
    pytest.param(chapter, marks=pytest.mark.all) for chapter in CHAPTERS])
def test_transcript(boots, chromium, chapter):
    """What the book says that a kernel prints, it prints in its page too."""
    section, different = run_transcript(chromium, boots.page(chapter), chapter)
    assert different == [], section.screen()
    expected = "\n".join(transcript_of(chapter).expected)
    assert section.screen().count("panic:") == expected.count("panic:")
    assert section.status().endswith(
        "after a panic: its status is 99." if "panic:" in expected else
        ": its status is %s." % section.status()[-2])


# ---- The terminal ----------------------------------------------------

def key(window, name, code, modifiers=0):
    """A key that is no text, or one with Control (2)."""
    for what in ["rawKeyDown", "keyUp"]:
        window.ask("Input.dispatchKeyEvent", type=what, key=name,
                   windowsVirtualKeyCode=code, modifiers=modifiers)


def test_terminal(boots, chromium):
    """Every key does what the page says, and Tab leaves."""
    section = Section(chromium, boots.page("20"))
    section.start()
    assert section.prompt()

    def ends(text):
        section.wait(text, lambda: section.screen().endswith(text))

    chromium.type("echo onf")
    ends("weft$ echo onf")
    key(chromium, "Backspace", 8)
    ends("weft$ echo on")
    section.type("e")
    ends("weft$ echo one\none\nweft$ ")
    key(chromium, "ArrowUp", 38)
    ends("one\nweft$ echo one")
    key(chromium, "u", 85, 2)
    ends("one\nweft$ ")
    chromium.type("cat\rtyped\r")                   # as if it were pasted
    ends("weft$ cat\ntyped\ntyped\n")
    key(chromium, "d", 68, 2)
    ends("typed\nweft$ ")
    section.type("sleep 1000")
    chromium.run("[...document.querySelectorAll('.boot-keys button')]"
                 ".find(b => b.textContent === 'Ctrl-C').click()")
    ends("^C\nsh: sleep: killed\nweft$ ")
    # What is printed is said, line by line and once.
    said = chromium.text(".boot [role=log]")
    assert said.count("processors: 1") == 1 and "typedtyped" in said

    # The transcript's next line, one after the other.
    first = transcript_of("20").typed[0]
    section.wait("the offer", lambda: section.value(
        ".boot-controls button + button", "textContent") == "Type " + first)
    chromium.run("document.querySelector("
                 "'.boot-controls button + button').click()")
    ends("weft$ %s\none\ntwo\nweft$ " % first)

    chromium.press("Tab")
    assert chromium.run("document.activeElement.tagName") != "TEXTAREA"
    chromium.run("document.querySelector('.boot-controls button').click()")
    section.wait("the end", section.off)
    assert section.status() == "The machine was switched off."
    assert section.value("button", "textContent") == "Start it again"
    chromium.run("document.querySelector('.boot-controls button').click()")
    section.wait("a new start", lambda: not section.off())
    assert section.prompt()
    assert "typed" not in section.screen()


@pytest.mark.all
def test_emulator_gives_up(boots, chromium):
    """v86 has no task gates, which a stack overflow needs; the page says
    that it has ended, and can start it again."""
    section = Section(chromium, boots.page("09"))
    section.start()
    assert section.prompt()
    chromium.type("overflow\r")
    section.wait("the end", lambda: "given up" in section.status())
    chromium.run("document.querySelector('.boot-controls button').click()")
    section.wait("a new start", lambda: "running" in section.status())
    assert section.prompt()


# ---- What is there, and what is not ----------------------------------

@pytest.fixture
def alone(tmp_path):
    """Two chapters with their pages, and no kernels."""
    tree = weft.Tree(tmp_path / "weft", last=2)
    tree.must("make", "WEAVE_PARTIAL=1", "build/book/html/02-console.html",
              "build/book/html/boot.js", "build/book/html/boot.css")
    return tree


def section_says(chromium, tree):
    page = tree.folder / "build/book/html/02-console.html"
    return Section(chromium, page).window.text(".boot")


def test_without_kernels(alone, chromium):
    """The page tells how to get one; and if the kernel is of another text."""
    html = alone.folder / "build/book/html"
    page = Page(alone.folder / "build/book/pages/02-console.html")
    assert "Without JavaScript" in page.text
    assert "boot.js" in page.loads
    assert not (html / "boot").exists()
    assert "made without its kernel: make boot" in \
        section_says(chromium, alone)

    (html / "boot").mkdir()
    (html / "boot/machine.js").write_text("/* made of nothing */\n")
    (html / "boot/kernel-02.js").write_text("/* made of another */\n")
    alone.must("make", "WEAVE_PARTIAL=1", "build/book/html/boot.js")
    assert "is of an older text of the book: make boot" in \
        section_says(chromium, alone)


def test_what_is_made_of(tmp_path):
    """Prose makes no kernel old; code does, in its chapter and after it."""
    tree = weft.Tree(tmp_path / "weft", last=3)

    def made():
        text = tree.must("python3", "-B", "-c", """
import sys
sys.path.insert(0, "book/weave")
import boot
print([prefix.made for prefix in boot.prefixes()])""")
        return eval(text)

    before = made()
    assert len(set(before)) == 3
    tree.append(1, "One more sentence.\n")
    assert made() == before
    tree.replace(2, "PANIC_STATUS 99", "PANIC_STATUS 98")
    after = made()
    assert after[0] == before[0]
    assert after[1] != before[1] and after[2] != before[2]


def test_rights(boots):
    """What is passed on comes with its licences."""
    boots.page("02")
    folder = boots.html / "boot"
    notice = (folder / "NOTICE.txt").read_text()
    assert re.search(r"emulator v86 \d+\.\d+\.\d+,", notice)
    assert re.search(r"SeaBIOS\s+\d+\.\d+\.\d+", notice)
    emulator = (folder / "LICENSE-v86.txt").read_text()
    for holder in ["The v86 contributors", "The Regents of the", "Meta"]:
        assert holder in emulator
    seabios = (folder / "LICENSE-seabios.txt").read_text()
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in seabios
    assert "GNU GENERAL PUBLIC LICENSE" in seabios
    for name in ["LICENSE-v86.txt", "LICENSE-seabios.txt", "machine.js",
                 "v86.js", "kernel-NN.js"]:
        assert name in notice


def test_no_npm(tmp_path):
    """One clear line, and the book can be made all the same."""
    tree = weft.Tree(tmp_path / "weft", last=2)
    folder = path_without(tmp_path / "bin", "npm")
    done = tree.make("WEAVE_PARTIAL=1", "build/book/html/boot/kernel-02.js",
                     env=folder)
    line = weft.one_clear_line(done)
    assert "npm" in line and "make setup-book" in line


@pytest.mark.all
def test_from_a_file_server(boots, chromium):
    page = boots.page("02")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=page.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        section = Section(chromium, page)
        chromium.open("http://127.0.0.1:%d/%s" % (server.server_port,
                                                  page.name))
        section.start()
        section.wait("the end", section.off)
        assert "panic: chapter 2 ends here" in section.screen()
        assert {url for url in chromium.requests if "//127" in url and
                "/boot/" in url} == {
            "http://127.0.0.1:%d/boot/%s.js" % (server.server_port, name)
            for name in ["v86", "machine", "kernel-02"]}
        chromium.requests[:] = [url for url in chromium.requests if not
                                url.startswith("http://127.0.0.1:")]
        chromium.complaints[:] = [text for text in chromium.complaints
                                  if "404" not in text]     # favicon.ico
    finally:
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass
