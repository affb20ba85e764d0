"""The three ways into a program's memory, COPY=walk, mirror and direct: each
does what the others do, and what a slip of the kernel can do is as the book
says."""

import re

import pytest

import weft
from test_user import both, excerpt, kernels, succeeds  # noqa: F401

ways = pytest.mark.parametrize("copy", ["direct", "mirror", "walk"])
others = pytest.mark.parametrize("copy", ["mirror", "walk"])
IN_ORDER = "free list: in order\npage table: in order\nframes: in order"


# ---- Every way works -------------------------------------------------

@both
def test_walk(kernels, machine):
    text = succeeds(kernels, "usertests -q copies arguments cow cowread; "
                    "monitor copies", machine, 2, copy="walk")
    assert "ALL TESTS PASSED" in text, excerpt(text)
    assert re.search(r"^walk: \d+ in, \d+ out, \d+ strings;", text, re.M)
    assert re.search(r"^[1-9]\d+ pages looked up, 0 mirrored, 0 entries", text,
                     re.M)


@both
def test_mirror(kernels, machine):
    """Checked after each test, and compared with the programs' tables."""
    text = succeeds(kernels, "usertests -q -c copies arguments cow cowread "
                    "mapwide; monitor copies; monitor check", machine, 2,
                    check=1, copy="mirror")
    assert "ALL TESTS PASSED" in text, excerpt(text)
    assert re.search(r"^0 pages looked up, [1-9]\d+ mirrored, [1-9]\d+ "
                     "entries", text, re.M)
    assert IN_ORDER + "\nmirrors: in order" in text


@both
def test_mirror_without_memory(kernels, machine):
    text = succeeds(kernels, "nomem; monitor plant; monitor check", machine,
                    check=1, copy="mirror")
    assert text.count("nothing lost") == 15
    for fault in "unmirrored", "leftover", "swapped", "user", "frozen":
        assert re.search("planted %s: found" % fault, text)
    assert IN_ORDER + "\nmirrors: in order" in text


COUNTED = re.compile(
    r"^(\w+): (\d+) in, (\d+) out, (\d+) strings; (\d+) faults\n"
    r"(\d+) pages looked up, (\d+) mirrored, (\d+) entries", re.M)


@both
@ways
def test_copies_are_counted(kernels, machine, copy):
    """The notebooks' ncopyin: a test copies, and it went this way."""
    check = int(copy == "mirror")       # one that is there already
    text = succeeds(kernels, "monitor copies; usertests copyinnew; "
                    "monitor copies", machine, check=check, copy=copy)
    before, after = COUNTED.findall(text)
    assert before[0] == after[0] == copy
    copied_in, _, strings, _, looked_up, mirrored, entries = [
        int(b) - int(a) for a, b in zip(before[1:], after[1:])]
    assert copied_in > 86 and strings > 30      # those of the test
    assert (looked_up > 86) == (copy == "walk")
    assert (mirrored > 0) == (entries > 0) == (copy == "mirror")


@both
def test_heap_where_devices_are(kernels, machine):
    """The notebook stops at 0xC000000, and this heap goes on."""
    text = succeeds(kernels, "usertests -c growpast kerneldevices", machine,
                    check=1, copy="mirror", options=["--mem", "256M"])
    free = int(re.search(r"(\d+) of \d+ free after phase two", text)[1])
    assert free * 4096 > 0xc000000      # or growpast has done nothing
    assert text.count("mirrors: in order") == 2


# ---- What a slip of the kernel can do --------------------------------

NOTHING = ("fails", "fails", "fails")
REACH = {
    # constant, variable: read, write, execute
    ("riscv", "direct"): (NOTHING, NOTHING),
    ("riscv", "walk"): (NOTHING, NOTHING),
    ("riscv", "mirror"): (("WORKS", "fails", "fails"),
                          ("WORKS", "WORKS", "fails")),
    ("i386", "direct"): (NOTHING, NOTHING),
    ("i386", "walk"): (NOTHING, NOTHING),
    ("i386", "mirror"): (("WORKS", "fails", "WORKS"),
                         ("WORKS", "WORKS", "WORKS")),
}


def reached(text):
    found = re.findall(r"^(\w+): read (\w+), write (\w+), execute (\w+)$",
                       text, re.M)
    assert [line[0] for line in found] == ["constant", "variable", "nothing"]
    assert found[2][1:] == NOTHING
    return tuple(line[1:] for line in found[:2])


@both
@ways
def test_reach(kernels, machine, copy):
    check = int(copy == "mirror")       # one that is there already
    text = succeeds(kernels, "reach", machine, check=check, copy=copy)
    assert reached(text) == REACH[machine, copy]


@ways
def test_reach_without_smap(kernels, copy):
    """Without SMAP and SMEP the bit U keeps the kernel from nothing."""
    text = succeeds(kernels, "reach; usertests copyin copyout cowread",
                    "i386", check=int(copy == "mirror"), copy=copy,
                    options=["--old"])
    assert reached(text) == REACH["i386", "mirror"]


@both
def test_peek_at_a_program(kernels, machine):
    """A read that fails is not repaired as a copy would be."""
    status, text = kernels.run("monitor 'peek 0x700000'", machine)
    assert status == 1 and "cannot be read" in text


# ---- What make does --------------------------------------------------

def test_unknown_way(small):
    done = small.make("kernel", "COPY=carry")
    assert 'COPY is "carry"' in weft.one_clear_line(done)


def test_ways_begin_with_their_chapter(small):
    done = small.make("kernel", "COPY=walk")
    assert "COPY=walk begins with" in weft.one_clear_line(done)


@both
@ways
def test_one_way_is_linked(kernels, machine, copy):
    folder = kernels(machine, int(copy == "mirror"), copy)
    map = (folder / "kernel.map").read_text()
    files = {"direct": {"copy_user"}, "mirror": {"copy_mirror"},
             "walk": {"copy_walk"}}
    linked = set(re.findall(r"/(copy_\w+)\.[cS]\.o:", map))
    assert linked == files[copy]
    assert ("/mirror.c.o:" in map) == (copy == "mirror")


# ---- All of it -------------------------------------------------------

@pytest.mark.all
@both
@others
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_all_usertests_each_way(kernels, machine, copy, cpus):
    text = succeeds(kernels, "usertests; monitor check; free", machine, cpus,
                    copy=copy)
    assert "ALL TESTS PASSED" in text, excerpt(text)
    assert IN_ORDER in text


@pytest.mark.all
@both
@others
@pytest.mark.parametrize("cpus", [1, 4])
def test_stress_each_way(kernels, machine, copy, cpus):
    text = succeeds(kernels, "stress && monitor check", machine, cpus,
                    check=1, copy=copy)
    assert IN_ORDER in text


@pytest.mark.all
def test_the_costs_in_the_book(tree):
    """What `make ways` prints is what the chapter has, within a tenth."""
    done = tree.run("tools/ways", "--check", limit=1800)
    assert done.returncode == 0, done.stdout + done.stderr
