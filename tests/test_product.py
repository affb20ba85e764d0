"""What `make check-all` adds: every combination of machine, compiler, checked
build, disk, number of processors and size of memory; all usertests; and the transcripts of all
chapters with the second compiler."""

import re

import pytest

import weft
from test_user import excerpt

pytestmark = pytest.mark.all

COMMANDS = "usertests -q forkfork sbrkbasic; " \
           "monitor 'mem; check; vmprint; walk 4096'"


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    return weft.Tree(tmp_path_factory.mktemp("product") / "weft")


@pytest.mark.parametrize("machine", weft.MACHINES)
@pytest.mark.parametrize("toolchain", ["clang", "gcc"])
@pytest.mark.parametrize("check", [0, 1])
@pytest.mark.parametrize("mem", ["32M", "128M", "1G"])
@pytest.mark.parametrize("disk", ["", "ram"])
def test_boots(whole, machine, toolchain, check, mem, disk):
    for cpus in [1, 2, 4, 8]:
        done = whole.make(
            "run", "MACHINE=" + machine, "TOOLCHAIN=" + toolchain,
            "CHECK=%d" % check, "CPUS=%d" % cpus, "MEM=" + mem,
            "DISK=" + disk, "CMD=" + COMMANDS)
        # The last command fails, as it should: page 1 is not mapped.
        assert re.search(r"Error 1$", done.stderr), done.stdout + done.stderr
        assert "free list: in order\npage table: in order" in done.stdout
        if check:
            done = whole.make(
                "run", "MACHINE=" + machine, "TOOLCHAIN=" + toolchain,
                "CHECK=1", "CPUS=%d" % cpus, "MEM=" + mem, "DISK=" + disk,
                "CMD=monitor plant")
            assert done.returncode == 0, done.stdout
            assert "NOT FOUND" not in done.stdout


@pytest.mark.parametrize("machine", weft.MACHINES)
@pytest.mark.parametrize("toolchain, cpus", [("gcc", 1), ("gcc", 4),
                                             ("clang", 8)])
def test_full_usertests(whole, machine, toolchain, cpus):
    """The longest run, where test_user.py does not have it."""
    done = whole.make(
        "run", "MACHINE=" + machine, "TOOLCHAIN=" + toolchain,
        "CPUS=%d" % cpus, "CMD=usertests", limit=1800)
    assert done.returncode == 0, excerpt(done.stdout) + done.stderr
    assert "ALL TESTS PASSED" in done.stdout


@pytest.mark.parametrize("chapter", weft.chapters_with_code())
def test_transcripts_with_gcc(whole, chapter):
    whole.must("tools/transcripts", "--toolchain", "gcc", "%02d" % chapter)
