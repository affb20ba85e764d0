"""Page tables as people, programs, gdb and a page of the book see them: what
the kernel prints, the other three must find out from its memory alone."""

import argparse
import functools
import html
import json
import random
import re
import shutil
import subprocess

import pexpect
import pytest

import browser
import weft
from test_build import needs, path_without
from test_user import Terminal, kernels     # noqa: F401, a fixture
from test_weave import Page

run = weft.tool("run")
PROMPT = run.SHELL
LIMIT = 120

both = pytest.mark.parametrize("machine", weft.MACHINES)
WIDTH = {"riscv": 16, "i386": 8}
NAME = {"riscv": "riscv64", "i386": "i386"}
LEVELS = {"riscv": (3, 9), "i386": (2, 10)}
BASE = {"riscv": 0xffffffc000000000, "i386": 0x80000000}


def hexa(machine, number):
    return "0x%0*x" % (WIDTH[machine], number)


# ---- A process that stays as it is -----------------------------------

# Between two commands the shell's own table changes: it forks, and writes to
# pages that it shares with the child until then.  A copy of it that waits for
# something has such pages and does nothing.
WAITING = "(sleep 1000000; true) &"


def waiting_process(terminal):
    """Starts such a process; returns its number when it waits."""
    terminal.ask(WAITING)
    for _ in range(1000):
        rows = [line.split() for line in terminal.ask("ps").split("\n")]
        state = {row[0]: row[2] for row in rows if len(row) == 7}
        for row in rows:
            if row[-1:] == ["sleep"] and state[row[1]] == "sleeping":
                return row[1]
    raise AssertionError(rows)


class Run:
    """What a kernel has printed of one process: dump, list, and walks."""

    def __init__(self, kernels, machine):
        terminal = Terminal(kernels(machine), machine, 1)
        try:
            self.machine, self.pid = machine, waiting_process(terminal)
            self.areas = terminal.ask("monitor mem")
            self.raw = terminal.ask("vmprint -r " + self.pid)
            self.listed = terminal.ask("vmprint " + self.pid)
            self.kernel_raw = terminal.ask("monitor 'vmdump; vmprint'")
            self.kernel_raw, self.kernel_listed = re.fullmatch(
                r"(.*entries\n)(page table.*)", self.kernel_raw,
                re.DOTALL).groups()
            self.walks = {}
            for address in self.addresses():
                self.walks[address] = terminal.ask(
                    "monitor walk %s %s" % (hexa(machine, address),
                                            self.pid)).rstrip("\n")
        finally:
            weft.end(terminal.qemu)
        self.dump = "== mem\n%s== raw\n%s" % (self.areas, self.raw)

    def addresses(self):
        """The ends of every run and region, and others at random."""
        found = {0, 1, 0xfff, 0x1000, 0x10000000, 0x10000004,
                 (1 << 4 * WIDTH[self.machine]) - 1}
        if self.machine == "riscv":
            found |= {(1 << 38) - 1, 1 << 38, 1 << 39, 1 << 63,
                      BASE["riscv"] - 1, BASE["riscv"],
                      BASE["riscv"] + 0x10000005}
        for start, _, size, unit in re.findall(
                r"(0x\w+) to (0x\w+), (\d+)([KM])",
                self.listed + self.kernel_listed):
            start = int(start, 16)
            end = start + (int(size) << (10 if unit == "K" else 20))
            found |= {start - 1, start, end - 1, end}
        for start, end in re.findall(r"region (0x\w+) to (0x\w+)", self.raw):
            found |= {int(start, 16) - 1, int(start, 16), int(end, 16)}
        any_of = random.Random(1)
        top = 1 << 4 * WIDTH[self.machine]
        found |= {any_of.randrange(0x800000) for _ in range(10)}
        found |= {any_of.randrange(BASE[self.machine], top)
                  for _ in range(10)}
        return sorted(address % top for address in found)


@pytest.fixture(scope="session")
def runs(kernels):
    """A function: the run of a machine, which every worker makes once."""
    return functools.cache(lambda machine: Run(kernels, machine))


@pytest.fixture
def told(runs, machine):
    return runs(machine)


def entries_of(raw):
    """{table: {index: (level, entry)}} of a dump, which must be whole."""
    lines = raw.split("\n")
    found, count = {}, 0
    for line in lines:
        row = re.fullmatch(r"(\d) (0x\w+) (\d+) (0x\w+)", line)
        if row:
            level, table, index, entry = (int(word, 0)
                                          for word in row.groups())
            assert index not in found.setdefault(table, {})
            found[table][index] = level, entry
            count += 1
    assert "vmdump ends after %d entries" % count in lines
    return found


# ---- The kernel ------------------------------------------------------

def compress(machine, tables, table, level, end, base=0):
    """The lines of vmprint, from the entries of vmdump."""
    levels, bits = LEVELS[machine]
    span = 1 << 12 + bits * level
    run = None
    for index in range(end):
        _, entry = tables.get(table, {}).get(index, (level, 0))
        if machine == "riscv":
            physical, rights = entry >> 10 << 12, entry >> 1 & 31
            leaf = level == 0 or entry & 14
        else:
            physical = entry & 0xfffff000
            rights = 5 | entry & 2 | (entry & 4) << 1 | (entry & 256) >> 4
            leaf = level == 0 or entry & 128
        if run and not (entry & 1 and leaf and rights == run[2] and
                        physical == run[1] + (index - run[0]) * span):
            yield line_of(machine, level, base, run, index - run[0])
            run = None
        if entry & 1 and leaf and not run:
            run = index, physical, rights
        elif entry & 1 and not leaf:
            yield "%s%d: table at %s" % ("  " * (levels - 1 - level), index,
                                         hexa(machine, physical))
            yield from compress(machine, tables, physical, level - 1,
                                1 << bits, base + index * span)
    if run:
        yield line_of(machine, level, base, run, end - run[0])


def line_of(machine, level, base, run, count):
    levels, bits = LEVELS[machine]
    index, physical, rights = run
    span = 1 << 12 + bits * level
    address = base + index * span
    if machine == "riscv" and address >> 38 & 1:
        address |= 0xffffff8000000000
    size = count * span >> 10
    return "%s%d%s: %s to %s, %s %s" % (
        "  " * (levels - 1 - level), index,
        "-%d" % (index + count - 1) if count > 1 else "",
        hexa(machine, address), hexa(machine, physical),
        "%dM" % (size >> 10) if size % 1024 == 0 else "%dK" % size,
        "".join(c if rights >> i & 1 else "-" for i, c in enumerate("rwxug")))


@both
def test_the_raw_form_says_what_the_other_says(told, machine):
    levels, bits = LEVELS[machine]
    for raw, listed, part in [(told.raw, told.listed, 2),
                              (told.kernel_raw, told.kernel_listed, 1)]:
        name, some_levels, some_bits, root = re.search(
            r"^vmdump (\w+) levels (\d) bits (\d+) root (0x\w+)$", raw,
            re.MULTILINE).groups()
        assert (name, int(some_levels), int(some_bits)) == (
            NAME[machine], levels, bits)
        head, tree = listed.split("page table at %s\n" % root)
        assert raw.startswith(head)             # regions and counts
        assert list(compress(machine, entries_of(raw), int(root, 16),
                             levels - 1, (1 << bits) // part)) == \
            tree.rstrip("\n").split("\n")


@both
def test_the_process_has_something_of_everything(told, machine):
    """Else the tests of this file would compare little."""
    rights = set(re.findall(r" (\S{5})\n", told.listed))
    read_only = "r--u-" if machine == "riscv" else "r-xu-"
    assert {read_only, "r-xu-"} <= rights
    assert re.search(r"region \S+ to \S+ rw-", told.listed)
    assert len(told.walks) > 80


@both
def test_commands_that_name_no_process(kernels, machine):
    terminal = Terminal(kernels(machine), machine, 1)
    try:
        for line, answer, status in [
                ("monitor vmprint 99", "vmprint: 99: no program has this "
                                       "number", 1),
                ("monitor vmdump 4294967297", None, 1 if machine == "riscv"
                 else 2),
                ("monitor walk 0 99", "walk: 99: no program has this number",
                 1),
                ("monitor vmdump x", "vmdump: x is not a number of this "
                                     "machine", 2),
                ("monitor walk x 1", "walk: x is not a number of this "
                                     "machine", 2),
                ("monitor walk 0x10000000 1", None, 1),
                ("vmprint 99", "vmprint: 99: no such process", 1),
                ("vmprint 1 2", "usage: vmprint [-r] [ID]", 2),
                ("vmprint -x", None, 2),
                ("vmprint -r 99", "vmdump: 99: no program has this number",
                 1)]:
            text = terminal.ask(line + "; echo status $?")
            assert text.endswith("status %d\n" % status), text
            assert answer is None or answer in text.split("\n"), text
        # Whoever asks for process 0 asks for itself.
        assert "region" in terminal.ask("monitor vmprint 0")
        own = terminal.ask("vmprint -r")
        assert entries_of(own) and own.startswith("region ")
    finally:
        weft.end(terminal.qemu)


# ---- gdb -------------------------------------------------------------

class Debugged(Terminal):
    """A machine that somebody uses while a debugger looks at it."""

    def __init__(self, folder, machine, tree):
        port = weft.free_port()
        line = run.command_line(argparse.Namespace(
            machine=machine, cpus="1", mem="128M", build=str(folder),
            commands="", gdb=True, port=port, icount=False))
        self.machine = machine
        self.qemu = pexpect.spawn(line[0], line[1:], timeout=LIMIT,
                                  encoding="utf-8", echo=False)
        self.gdb = pexpect.spawn(
            "gdb-multiarch", ["-q", "-nx", "-x", "tools/gdb.py",
                              "-ex", "set tcp connect-timeout 60",
                              "-ex", "set pagination off",
                              "-ex", "set width 0",
                              "-ex", "set confirm off",
                              "-ex", "target remote 127.0.0.1:%d" % port,
                              str(folder / "kernel.elf")],
            cwd=str(tree.folder), env=weft.ENVIRONMENT, timeout=LIMIT,
            encoding="utf-8", echo=False)
        self.gdb.expect_exact("(gdb) ")

    def command(self, line):
        """What gdb prints after LINE."""
        self.gdb.sendline(line)
        self.gdb.expect_exact("(gdb) ")
        # Without an echo of ours gdb's own library still writes one.
        return re.sub(r"\x1b\[[^a-z]*[a-z]|\r", "", self.gdb.before) \
            .removeprefix(line + "\n")

    def go_on(self):
        self.gdb.sendline("continue")
        self.gdb.expect_exact("Continuing.")

    def stop_at(self, function, keys, *commands, prompt=True):
        """Types KEYS at the kernel, stops in FUNCTION, and has gdb run
        COMMANDS: [what gdb prints, ...], what the kernel prints then."""
        self.gdb.sendcontrol("c")
        self.gdb.expect_exact("(gdb) ")
        self.command("tbreak " + function)
        self.go_on()
        self.keys(keys)
        self.gdb.expect_exact("(gdb) ")
        said = [self.command(line) for line in commands]
        self.go_on()
        return said, self.until(PROMPT) if prompt else None

    def close(self):
        weft.end(self.gdb)
        weft.end(self.qemu)


def unflagged(machine, raw):
    """A dump without A and D, which the MMU may set at any moment."""
    flags = 0xc0 if machine == "riscv" else 0x60
    return re.sub(r"^(\d \S+ \d+) (\S+)$", lambda found: "%s %x" % (
        found[1], int(found[2], 16) & ~flags), raw, flags=re.MULTILINE)


@needs("gdb-multiarch")
@both
def test_gdb_prints_what_the_kernel_prints(kernels, machine):
    both_sides = Debugged(kernels(machine), machine, kernels.tree)
    try:
        compare_with_gdb(both_sides, machine)
    finally:
        both_sides.close()


def compare_with_gdb(both_sides, machine):
    assert "paging is off" in both_sides.command("vmprint") or \
        machine == "i386"
    both_sides.go_on()
    both_sides.until(PROMPT)
    pid = waiting_process(both_sides)
    text = BASE[machine] + 0x100123 if machine == "i386" \
        else BASE[machine] + 0x80000123

    # The kernel's own table, by the monitor.
    [table, raw], told = both_sides.stop_at(
        "vmprint", "monitor 'vmprint; vmdump'\r", "vmprint kernel_root",
        "vmdump kernel_root")
    assert table.startswith("page table at 0x") and table in told
    assert len(table.split("\n")) > 20
    assert unflagged(machine, raw) in unflagged(machine, told)

    # That of a process, by the system call and by the monitor.
    for line in ["vmprint " + pid, "monitor vmprint " + pid]:
        [table], told = both_sides.stop_at(
            "space_print", line + "\r", "vmprint " + pid)
        assert table.startswith("region 0x") and table in told
    [raw], told = both_sides.stop_at(
        "space_print", "vmprint -r %s\r" % pid, "vmdump " + pid)
    assert raw.startswith("region 0x")
    assert unflagged(machine, raw) in unflagged(machine, told)

    # That which is loaded, by the key.
    [table], told = both_sides.stop_at(
        "vmprint_user", "\x16\r", "vmprint -u")
    assert table.startswith("page table at") and table in told
    assert "u-" in table

    # And walks, in the kernel's half and in the process's.
    for address in [text, 0x10000004, 0x700000, 0, 0x6ffff0, 1 << 31]:
        [steps], told = both_sides.stop_at(
            "vmprint_walk", "monitor walk %#x %s\r" % (address, pid),
            "walk %#x %s" % (address, pid))
        assert steps.startswith("walk of ") and steps in told

    # What gdb cannot do, it says in one line.
    for line, answer in [
            ("vmprint 9999", "vmprint: 9999: no such process"),
            ("vmdump 2", "vmdump: 2: no such process"),
            ("walk", "walk: an address, please"),
            ("walk 0 9999", "walk: 9999: no such process"),
            ("vmprint nonsense", 'No symbol "nonsense" in current context.')]:
        [said], _ = both_sides.stop_at("vmprint_user", "\x16\r", line)
        assert said == answer + "\n"


# ---- The page's logic, without a page --------------------------------

@needs("node")
@both
def test_walks_of_the_script(told, machine, tmp_path):
    (tmp_path / "dump").write_text(told.dump)
    (tmp_path / "asked").write_text(json.dumps(
        [hexa(machine, address) for address in told.walks]))
    script = """
        const walker = require(process.argv[1]), fs = require('fs');
        const read = name => fs.readFileSync(process.argv[2] + name, 'utf8');
        const dump = walker.readDump(read('/dump'));
        console.log(JSON.stringify(JSON.parse(read('/asked')).map(text =>
          walker.kernelText(dump, walker.walk(dump,
            walker.readAddress(dump.machine, text))))));
    """
    done = subprocess.run(
        ["node", "-e", script, str(weft.ROOT / "book/weave/walk.js"),
         str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == list(told.walks.values())


# ---- The page --------------------------------------------------------

@pytest.fixture(scope="session")
def woven(kernels):
    """The page with all that it loads, as make makes it."""
    for machine in weft.MACHINES:
        kernels(machine)
    with kernels.locked():
        kernels.tree.must("make", "build/book/html/walk.html")
    return kernels.tree.folder / "build/book/html"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if not browser.program():
        pytest.skip("no browser: `make doctor` says which")
    window = browser.Browser(tmp_path_factory.mktemp("chromium"))
    yield window
    window.close()


@pytest.fixture
def page(woven, chromium, tmp_path):
    """Opens the page with what was told, and looks whether it complains."""
    chromium.complaints.clear()
    chromium.requests.clear()

    def start(*runs, made=True, fragment=""):
        """With what RUNS have told, or with what make has left there, or
        with nothing."""
        folder = tmp_path / "html"
        if not folder.exists():
            folder.mkdir()
            for name in ["walk.html", "walk.js", "walk-page.js", "walk.css",
                         "walk-data.js", "book.css", "book.js"]:
                shutil.copy(woven / name, folder)
        if runs or not made:
            told = {run.machine: run.dump for run in runs}
            dumps = [tmp_path / (machine + ".dump")
                     for machine in weft.MACHINES]
            for dump in dumps:
                dump.write_text(told.get(dump.stem, "none: nobody has made "
                                                    "one\n"))
            subprocess.run(
                ["python3", "-B", weft.ROOT / "book/weave/walk.py", "page",
                 weft.ROOT / "book/weave/walk.md", tmp_path / "tokens",
                 folder / "walk-data.js", *dumps], check=True)
        chromium.resize(1440)
        chromium.open("about:blank")
        chromium.open("file://%s/walk.html%s" % (folder, fragment))
        return chromium

    yield start
    assert chromium.complaints == []
    assert {url.split(":")[0] for url in chromium.requests} <= \
        {"file", "about"}


def enter(window, text):
    """Types TEXT into the field in place of what is there, and Return."""
    window.run("document.getElementById('walk-address').focus();"
               "document.getElementById('walk-address').select()")
    window.type(text)
    window.press("Enter")
    window.settle()


@both
def test_walks_of_the_page(told, page, machine):
    window = page(told)
    for address, text in told.walks.items():
        enter(window, hexa(machine, address))
        assert window.text("#walk-text") == text
        assert window.text("#walk-error") == ""
        assert window.text("#walk-summary").startswith(hexa(machine, address))
    enter(window, str(0x10000004))              # decimal is the same
    assert window.text("#walk-text") == told.walks[0x10000004]


def test_the_page_as_it_is_made(page, woven):
    """With the run of the build: the text of the worked example is what
    the page finds out."""
    text = html.unescape((woven / "walk.html").read_text())
    window = page()
    for fragment, place in [("#riscv64:0x10000004", "level 1, index 128: "),
                            ("#i386:0x10000004", "level 1, index 64: "),
                            ("#riscv64:0xffffffc010000005", "index 128: "),
                            ("#i386:0x800b8000", "page at 0x000b8000")]:
        window.run("location.hash = %s" % json.dumps(fragment))
        window.settle()
        said = window.text("#walk-text")
        assert place in said and said in text
    names = window.run("[...document.querySelectorAll('#walk-examples a')]"
                       ".map(a => a.textContent).join('; ')")
    for name in ["UART0 of the notebook", "a device", "the kernel’s text",
                 "the program’s text", "a copy-on-write page",
                 "the guard below the stack", "a null pointer"]:
        assert name in names


@both
def test_examples(told, page, machine):
    """Each is what its name says."""
    window = page(told)
    links = window.run("[...document.querySelectorAll('#walk-examples a')]"
                       ".map(a => [a.textContent, a.getAttribute('href')])")
    assert len(links) >= 11
    wanted = {
        "UART0 of the notebook": r"nothing there",
        "the UART here, its line status": r"index 128.*0x0000000010000005",
        "a device: video memory": r"0x000b8000",
        "the kernel’s text": r"r-x-g",
        "a large page": r"level 1, index \d+: page at .*-g",
        "the program’s text": r"r-xu-",
        "a copy-on-write page": r"page at \S+ r-[-x]u-",
        "the program’s stack": r"r[-w][-x]u-",
        "a page not touched yet": r"nothing there",
        "the guard below the stack": r"nothing there",
        "the guard of a kernel stack": r"level 0, index 1: nothing there",
        "a null pointer": r"nothing there",
        "the hole of Sv39": r"not an address of this machine"}
    for name, href in links:
        window.run("document.querySelector('a[href=\"%s\"]').click()" % href)
        window.settle()
        assert re.search(wanted.pop(name), window.text("#walk-text"),
                         re.DOTALL), name
    assert len(wanted) == (1 if machine == "riscv" else 2)


WRONG = [
    ("", "Type an address"), ("   ", "Type an address"),
    ("here", "“here” is not a number"), ("0x", "“0x” is not a number"),
    ("12a", "is not a number"), ("-1", "is not a number"),
    ("0x1 2", "is not a number"), ("１２", "is not a number"),
    ("<b>bold</b>", "“<b>bold</b>” is not a number"),
    ("z" * 10000, "“" + "z" * 30 + "…” is not a number"),
    ("0x1" + "0" * 16, "more than"), ("9" * 5000, "more than"),
    ("18446744073709551616", "more than"),
]


@both
def test_wrong_input_gets_a_clear_line(told, page, machine):
    window = page(told)
    for typed, message in WRONG + (
            [("0x100000000", "0x100000000 has more than 32 bits")]
            if machine == "i386" else []):
        enter(window, typed)
        error = window.text("#walk-error")
        assert message in error and len(error) < 150, (typed, error)
        assert window.text("#walk-text") is None    # nothing that is stale
        assert window.run("document.getElementById('walk-address')"
                          ".getAttribute('aria-invalid')") == "true"
    enter(window, "0x10000000")
    assert window.text("#walk-error") == ""
    enter(window, "0x00000000000000000000000000001000")     # zeros are free
    assert window.text("#walk-text").startswith("walk of " +
                                                hexa(machine, 0x1000))


def focus(window):
    return window.run("document.activeElement.id || "
                      "document.activeElement.textContent")


def press_until(window, wanted, **keys):
    for _ in range(150):
        if focus(window) == wanted:
            return
        window.press("Tab", **keys)
    raise AssertionError("no way to %s by the keyboard" % wanted)


def test_without_a_mouse(runs, page):
    told = [runs(machine) for machine in weft.MACHINES]
    window = page(*told)
    press_until(window, "walk-address")         # what it holds is selected
    window.type("0x700000")
    window.press("Enter")
    window.settle()
    assert window.text("#walk-text") == told[0].walks[0x700000]
    press_until(window, "walk-riscv64", shift=True)
    window.press("ArrowRight")                  # the other machine
    window.settle()
    assert focus(window) == "walk-i386"
    assert window.text("#walk-text") == told[1].walks[0x10000000]
    press_until(window, "a null pointer")
    window.press("Enter")
    window.settle()
    assert window.text("#walk-text") == told[1].walks[0]
    # What is wider than the page can be scrolled.
    press_until(window, "Tables of a kernel of your own")
    window.press("Enter")
    press_until(window, "walk-pasted")


def test_what_is_read_aloud(runs, page):
    """The sentence that a screen reader says, and the names of things."""
    window = page(runs("riscv"), fragment="#riscv64:0xffffffc010000005")
    assert window.run("document.getElementById('walk-summary')"
                      ".getAttribute('role')") == "status"
    assert window.text("#walk-summary") == (
        "0xffffffc010000005 is the physical address 0x0000000010000005; a "
        "program may do nothing, the kernel may read and write.")
    assert window.run("document.getElementById('walk-error')"
                      ".getAttribute('role')") == "alert"
    unnamed = window.run("""
        [...document.querySelectorAll('#walk input, #walk textarea')]
          .filter(e => !e.labels.length).length +
        [...document.querySelectorAll('#walk svg')]
          .filter(e => !e.getAttribute('aria-label')).length +
        [...document.querySelectorAll('#walk .scroll')]
          .filter(e => !e.getAttribute('aria-label')).length""")
    assert unnamed == 0
    text = window.text("#walk-result")
    for said in ["256 × 1 GiB + 128 × 2 MiB + 0 × 4 KiB + 5 bytes",
                 "27 + 12 bits", "R, W and X are 0: the entry names a table",
                 "this is the lowest level: the entry maps a page of 4 KiB",
                 "0x0000000010000000 + 0x5 = 0x0000000010000005",
                 "calls this part “UART”"]:
        assert said in text, said


# For the text of every element: its contrast with what is behind it.
CONTRAST = """
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(c => {
      c /= 255;
      return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
    });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = e => {
    const colour = getComputedStyle(e).backgroundColor;
    return /, 0\\)$/.test(colour) ? behind(e.parentElement) : colour;
  };
  const least = [...document.querySelectorAll('main *')].filter(e =>
      !e.closest('svg') && [...e.childNodes].some(n =>
        n.nodeType === 3 && n.data.trim()) && e.getClientRects().length)
    .map(e => {
      const a = light(getComputedStyle(e).color), b = light(behind(e));
      return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05),
              e.outerHTML.slice(0, 80)];
    });
  least.filter(([ratio]) => ratio < 4.5)
"""


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_looks(page, width, scheme):
    window = page()
    window.colours(scheme)
    window.resize(width)
    for fragment in ["#riscv64:0xffffffc010000005", "#i386:0x6ff000",
                     "#riscv64:garbage", "#riscv64:0x4000000000"]:
        window.run("location.hash = %s" % json.dumps(fragment))
        window.settle()
        assert window.run("document.documentElement.scrollWidth") <= width
        assert window.run("{%s}" % CONTRAST) == []
    assert window.run("matchMedia('(prefers-color-scheme: %s)').matches"
                      % scheme)


def test_tables_of_ones_own(runs, page):
    told = runs("i386")
    window = page(made=False)
    assert "no tables of riscv64: nobody has made one" in \
        window.text("#walk-machines")
    enter(window, "4096")
    assert "no page tables" in window.text("#walk-error")
    for pasted, message in [
            ("", "no line that begins with “vmdump”"),
            ("rubbish\n1 2 3", "no line that begins with “vmdump”"),
            (told.raw[:-1000], "is missing"),
            (told.raw.replace("\n0 ", "\nsomebody prints ", 1),
             "speaks of"),
            (told.raw.replace("i386", "sparc"), "does not know the machine"),
            (told.raw.replace("bits 10", "bits 9"), "does not know")]:
        window.run("document.getElementById('walk-pasted').value = %s;"
                   "document.getElementById('walk-load').click()" %
                   json.dumps(pasted))
        assert message in window.text("#walk-pasted-error"), pasted[:60]
    window.run("document.getElementById('walk-pasted').value = %s;"
               "document.getElementById('walk-load').click()" %
               json.dumps(told.raw.replace("\n", "\r\n")))
    window.settle()
    assert window.text("#walk-pasted-error") == ""
    assert window.text("#walk-text") == told.walks[0x10000000]


def test_without_scripts(woven):
    page = Page(woven.parent / "pages/walk.html")       # well-formed
    assert "needs JavaScript" in page.text
    assert "27 + 12 bits" in page.text
    for step in ["level 1, index 128: nothing there",
                 "level 1, index 64: nothing there",
                 "offset 5: 0x0000000010000005", "page at 0x000b8000"]:
        assert step in page.text
    assert set(page.loads) <= {"book.css", "book.js", "walk.css", "walk.js",
                               "walk-page.js", "walk-data.js",
                               "walk.html", "index.html"}
    assert len((woven / "walk.html").read_text()) < 150_000


# ---- Made by make ----------------------------------------------------

def test_made_again_when_code_changes(woven, kernels, tmp_path):
    """Without QEMU the book is made all the same, and says so."""
    folder = tmp_path / "weft"
    with kernels.locked():
        shutil.copytree(kernels.tree.folder, folder)
    tree = weft.Tree.at(folder)
    page = "build/book/html/walk.html"
    assert "RUN" not in tree.must("make", page)
    tree.append(3, "One more sentence.\n")
    assert "RUN" not in tree.must("make", page)

    (folder / "build/walk/riscv.made").unlink()
    (folder / "build/walk/riscv.dump").unlink()
    env = path_without(tmp_path / "bin", "qemu-system-riscv64")
    done = tree.make(page, env=env)
    assert done.returncode == 0, done.stderr
    assert "no page tables of riscv: qemu-system-riscv64 is missing" in \
        done.stderr
    assert "qemu-system-riscv64 is missing" in \
        (folder / page).read_text()
    assert "walker.reasons.riscv64" in \
        (folder / "build/book/html/walk-data.js").read_text()

    assert tree.must("make", page).count("  RUN ") == 1
    assert "is missing" not in (folder / page).read_text()
    tree.replace(1, "first light.\\n", "first glow.\\n")
    assert tree.must("make", page).count("  RUN ") == 2
