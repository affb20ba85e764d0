"""What the tests of the tools share: copies of the book, to build or to
spoil, and the commands that a person would type in them."""

import importlib.machinery
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MACHINES = ["riscv", "i386"]


def one_of_the(chosen):
    """Parameters: `make check` is content with the CHOSEN machine."""
    return [pytest.param(machine, marks=[] if machine == chosen else
                         [pytest.mark.all]) for machine in MACHINES]


# A limit on a command is a net for hangs, not a measure: with other tests
# beside it everything may take a multiple of its usual time.
LIMIT = 300

# Nothing that `make check` was told may reach the makes of the tests.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if name in ("PATH", "HOME", "LANG", "TMPDIR", "USER")}


def remember_compilations():
    """Puts ccache before the compilers, if it is there: most of what the
    tests compile is the same in all their copies of the book, but for the
    name of the folder, which therefore does not count."""
    ccache = shutil.which("ccache")
    if not ccache:
        return
    folder = ROOT / "build" / "ccache"
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("clang", "gcc", "riscv64-linux-gnu-gcc",
                 "i686-linux-gnu-gcc"):
        if shutil.which(name):
            try:
                (folder / "bin" / name).symlink_to(ccache)
            except FileExistsError:
                pass
    ENVIRONMENT.update(PATH="%s:%s" % (folder / "bin", ENVIRONMENT["PATH"]),
                       CCACHE_DIR=str(folder), CCACHE_NOHASHDIR="true",
                       CCACHE_NODIRECT="true",  # for __has_include
                       CCACHE_MAXSIZE="1G")


remember_compilations()


def tool(name):
    """A script of tools/ as a module."""
    path = str(ROOT / "tools" / name)
    loader = importlib.machinery.SourceFileLoader(Path(name).stem, path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
noweb = tool("noweb.py")


def book():
    """The chapters and chunks of the book as it is."""
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        return noweb.Book(noweb.chapters())
    finally:
        os.chdir(here)


def chapters_with_code():
    """The numbers of the chapters that add something to the kernel."""
    return sorted({piece.chapter for piece in book().pieces
                   if not piece.is_quoted})


class Tree:
    """A copy of the book's first chapters and of what builds them, in a
    folder of its own; of the user programs all, or some."""

    def __init__(self, folder, last=99, programs=None):
        self.folder = Path(folder)
        (self.folder / "book").mkdir(parents=True)
        (self.folder / "tangle").mkdir()
        shutil.copy(ROOT / "tangle/README.md", self.folder / "tangle")
        for path in [ROOT / "Makefile", ROOT / "README.md", ROOT / "LICENSE",
                     *ROOT.glob("*.mk")]:
            shutil.copy(path, self.folder)
        for name in ["tools", "user"]:
            shutil.copytree(ROOT / name, self.folder / name,
                            ignore=shutil.ignore_patterns("__pycache__"))
        for path in self.folder.glob("user/*.c"):
            if programs is not None and path.stem not in programs:
                path.unlink()
        for path in ROOT.glob("book/*"):
            if path.is_dir():       # figures and the weave's files
                shutil.copytree(path, self.folder / "book" / path.name)
            elif path.suffix != ".nw" or int(path.name[:2]) <= last:
                shutil.copy(path, self.folder / "book")

    @classmethod
    def at(cls, folder):
        """The tree that is in FOLDER already."""
        tree = cls.__new__(cls)
        tree.folder = Path(folder)
        return tree

    # ---- Commands ----------------------------------------------------

    def run(self, *command, env={}, limit=LIMIT):
        return subprocess.run(
            [str(word) for word in command], cwd=self.folder,
            env={**ENVIRONMENT, **env}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=limit)

    def make(self, *words, env={}, limit=LIMIT):
        return self.run("make", *words, env=env, limit=limit)

    def must(self, *command, env={}):
        """Runs a command that should succeed; returns what it prints."""
        done = self.run(*command, env=env)
        assert done.returncode == 0, \
            "%s\n%s%s" % (command, done.stdout, done.stderr)
        return done.stdout

    # ---- The chapters ------------------------------------------------

    def chapter(self, number):
        [path] = self.folder.glob("book/%02d-*.nw" % number)
        return path

    def append(self, number, text):
        """Writes TEXT at the end of a chapter."""
        with open(self.chapter(number), "a") as file:
            file.write("\n" + text)

    def replace(self, number, old, new, count=1):
        path = self.chapter(number)
        text = path.read_text()
        assert old in text, "%s: the test looks for %r" % (path.name, old)
        path.write_text(text.replace(old, new, count))

    def place(self, number, text):
        """Where TEXT is in a chapter, the way that messages say it."""
        path = self.chapter(number)
        lines = path.read_text().split("\n")
        [line] = [n for n, t in enumerate(lines, 1) if text in t]
        return "book/%s:%d" % (path.name, line)

    # ---- What make leaves --------------------------------------------

    def files(self, *folders):
        """{path: (time of its change, content)} of every file below."""
        return {str(path.relative_to(self.folder)):
                (path.stat().st_mtime_ns, path.read_bytes())
                for folder in folders
                for path in sorted((self.folder / folder).rglob("*"))
                if path.is_file()}

    def tangled(self):
        """The names of all tangled files, relative to tangle/."""
        return sorted(str(path.relative_to(self.folder / "tangle"))
                      for path in (self.folder / "tangle").rglob("*")
                      if path.is_file() and path.name != "README.md")


def complaints(done):
    """The lines of an error message that are not make's own trailer."""
    return [line for line in done.stderr.splitlines()
            if not re.match(r"make(\[\d+\])?: \*\*\* \[", line)]


def one_clear_line(done):
    """The only line that a failed command wrote to explain itself."""
    assert done.returncode != 0, done.stdout
    lines = complaints(done)
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end(process):
    """Ends what pexpect has started, however long that takes."""
    tool("run").kill(process)
