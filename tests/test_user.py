"""The whole kernel with its programs: the tests that run inside, the shell
from a terminal, and what system calls cost."""

import fcntl
import os
import re
import subprocess

import pexpect
import pytest

import mentioned
import weft

run = weft.tool("run")
PROMPT = run.SHELL
LIMIT = 400     # seconds without output; usertests has its own limits

both = pytest.mark.parametrize("machine", weft.MACHINES)
processors = pytest.mark.parametrize(
    "cpus", [1, 2, pytest.param(4, marks=pytest.mark.all)])
RAM = ["--disk", "ram"]
disks = pytest.mark.parametrize("disk", [[], RAM], ids=["disk", "ram"])
some_disks = pytest.mark.parametrize("cpus, disk", [
    pytest.param(1, [], id="disk-1"), pytest.param(2, [], id="disk-2"),
    pytest.param(2, RAM, id="ram-2")])


class Kernels:
    """The kernels, in one folder for all workers; each is built once."""

    def __init__(self, tmp_path_factory):
        # Every worker has a folder of its own below that of the run.
        # Above a run without workers there is what is left of others.
        self.base = tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" in os.environ:
            self.base = self.base.parent
        with self.locked():
            folder = self.base / "shared" / "weft"
            if not folder.exists():
                weft.Tree(folder)
            self.tree = weft.Tree.at(folder)

    def locked(self):
        lock = open(self.base / "kernels.lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def __call__(self, machine, check=0, copy="direct"):
        """The folder of a kernel, built if it is not there yet."""
        folder = self.tree.folder / "build" / (
            machine + ("" if copy == "direct" else "-" + copy) +
            ("-check" if check else ""))
        with self.locked():
            if not (folder / "built").exists():
                self.tree.must("make", "kernel", "MACHINE=" + machine,
                               "CHECK=%d" % check, "COPY=" + copy)
                (folder / "built").touch()
        return folder

    def run(self, commands, machine, cpus=1, check=0, copy="direct",
            options=()):
        """(status, console) of COMMANDS in a kernel."""
        done = subprocess.run(
            [self.tree.folder / "tools/run", "--machine", machine,
             "--cpus", str(cpus), "--build", self(machine, check, copy),
             "--limit", str(LIMIT), "--commands", commands, *options],
            env=weft.ENVIRONMENT, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace")
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    return Kernels(tmp_path_factory)


# ---- Programs that test ----------------------------------------------

def succeeds(kernels, commands, *words, **options):
    status, text = kernels.run(commands, *words, **options)
    assert status == 0, "%d\n%s" % (status, excerpt(text))
    return text


def excerpt(text):
    """The lines of a long text that say what went wrong, and its end."""
    wrong = re.findall(r".*(?:FAILED|panic|no answer).*", text)
    return "\n".join(wrong + ["[...]", text[-2000:]])


@pytest.mark.parametrize("machine, cpus, disk", [
    pytest.param("riscv", 2, []), pytest.param("i386", 1, []),
    pytest.param("riscv", 1, [], marks=pytest.mark.all),
    pytest.param("i386", 2, [], marks=pytest.mark.all),
    pytest.param("riscv", 2, RAM, marks=pytest.mark.all),
    pytest.param("i386", 2, RAM, marks=pytest.mark.all)])
def test_usertests(kernels, machine, cpus, disk, record_property):
    text = succeeds(kernels, "forktest; usertests -q && monitor fsck",
                    machine, cpus, options=disk)
    assert re.search(r"forktest: \d+ processes, OK", text)
    assert "ALL TESTS PASSED" in text, excerpt(text)
    # Stores that cannot be are explained.
    assert "usertests: behind the end of the file\n" in text
    assert "usertests: the disk is full, or fails\n" in text
    mentioned.record_usertests(record_property, machine, text)


@both
def test_every_allocation_fails_once(kernels, machine):
    text = succeeds(kernels, "nomem; monitor check", machine, check=1)
    assert text.count("nothing lost") == 14


@pytest.mark.all
@both
@processors
@disks
def test_all_usertests(kernels, machine, cpus, disk):
    assert "ALL TESTS PASSED" in succeeds(kernels, "usertests", machine,
                                          cpus, options=disk)


@pytest.mark.parametrize("machine, cpus, options", [
    pytest.param(machine, cpus, options, marks=[]
                 if (cpus, options) == (2, "-q") else pytest.mark.all)
    for machine in weft.MACHINES for cpus in [1, 2, 4]
    for options in ["-q", "-q -c"] if cpus == 2 or options == "-q -c"])
def test_usertests_of_a_checked_kernel(kernels, machine, cpus, options):
    text = succeeds(kernels, "usertests %s; monitor check" % options,
                    machine, cpus, check=1)
    assert "free list: in order\npage table: in order" in text


@both
@processors
def test_stress(kernels, machine, cpus):
    text = succeeds(kernels, "stress && monitor check", machine, cpus,
                    check=1)
    assert "free list: in order\npage table: in order" in text


# ---- Accounts of frames ----------------------------------------------

ACCOUNT_FAULTS = """leak early freed claim vanished twice stray rights
    private hidden supervisor image lent file clean large run memory
    resident promise order bounds unknown half tables place list frozen""".split()


@both
@some_disks
def test_faults_in_accounts_are_found(kernels, machine, cpus, disk):
    """Each by its own words, and nothing stays of them."""
    text = succeeds(kernels, "monitor plant; monitor check", machine, cpus,
                    check=1, options=disk)
    found = re.findall(r"^planted (\w+): found, ", text, re.MULTILINE)
    assert set(ACCOUNT_FAULTS) <= set(found)
    assert "NOT FOUND" not in text
    assert "frames: in order" in text


def accounts(text):
    """What `monitor frames` has printed, the last time."""
    lines = re.findall(r"^([a-z ]+?) +(\d+)$", text, re.MULTILINE)
    last = max(i for i, (use, _) in enumerate(lines) if use == "free")
    return {use: int(number) for use, number in lines[last:]}


@both
@some_disks
def test_all_frames_have_a_use(kernels, machine, cpus, disk):
    text = succeeds(kernels, "upper README.md; sort < README.md | wc; "
                    "monitor frames", machine, cpus, options=disk)
    found = accounts(text)
    assert found.pop("all") == sum(found.values())
    total = re.findall(r"frames: \d+ of (\d+) free after phase two", text)
    assert sum(found.values()) == int(total[0])
    assert found["pipes"] == 1          # one is kept
    assert (found["memory disk"] > 0) == (disk == RAM)


@both
@processors
def test_accounts_are_right_while_others_work(kernels, machine, cpus):
    """A check finds a still moment, or says that there was none."""
    checks = "monitor drop; monitor check; " * 8
    text = succeeds(kernels, "stress -n 2000 & " + checks, machine, cpus)
    checked = text.count("\nframes: in order")
    busy = text.count("\nfree list: not checked, processes are busy")
    assert checked > 0 and checked + busy == 8


# ---- How a line ends -------------------------------------------------

STATUS = [
    ("true", 0), ("false", 1), ("true; false", 1), ("false; true", 0),
    ("false || true", 0), ("false && true", 1),
    ("poweroff 7", 7), ("poweroff 126", 126), ("sh -c 'exit 9'", 9),
    ("no-such-program", 127), ("fault null", 255), ("fault text", 255),
    ("monitor frob", 2), ("monitor panic", run.PANIC),
    ("usertests no-such-test", 2), ("", 0),
]


@both
@pytest.mark.parametrize("line, status", STATUS)
def test_status(kernels, machine, line, status):
    # One machine is enough for the shell; for the end both are needed.
    if machine == "i386" and not re.match("true|fault|poweroff|monitor",
                                          line):
        pytest.skip("the same shell")
    assert kernels.run(line, machine)[0] == status


def test_make_run(kernels):
    """The same through make, which reports the status as an error."""
    kernels("riscv")
    with kernels.locked():
        done = kernels.tree.make("run", "CMD=echo \"it's\"; false")
    assert done.returncode != 0 and "Error 1\n" in done.stderr
    assert "\nit's\n" in done.stdout


# ---- Somebody at the terminal ----------------------------------------

class Terminal:
    """A machine that runs, and somebody who waits for what it prints."""

    def __init__(self, folder, machine, cpus):
        options = type("Options", (), dict(
            machine=machine, cpus=str(cpus), mem="128M", build=str(folder),
            commands=None, gdb=False, icount=False))
        line = run.command_line(options)
        self.qemu = pexpect.spawn(line[0], line[1:], timeout=LIMIT,
                                  encoding="utf-8", echo=False)
        self.until(PROMPT)

    def until(self, text):
        """What is printed up to TEXT, which it waits for."""
        self.qemu.expect_exact(text)
        return self.qemu.before.replace("\r", "")

    def keys(self, keys):
        self.qemu.send(keys)

    def ask(self, keys):
        """What is printed after these keys and Return, up to the prompt."""
        self.keys(keys + "\r")
        self.until("\n")        # behind the echo
        return self.until(PROMPT)

    def start(self, line, name, count=1):
        """Runs LINE, until the list of processes has NAME COUNT times.
        Who waits for keys is woken by the one that asks for the list."""
        self.keys(line + "\r")
        for _ in range(1000):
            listed = self.processes()
            if len(re.findall(r" %s\n" % name, listed)) == count:
                return
        raise AssertionError(listed)

    def processes(self):
        """What control-P prints; init, the first process, is the last."""
        self.keys("\x10")
        return self.until("  init\r")

    def is_alive(self):
        """Does the shell answer?  Prompts may have piled up before."""
        self.keys("echo al''ive\r")
        self.until("alive")
        self.until(PROMPT)


@pytest.fixture
def terminal(kernels, request):
    machine, cpus = request.param
    terminal = Terminal(kernels(machine), machine, cpus)
    yield terminal
    weft.end(terminal.qemu)


terminals = pytest.mark.parametrize(
    "terminal", [("riscv", 1), ("riscv", 2), ("i386", 1), ("i386", 2)],
    indirect=True, ids=lambda pair: "%s-%d" % pair)


@terminals
def test_line_editing(terminal):
    for keys in ["echo nexy\b\bw", "echo nexy\x7f\x7fw",
                 "rubbish\x15echo new", "\b\b\x15\x7fecho new"]:
        terminal.keys(keys + "\r")
        assert terminal.until(PROMPT).endswith("\nnew\n"), keys


@terminals
def test_control_c_while_typing(terminal):
    terminal.keys("echo never-run\x03")
    terminal.until(PROMPT)
    assert terminal.ask("echo $?") != ""
    terminal.is_alive()


@terminals
def test_control_c_ends_a_program(terminal):
    """One that sleeps, one that reads, and one that never rests."""
    terminal.start("sleep 1000000", "sleep")
    terminal.keys("\x03")
    terminal.until("killed")
    terminal.is_alive()
    terminal.start("cat", "cat")
    terminal.keys("\x03")
    terminal.until("killed")
    terminal.is_alive()
    terminal.keys("echo be''gin; bench -r 10000000 getpid; echo af''ter\r")
    terminal.until("begin")
    terminal.keys("\x03")
    terminal.until("killed")
    terminal.is_alive()
    assert " sleep\n" not in terminal.ask("ps")


@terminals
def test_control_d(terminal):
    """It ends what reads; a shell too, and then there is another."""
    terminal.start("cat", "cat")
    terminal.keys("line\r\x04")
    assert terminal.until(PROMPT).count("line\n") == 2
    terminal.is_alive()
    terminal.keys("\x04")
    terminal.until("another")
    terminal.until(PROMPT)
    terminal.is_alive()


@terminals
def test_processes_are_listed_while_something_runs(terminal):
    terminal.start("sleep 1000000", "sleep")
    names = re.findall(r"^ +\d+ +\d+ +\w+ +(\w+)$", terminal.processes(),
                       re.MULTILINE)
    assert names == ["sleep", "sh", "flusher"]  # and init
    terminal.keys("\x03")
    terminal.until("killed")
    terminal.is_alive()


@terminals
def test_background_jobs(terminal):
    """The shell waits for none of them, and control-C spares them."""
    assert terminal.ask("sleep 1000000 &") == ""
    terminal.start("sleep 2000000", "sleep", 2)
    terminal.keys("\x03")
    terminal.until("killed")
    terminal.is_alive()
    [pid] = re.findall(r"^ +(\d+) .* sleep$", terminal.ask("ps"),
                       re.MULTILINE)
    assert terminal.ask("kill " + pid) == ""
    assert terminal.ask("wait; echo all ended").endswith("all ended\n")
    assert " sleep\n" not in terminal.ask("ps")
    assert terminal.ask("(sleep 1; echo second) & echo first; wait") == \
        "first\nsecond\n"


# ---- Deadlocks are reported ------------------------------------------

TWICE = """\
<<functions for start-up>>=
static struct spinlock cheese = SPINLOCK("cheese");
static struct spinlock bread = SPINLOCK("bread");

static void take_both(struct spinlock *one, struct spinlock *other)
{
	acquire(one);
	acquire(other);
	release(other);
	release(one);
}
@

<<steps on a guarded stack>>=
%s
@
"""

DEADLOCKS = [
    (0, "take_both(&cheese, &cheese);",
     "waiting for lock cheese, which is not released"),
    (1, "take_both(&cheese, &cheese);",
     "lock order: cheese while holding cheese"),
    # There is no deadlock yet, but one day there will be.
    (1, "take_both(&cheese, &bread);\ntake_both(&bread, &cheese);",
     "lock order: cheese while holding bread"),
]


@pytest.mark.parametrize("machine", weft.one_of_the("i386"))
@pytest.mark.parametrize("check, steps, message", DEADLOCKS)
def test_a_deadlock_is_reported(tmp_path, machine, check, steps, message):
    tree = weft.Tree(tmp_path / "weft", last=11)
    tree.append(11, TWICE % steps)
    done = tree.make("run", "MACHINE=" + machine, "CHECK=%d" % check, "CMD=")
    assert "panic: " + message in done.stdout, done.stdout + done.stderr
    assert "Error %d\n" % run.PANIC in done.stderr


# ---- Programs of others ----------------------------------------------

FOR_XV6 = """\
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"

int
main(int argc, char *argv[])
{
  int i, status = 0;

  if(fork() == 0){
    for(i = 1; i < argc; i++)
      printf("%d: %s\\n", i, argv[i]);
    exit(5);
  }
  wait(&status);
  exit(status + argc);
}
"""

FOR_XV6_OF_2025 = """\
#include "kernel/param.h"
#include "kernel/types.h"
#include "user/user.h"

int
main(void)
{
  char *end = sbrklazy(USERSTACK * 4096);

  if(end == SBRK_ERROR || sbrk(0) != end + USERSTACK * 4096)
    exit(1);
  if(sbrklazy(2000000000) != SBRK_ERROR)
    exit(2);
  int before = uptime();
  pause(2);
  exit(uptime() - before < 2 ? 3 : 0);
}
"""

FOR_XV6_PUBLIC = """\
#include "types.h"
#include "stat.h"
#include "user.h"

int
main(int argc, char *argv[])
{
  if(fork() == 0){
    printf(1, "%s has %d arguments\\n", argv[0], argc);
    exit();
  }
  wait();
  exit();
}
"""


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    tree = weft.Tree(tmp_path_factory.mktemp("given") / "weft")
    (tree.folder / "mine").mkdir()
    for name, text in [("modern.c", FOR_XV6), ("newest.c", FOR_XV6_OF_2025),
                       ("old.c", FOR_XV6_PUBLIC),
                       ("poem", "no program\nat all\n")]:
        (tree.folder / "mine" / name).write_text(text)
    return tree


@both
def test_programs_of_others(given, machine):
    def result(programs, commands):
        done = given.make("run", "MACHINE=" + machine, "CMD=" + commands,
                          *programs)
        found = re.search(r"Error (\d+)$", done.stderr, re.MULTILINE)
        return int(found.group(1)) if found else 0, done.stdout + done.stderr

    both_files = "PROGRAMS=mine/modern.c mine/poem"
    status, text = result([both_files], "cat poem; modern one two")
    assert status == 8, text
    assert "no program\nat all\n1: one\n2: two\n" in text
    status, text = result([both_files], "poem")
    assert status in (126, 127), text
    status, text = result(["PROGRAMS=mine/newest.c"], "newest")
    assert status == 0, text
    status, text = result(["PROGRAMS=mine/old.c", "PUBLIC=1"], "old 1 2")
    assert status == 0 and "old has 3 arguments\n" in text, text
    # What is not asked for any more is not there any more.
    assert result([], "modern")[0] == 127


# ---- What it costs ---------------------------------------------------

# Instructions for each operation, at most: on riscv, on i386.
COSTS = {
    "getpid": (120, 120), "fork_small": (8000, 8000),
    "fork_exec": (20000, 20000), "fork_16m": (100000, 100000),
    "sbrk_grow": (2000, 2000), "sbrk_16m": (150000, 150000),
    "pipe_close": (950, 1050), "pipe_pingpong": (3300, 3400),
    "pipe_4096": (1730000, 3000000),
    "create_unlink": (15000, 15000), "mkdir_unlink": (11300, 10200),
    "open_missing": (980, 1120), "open_close": (1700, 1780),
    "open_deep": (3400, 3600), "open_read": (4600, 7200),
    "fstat": (540, 440), "read_byte": (720, 780), "write_byte": (1250, 1230),
    "read_64k": (46000, 87000), "write_64k": (73000, 111000),
}


@both
def test_costs(kernels, machine):
    text = succeeds(kernels, "bench " + " ".join(COSTS), machine,
                    options=["--icount", "--disk", "ram"])
    measured = {name: int(count) for name, count in
                re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}
    assert measured.keys() == COSTS.keys()
    limits = {name: pair[weft.MACHINES.index(machine)]
              for name, pair in COSTS.items()}
    assert {name: count for name, count in measured.items()
            if count > limits[name]} == {}, measured


@both
def test_a_short_life_leaves_the_disk_alone(kernels, machine):
    """Files that are made, written and removed before a sync cost no
    request; the sync does."""
    text = succeeds(kernels, "bench -r 1 create_unlink; df; " + 3 *
                    "sync; df; bench -r 1 create_unlink; df; ", machine)
    requests = [tuple(map(int, found)) for found in re.findall(
        r"; (\d+) reads, (\d+) writes, (\d+) flushes", text)]
    assert len(requests) == 7
    # The kernel's own commit, every five seconds, may come between once.
    before, after = requests[1::2], requests[2::2]
    assert sum(a == b for a, b in zip(before, after)) >= 2, requests
    for unsynced, synced in zip(requests[::2], before):
        assert synced[1] > unsynced[1] and synced[2] > unsynced[2]
