"""The shell and the programs, typed on the console.

A file of sessions/ is what a person would type and see: a line `$ COMMAND`,
what it prints, and `=> STATUS` if the status is not 0.  What stands there is
what Linux's programs of these names print and return, except for the wording
of complaints, and for what they have and we do not.
"""

import re

import pexpect
import pytest

import weft
from test_user import PROMPT, Terminal, kernels        # noqa: F401

SESSIONS = weft.ROOT / "tests" / "sessions"


class Machine(Terminal):
    """A machine that runs, for all tests of this file."""

    def __init__(self, kernels, machine):
        self.lost = False
        super().__init__(kernels(machine), machine, 1)

    def until(self, text):
        try:
            return super().until(text)
        except (pexpect.TIMEOUT, pexpect.EOF):
            self.lost = True    # nobody knows what it is doing
            raise

    def result(self, line):
        """(status, what is printed)"""
        printed = self.ask(line)
        return int(self.ask("echo $?")), printed


@pytest.fixture(scope="module", params=weft.MACHINES)
def running(request, kernels):                          # noqa: F811
    """Boots a machine, or gives the one that runs."""
    machine = None

    def give():
        nonlocal machine
        if machine and machine.lost:
            weft.end(machine.qemu)
        if not machine or machine.lost:
            machine = Machine(kernels, request.param)
        return machine

    yield give
    if machine:
        weft.end(machine.qemu)


@pytest.fixture
def machine(running):
    return running()


@pytest.fixture
def place(machine):
    """The machine, in a directory where nothing is yet."""
    assert machine.ask("cd /; rm -rf /t; mkdir /t; cd /t") == ""
    return machine


def exchanges(name):
    """[(command, status, output)] of a file of sessions/."""
    text = (SESSIONS / (name + ".txt")).read_text()
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        output, status = re.fullmatch(r"(.*?)(?:=> (\d+)\n)?", output,
                                      re.DOTALL).groups()
        yield command, int(status or 0), output


def follow(machine, name):
    """Types all of a session; what is different is all in the report."""
    wrong = []
    for command, status, output in exchanges(name):
        result = machine.result(command)
        if result != (status, output):
            wrong.append((command, (status, output), result))
    assert not wrong, "\n".join(
        "$ %s\n  wanted %s\n  got    %s" % one for one in wrong)


# Those that need no files that can be made.
@pytest.mark.parametrize("name", ["shell", "tools"])
def test_session(machine, name):
    machine.ask("cd /")
    follow(machine, name)


@pytest.mark.parametrize("name", ["redirect", "text", "tree"])
def test_session_with_files(place, name):
    follow(place, name)


# ---- What a line of the console has no room for ----------------------

def write(machine, path, text):
    """Writes TEXT, without quotes, to a file, a piece at a time."""
    assert machine.ask("> " + path) == ""
    for at in range(0, len(text), 150):
        assert machine.ask("echo -n '%s' >> %s" %
                           (text[at:at + 150], path)) == ""


def test_long_names(place):
    """255 bytes are a name, 256 are not, and 511 bytes are a path."""
    name, longer = "n" * 255, "m" * 256
    write(place, "script", "echo text > %s; cat %s; echo no > %s" %
          (name, name, longer))
    assert place.result("sh script") == (
        1, "text\nsh: %s: the name is too long\n" % longer)
    assert place.result("ls | wc") == (0, "      2       2     263\n")
    write(place, "script", "mkdir d && mv %s d/; rm script; ls d" % name)
    assert place.result("sh script") == (0, name + "\n")
    assert place.result("cp -r d e; cat e/*; ls e | wc -c")[1] \
        .endswith("256\n")
    assert place.result("rm -r d e; ls") == (0, "")


def test_more_than_a_buffer(place):
    """Files and lines that are larger than what any program holds."""
    assert place.result("seq 300000 > big; wc big") == (
        0, " 300000  300000 1988895 big\n")
    for line, output in [
            ("tail -n 2 big", "299999\n300000\n"),
            ("tail -c 7 < big", "300000\n"),
            ("tail -n 200000 big | head -n 1", "100001\n"),
            ("cat big | tail -n 200000 | head -n 1", "100001\n"),
            ("grep -c 7 big", "122853\n"),
            ("cp big big2; wc -c < big2", "1988895\n"),
            ("cat big big2 big | wc -l", "900000\n"),
            ("sort -rn big | head -n 1", "300000\n")]:
        assert place.result(line) == (0, output)
    # One line of a megabyte.
    assert place.result("echo -n " + 99 * "x" + " > line") == (0, "")
    for _ in range(13):
        assert place.ask("cat line line > more; mv more line") == ""
    assert place.result("grep -c xxxxx line; sort line | wc -c") == (
        0, "1\n%d\n" % (99 * 2 ** 13 + 1))


def test_programs_that_try_the_kernel(place):
    assert place.result("stressfs -n 3; ls") == (
        0, "stressfs: 4 processes, 3 rounds: OK\n")
    for seed in 1, 2:
        assert place.result("grind -n 150 %d; ls" % seed) == (
            0, "grind: 150 rounds, seed %d: OK\n" % seed)


def test_df_and_sync(place):
    def free():
        return int(re.search(r"^free +(\d+)", place.ask("df"),
                             re.MULTILINE).group(1))

    assert place.result("sync; sync .") == (0, "")
    before = free()
    assert place.result("seq 100000 > big; sync big") == (0, "")
    assert before - free() >= 588895 // 4096
    assert place.result("rm big; sync") == (0, "")
    assert free() >= before - 4
    assert place.result("sync nothing") == (
        1, "sync: nothing: no such file or directory\n")


def test_what_is_written_is_counted(place):
    """wc, ls and test agree about sizes."""
    assert place.result("seq 1000 > a; ls -l a") == (0, "- 1 3893 a\n")
    assert place.result("ln a b; ls -l; rm a; ls -l") == (
        0, "- 2 3893 a\n- 2 3893 b\n- 1 3893 b\n")
    printed = place.ask("ln b c; mkdir d; ls -i; ls -ia")
    inodes = re.findall(r"^ *(\d+) (\S+)$", printed, re.MULTILINE)
    assert [name for _, name in inodes] == \
        ["b", "c", "d", ".", "..", "b", "c", "d"]
    numbers = dict((name, number) for number, name in inodes)
    assert numbers["b"] == numbers["c"] != numbers["d"]


# ---- Keys ------------------------------------------------------------

UP, DOWN, LEFT = "\x1b[A", "\x1b[B", "\x1b[D"


def type_and_see(machine, keys):
    """What the keys and Return print, but for the line itself."""
    machine.keys(keys + "\r")
    return machine.until(PROMPT).rpartition("\n")[0].split("\n")[-1]


def test_history(machine):
    for keys, seen in [
            (UP, "three"), (UP + UP, "two"), (UP + UP + UP, "one"),
            (UP + UP + DOWN, "three"),
            (UP + UP + UP + DOWN + " more", "two more"),
            (DOWN + "echo new", "new"),
            ("echo kept" + UP + DOWN, "kept"),
            ("echo " + UP + UP + DOWN + DOWN + "back", "back"),
            (UP + "\x15echo rubbed", "rubbed"),
            (UP + "\x7f\x7f!", "thr!"),
            ("echo lef" + LEFT + "\x1b[3~\x1b[1;5Ct", "left"),
            ("echo escape\x1bd", "escaped")]:
        for word in ["one", "two", "three", "three"]:
            assert type_and_see(machine, "echo " + word) == word
        assert type_and_see(machine, keys) == seen, repr(keys)


def test_history_has_sixteen_lines(machine):
    for number in range(20):
        assert type_and_see(machine, "echo n%d" % number) == "n%d" % number
    assert type_and_see(machine, 30 * UP) == "n4"


def test_history_gives_up_on_control_c(machine):
    assert type_and_see(machine, "echo before") == "before"
    machine.keys("echo never" + UP + "\x03")
    machine.until(PROMPT)
    assert type_and_see(machine, UP) == "before"
    machine.keys("\x1b\x03")
    machine.until(PROMPT)
    machine.is_alive()


def test_history_is_that_of_the_console(machine):
    """Who reads lines has it, whatever program it is."""
    machine.start("cat", "cat")
    for keys, seen in [("some words", "some words"), (UP + "!", "words!")]:
        machine.keys(keys + "\r")
        machine.until(seen)             # what is typed
        machine.until(seen)             # what cat writes
    machine.keys("\x04")
    machine.until(PROMPT)


def test_control_c_ends_a_pipeline(machine):
    """All of it, and nothing else."""
    machine.start("sleep 1000001 | sleep 1000002 | cat", "sleep", 2)
    machine.keys("\x03")
    machine.until("killed")
    machine.is_alive()
    listed = machine.ask("ps")
    assert " sleep\n" not in listed and " cat\n" not in listed
    machine.keys("(echo be''gin; cat; sleep 1000003) | cat\r")
    machine.until("begin")
    machine.keys("\x03")
    machine.until("killed")
    machine.is_alive()


def test_the_background_reads_nothing(machine):
    """What is typed is for the foreground."""
    assert machine.ask("(cat; sleep 1000004) &") == ""
    assert type_and_see(machine, "echo mine") == "mine"
    [pid] = re.findall(r"^ +(\d+) .* sleep$", machine.ask("ps"),
                       re.MULTILINE)
    assert machine.ask("kill %s; wait" % pid) == ""


def test_the_console_is_a_file(machine):
    """init has made the device, or the kernel has one of its own."""
    assert machine.result("echo shown > /console") == (0, "shown\n")
    assert machine.result("test -e /console") == (0, "")
    assert machine.result("test -f /console || test -d /console") == \
        (1, "")
