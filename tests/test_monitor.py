"""The kernel that ends in the monitor, which is all but the last chapter's,
from outside: somebody at the serial port types, and reads what comes back."""

import re

import pexpect
import pytest

import weft

run = weft.tool("run")
PROMPT = run.PROMPT
LIMIT = 120     # seconds for one answer; a net for hangs
CHAPTER = "19"

BASE = {"riscv": 0xffffffc000000000, "i386": 0x80000000}
WIDTH = {"riscv": 16, "i386": 8}
START = {"riscv": 0x80000000, "i386": 0x100000}
STACKS = {"riscv": 0xffffffffc0000000, "i386": 0xf0000000}


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Builds a kernel once for each worker, when it is first wanted."""
    tree = weft.Tree(tmp_path_factory.mktemp("kernels") / "weft")
    done = {}

    def build(machine, check=0):
        if (machine, check) not in done:
            tree.must("make", "kernel", "MACHINE=" + machine,
                      "CHECK=%d" % check, "CHAPTER=" + CHAPTER)
            done[machine, check] = (
                tree.folder / "build" / ("chapter-" + CHAPTER) /
                (machine + ("-check" if check else "")))
        return done[machine, check]

    build.tree = tree
    return build


class Terminal:
    """A booted machine with somebody at its serial port."""

    def __init__(self, build, machine, cpus=1, mem="128M"):
        options = type("Options", (), dict(
            machine=machine, cpus=str(cpus), mem=mem, build=str(build),
            commands="", gdb=False, icount=False))
        line = run.command_line(options)
        self.qemu = pexpect.spawn(line[0], line[1:], timeout=LIMIT,
                                  encoding="utf-8", echo=False)
        self.boot = self.until_prompt()

    def until_prompt(self):
        self.qemu.expect_exact(PROMPT)
        return self.qemu.before.replace("\r", "")

    def ask(self, line):
        """What the kernel prints after LINE, without the echo."""
        self.qemu.sendline(line)
        echo, _, answer = self.until_prompt().partition("\n")
        assert echo == line
        return answer.rstrip("\n")

    def leave(self, line="poweroff"):
        """(what is printed last, the kernel's status)"""
        self.qemu.sendline(line)
        self.qemu.expect(pexpect.EOF)
        self.qemu.close()
        return (self.qemu.before.replace("\r", ""),
                run.status_of(self.qemu.exitstatus))

    def close(self):
        weft.end(self.qemu)


@pytest.fixture
def boot(built):
    """Boots machines, and ends those that a test leaves running."""
    terminals = []

    def start(machine, check=0, **options):
        terminals.append(Terminal(built(machine, check), machine, **options))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


both = pytest.mark.parametrize("machine", weft.MACHINES)


def address(machine, number):
    return "0x%0*x" % (WIDTH[machine], number)


# ---- Commands --------------------------------------------------------

@both
def test_help_names_every_command(boot, machine, built):
    terminal = boot(machine)
    names = re.findall(r"^(\w+) ", terminal.ask("help"), re.MULTILINE)
    assert names[:7] == ["help", "mem", "vmprint", "vmdump", "walk",
                         "check", "peek"]
    source = "build/chapter-%s/tangle/kernel/console/monitor.c" % CHAPTER
    assert names == re.findall(
        r'^\s*\{ "(\w+)", "', (built.tree.folder / source).read_text(),
        re.MULTILINE)


@both
def test_the_memory_map_follows_the_size_of_ram(boot, machine):
    for mem, size in [("32M", 32), ("64M", 64), ("1G", 1024)]:
        terminal = boot(machine, mem=mem)
        text = terminal.ask("mem")
        found = re.search(r"memory: %s to (0x\w+), (\d+) KiB" %
                          address(machine, START[machine]), text)
        end = int(found.group(1), 16)
        reach = START["riscv"] if machine == "riscv" else 0
        # A PC's firmware keeps some of the last megabyte for itself.
        assert size - 1 <= (end - reach) >> 20 <= size
        free, total = map(int, re.search(r"frames: (\d+) of (\d+) free",
                                         text).groups())
        assert size * 256 * 0.9 < total < size * 256
        assert total - 64 < free < total
        assert terminal.ask("check") == \
            "free list: in order\npage table: in order"
        terminal.close()


@both
def test_regions_have_their_permissions(boot, machine):
    text = boot(machine).ask("mem")
    regions = dict((name, (int(start, 16), rights)) for start, rights, name in
                   re.findall(r"map: (0x\w+) (...) (.*), \d+ KiB", text))
    base = BASE[machine]
    assert regions["text"] == (base + START[machine], "r-x")
    assert regions["constants"][1] == "r--"
    assert regions["data and free RAM"][1] == "rw-"
    assert regions["stacks"] == (STACKS[machine], "rw-")
    assert not [r for _, r in regions.values() if "w" in r and "x" in r]


@both
def test_walk_shows_every_step(boot, machine):
    terminal = boot(machine)
    where = BASE[machine] + START[machine] + 0x123
    steps = terminal.ask("walk " + address(machine, where)).split("\n")
    levels = 3 if machine == "riscv" else 2
    assert len(steps) == 1 + levels + 1
    assert steps[0] == "walk of %s:" % address(machine, where)
    assert [int(n) for n in re.findall(r"level (\d)", "".join(steps))] == \
        list(reversed(range(levels)))
    assert steps[-1] == "  offset %d: %s" % (
        0x123, address(machine, START[machine] + 0x123))
    # Decimal means the same; the page that is not there is said to be so.
    assert terminal.ask("walk %d" % where).split("\n")[1:] == steps[1:]
    assert terminal.ask("walk 0").endswith("nothing there")


def test_walk_to_the_uart_meets_index_128(boot):
    text = boot("riscv").ask("walk 0xffffffc010000005")
    assert "level 2, index 256" in text
    assert "level 1, index 128" in text
    assert text.endswith("offset 5: 0x0000000010000005")


def test_walk_refuses_the_hole_of_sv39(boot):
    text = boot("riscv").ask("walk 0x4000000000")
    assert text.endswith("not an address of this machine")


@both
def test_vmprint_agrees_with_the_walk(boot, machine):
    terminal = boot(machine)
    text = terminal.ask("vmprint")
    rows = re.findall(r"(0x\w+) to (0x\w+), (\d+)([KM]) (\S+)", text)
    assert len(rows) >= 5
    for start, physical, size, unit, rights in rows:
        bytes = int(size) << (10 if unit == "K" else 20)
        last = int(start, 16) + bytes - 1
        steps = terminal.ask("walk " + address(machine, last))
        assert steps.endswith(": " + address(
            machine, int(physical, 16) + bytes - 1))
        assert rights in steps


@both
def test_page_zero_is_not_mapped(boot, machine):
    assert boot(machine).ask("peek 0") == \
        address(machine, 0) + ": cannot be read"


@both
def test_the_first_stack_has_a_guard(boot, machine):
    terminal = boot(machine)
    stack = STACKS[machine] + 0x2000
    assert "cannot" not in terminal.ask("peek 0x%x" % stack)
    assert "cannot" in terminal.ask("peek 0x%x 1" % (stack - 1))


@both
def test_peek_reads_what_is_there(boot, machine, built):
    terminal = boot(machine)
    elf = (built(machine) / "kernel.elf").read_bytes()
    start = address(machine, BASE[machine] + START[machine])
    text = terminal.ask("peek %s 40" % start)
    lines = text.split("\n")
    assert [len(line.split()) - 1 for line in lines] == [16, 16, 8]
    assert bytes.fromhex("".join(l.split(":")[1] for l in lines)) in elf


# ---- Bad input -------------------------------------------------------

BAD = [
    ("frob", "frob: no such command; try help"),
    ("walk", "walk: an address, please (0x1000 or 4096)"),
    ("walk x", "walk: x is not a number of this machine"),
    ("walk 0x", "walk: 0x is not a number of this machine"),
    ("walk 12a", "walk: 12a is not a number of this machine"),
    ("walk -1", "walk: -1 is not a number of this machine"),
    ("walk 0x10000000000000000",
     "walk: 0x10000000000000000 is not a number of this machine"),
    ("walk 18446744073709551616",
     "walk: 18446744073709551616 is not a number of this machine"),
    ("peek", "peek: an address, please (0x1000 or 4096)"),
    ("peek 0 q", "peek: q is not a number of this machine"),
    ("poweroff 127", "poweroff: a status is 0 to 126"),
    ("poweroff soon", "poweroff: soon is not a number of this machine"),
    ("plant cycle",
     "plant: this needs a checked build (make qemu CHECK=1)"),
]


@both
def test_bad_input_gets_a_clear_line(boot, machine):
    terminal = boot(machine)
    for line, answer in BAD:
        assert terminal.ask(line) == answer
    for line in ["", "   ", ";", " ; ;; "]:
        assert terminal.ask(line) == ""
    assert terminal.ask("walk " + "a " * 100).startswith("walk: a is not")


@both
def test_peek_stops_at_the_end_of_the_address_space(boot, machine):
    last = (1 << 4 * WIDTH[machine]) - 8
    text = boot(machine).ask("peek 0x%x 100" % last)
    assert text == address(machine, last) + ": cannot be read"


@both
def test_keys_that_edit_the_line(boot, machine):
    terminal = boot(machine)
    for typed, line in [
            ("chexk\b\bck", "check"), ("chexk\x7f\x7fck", "check"),
            ("rubbish\x15check", "check"),
            ("\b\b\x15check", "check"), ("check\x04", "check"),
            ("ch\x01\x1beck", "check")]:
        terminal.qemu.send(typed + "\r")
        assert terminal.until_prompt().endswith(
            "\nfree list: in order\npage table: in order\n"), line


@both
def test_a_line_that_is_too_long_is_not_cut_and_run(boot, machine):
    terminal = boot(machine)
    terminal.qemu.send("peek 0;" + "x" * 400 + "\r")
    text = terminal.until_prompt()
    assert "\a" in text
    assert text.count("x") == 2 * 255 - 7 or "no such command" in text \
        or "cannot be read" in text
    assert terminal.ask("check").startswith("free list: in order")


# ---- Status ----------------------------------------------------------

@both
def test_status_of_the_machine(boot, machine):
    assert boot(machine).leave("poweroff")[1] == 0
    assert boot(machine).leave("check; poweroff")[1] == 0
    assert boot(machine).leave("poweroff 7")[1] == 7
    assert boot(machine).leave("poweroff 126")[1] == 126
    terminal = boot(machine)
    terminal.ask("walk 0")
    assert terminal.leave("poweroff")[1] == 1
    # The end of input ends the monitor as it ends a shell.
    assert boot(machine).leave("\x04")[1] == 0


@both
def test_a_line_stops_at_the_first_failure(boot, machine):
    terminal = boot(machine)
    assert "frames:" not in terminal.ask("check; nonsense; mem")
    assert terminal.leave()[1] == 2


@both
def test_make_run_returns_the_status(built, machine):
    built(machine)

    def status(commands):
        done = built.tree.make("run", "MACHINE=" + machine,
                               "CHAPTER=" + CHAPTER, "CMD=" + commands)
        found = re.search(r"Error (\d+)", done.stderr)
        assert bool(found) == (done.returncode != 0)
        return int(found.group(1)) if found else 0, done.stdout

    assert status("mem; check; vmprint")[0] == 0
    assert status("mem; walk 0; check")[0] == 1
    assert status("frob")[0] == 2
    code, text = status("panic")
    assert code == run.PANIC
    assert "panic: you asked for it" in text
    # A quote in a command reaches the monitor as it is.
    assert "it's: no such command" in status("it's")[1]


# ---- Last words ------------------------------------------------------

@both
def test_panic_names_the_functions_on_the_stack(boot, machine, built):
    text, status = boot(machine).leave("panic")
    assert status == run.PANIC
    names = re.findall(r"^  0x\w+ (\w+)\+0x", text, re.MULTILINE)
    assert names[0] == "stop" and len(names) < 20
    assert {"monitor", "process_begin"} <= set(names)
    # And addr2line, given such an address, names the chapter and the line.
    where = re.search(r"(0x\w+) stop\+", text).group(1)
    line = built.tree.must("llvm-symbolizer", "--obj=%s" %
                           (built(machine) / "kernel.elf"), where)
    assert re.search(r"book/09-monitor\.nw:\d+", line)


@both
def test_a_stack_overflow_is_reported_as_one(boot, machine):
    text, status = boot(machine).leave("overflow")
    assert status == run.PANIC
    found = re.search(r"panic: kernel stack overflow, sp (0x\w+)", text)
    # Each stack has 16 KiB of addresses; the lower half is the guard.
    sp = (int(found.group(1), 16) - STACKS[machine]) % 0x4000
    assert 0x1000 <= sp <= 0x2200
    assert re.search(r"^  0x\w+ overflow\+0x", text, re.MULTILINE)
    assert text.count("overflow+") <= 25


# ---- Faults on purpose -----------------------------------------------

FAULTS = ["cycle", "duplicate", "misaligned", "range", "count", "fill",
          "owner", "address", "permission", "text", "missing", "extra",
          "guard", "table", "lost"]


@both
def test_every_planted_fault_is_found(boot, machine):
    terminal = boot(machine, check=1)
    text = terminal.ask("plant")
    assert re.findall(r"planted (\w+): found, ", text) == FAULTS
    assert "NOT FOUND" not in text
    assert re.search(r"kernel map: \d+ frames, each missing once: "
                     "nothing lost", text)
    assert re.match(r"planted guard: found, .* is a guard, but mapped$",
                    terminal.ask("plant guard"))
    assert terminal.ask("plant weeds") == "plant: there is no fault weeds"
    assert terminal.ask("check") == \
        "free list: in order\npage table: in order"
    assert terminal.leave()[1] == 0


@both
def test_the_stale_translation_is_seen_and_flushed(boot, machine):
    assert "tlb: reads A, entry changed: A, flushed: B" in boot(machine).boot


@both
def test_what_the_entries_can_forbid(boot, machine):
    data = "fails" if machine == "riscv" else "WORKS"
    assert ("protection: writing to text fails, executing data " + data
            in boot(machine).boot)


@both
@pytest.mark.parametrize("cpus", [2, 4, 8])
def test_more_processors_do_no_harm(boot, machine, cpus):
    terminal = boot(machine, cpus=cpus)
    assert terminal.ask("check") == \
        "free list: in order\npage table: in order"
    if machine == "riscv":
        assert "%d harts" % cpus in terminal.boot
