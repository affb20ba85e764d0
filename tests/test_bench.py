"""make bench and make profile: what the operations of the kernel cost."""

import re

import pytest

import weft

both = pytest.mark.parametrize("machine", weft.MACHINES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return weft.Tree(tmp_path_factory.mktemp("bench") / "weft")


def rows_of_bench():
    text = (weft.ROOT / "user/bench.c").read_text()
    return re.findall(r'^\t\{ "(\w+)", \d+, \w+,', text, re.MULTILINE)


def numbers(text):
    """{row: instructions}"""
    return {row: int(count) for row, count in
            re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}


def test_every_row_of_the_peers_is_measured():
    peers = [line.split() for line in
             (weft.ROOT / "book/peers.txt").read_text().splitlines()
             if not line.startswith("#")]
    assert {row for row, *_ in peers} <= set(rows_of_bench())
    assert len(peers) == 28
    assert all(len(values) == 5 for _, *values in peers)


def test_a_run_is_repeatable(whole):
    """Three runs agree within a thousandth."""
    rows = "getpid fstat pipe_pingpong create_unlink fork_small sbrk_1m"
    runs = [numbers(whole.must(
        "make", "-s", "run", "ICOUNT=1", "DISK=ram", "CMD=bench " + rows))
            for _ in range(3)]
    for row in rows.split():
        counts = [run[row] for run in runs]
        assert max(counts) - min(counts) <= max(1, min(counts) / 1000), row


@pytest.mark.parametrize("words, said", [
    ("-x 1 getpid", "usage"), ("-r 0 getpid", "usage"),
    ("-c 0 getpid", "usage"), ("nothing", "usage"),
    ("-c 7 -r 2 getpid", r"^getpid +\d+$"), ("-l", "^getpid: getpid$")])
def test_what_bench_is_told(whole, words, said):
    done = whole.make("-s", "run", "CMD=bench " + words)
    assert re.search(said, done.stdout, re.MULTILINE), done.stdout
    assert (done.returncode == 0) == (said != "usage")


def test_the_table(whole):
    text = whole.must("make", "-s", "bench", "ROW=getpid read_byte")
    found = re.search(r"^getpid +(\d+) +45 +(\d\.\d\d) +1130 +(\d+) +30 +"
                      r"(\d\.\d\d) +1397$", text, re.MULTILINE)
    assert found, text
    riscv, times, i386, more = map(float, found.groups())
    assert times == round(riscv / 45, 2) and more == round(i386 / 30, 2)
    # A byte that is in memory is no request.
    assert re.search(r"^read_byte .* 0 0$", text, re.MULTILINE), text
    assert re.search(r"^geometric mean +\d\.\d\d ", text, re.MULTILINE)


def test_a_row_that_is_not_there(whole):
    for tool in ["bench", "profile"]:
        done = whole.make("-s", tool, "ROW=nothing")
        said = weft.complaints(done)
        assert done.returncode != 0 and "Traceback" not in done.stderr
        assert "nothing" in said[0] and "getpid" in said[1]


@both
@pytest.mark.parametrize("row", ["getpid", "fork_small"])
def test_a_profile_explains_every_instruction(whole, machine, row):
    text = whole.must("make", "-s", "profile", "MACHINE=" + machine,
                      "ROW=" + row)
    [total] = re.findall(r"^%s on %s: ([\d.]+) instr" % (row, machine), text,
                         re.MULTILINE)
    for title in ["By function", "By chunk of the book"]:
        part = text.split(title + "\n")[1].split("\n\n")[0]
        counts = [float(line.split()[0]) for line in part.splitlines()]
        assert abs(sum(counts) - float(total)) < 2, part
    assert re.search(r"^ .* system_call +book/\d\d-", text, re.MULTILINE)
    [silence] = re.findall(r"without interrupts: (\d+) instructions", text)
    assert 0 < int(silence) < 5000
    for path, line, name in re.findall(r"(book/\S+\.nw):(\d+): <<(.*)>>",
                                       text):
        chapter = (weft.ROOT / path).read_text().split("\n")
        assert chapter[int(line) - 1] == "<<%s>>=" % name
