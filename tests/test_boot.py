"""The kernel in the page: each chapter's kernel is started in its own page, by
the keyboard, and does there what its transcript says."""

import fcntl
import functools
import json
import re
import shutil
import subprocess
import time

import pytest

import browser
import weft
from test_weave import Page

transcripts = weft.tool("transcripts")
run = weft.tool("run")

LIMIT = 120             # seconds for one answer; a net for hangs
QUICK = ["02", "20"]    # chapters of every `make check`
CHAPTERS = sorted({name.split("/")[1][:2] for name in weft.book().transcripts()
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
             if name.startswith("transcript/%s.i386" % chapter)}
    name = min(found, key=len)
    return transcripts.Transcript(name, found[name])


# The transcripts are of a machine with 128 MiB and, in chapter 11, with four
# processors.
DIFFERENT = {}


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
    assert not any("boot/" in url for url in window.requests)
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
