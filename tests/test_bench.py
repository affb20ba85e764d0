"""make bench and make profile: what the operations of the kernel cost."""

import importlib.util
import re
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

import weft

both = pytest.mark.parametrize("machine", weft.MACHINES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return weft.Tree(tmp_path_factory.mktemp("bench") / "weft")


@pytest.fixture
def costs():
    spec = importlib.util.spec_from_file_location(
        "costs", weft.ROOT / "tools/costs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


@pytest.mark.all
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
    ("open_among", "usage"), ("open_among:0", "usage"), ("getpid:3", "usage"),
    ("-p 2", "^$"), ("-l", "^getpid: getpid$"),
    ("-c 7 -r 2 getpid", r"^getpid +\d+$"),
    ("-r 1 fork_heap:2 open_among:9 pingpong_among:3",
     r"^fork_heap:2 +\d+\nopen_among:9 +\d+\npingpong_among:3 +\d+$"),
    ("-p 3 -c 20 create_own read_own fork_small",
     r"^create_own +\d+\nread_own +\d+\nfork_small +\d+$")])
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
    assert re.search(r"^mean +\d\.\d\d ", text, re.MULTILINE)


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
    assert re.search(r"^ .* (system_call|from_call) +book/\d\d-" if row == "getpid"
                     else r"^ .* \w+ +book/18-", text, re.MULTILINE)
    [silence] = re.findall(r"without interrupts: (\d+) instructions", text)
    assert 0 < int(silence) < 5000
    for path, line, name in re.findall(r"(book/\S+\.nw):(\d+): <<(.*)>>",
                                       text):
        chapter = (weft.ROOT / path).read_text().split("\n")
        assert chapter[int(line) - 1] == "<<%s>>=" % name


def test_the_parts_of_a_gap_are_its_row_as_recorded(costs):
    record = costs.read()
    for machine in weft.MACHINES:
        for row in costs.GAPS:
            parts = {part: record["gap:%s:%s" % (row, part), machine]
                     for part, _ in costs.PARTS}
            cost = record["row:" + row, machine]
            assert abs(sum(parts.values()) - cost) < 0.02 * cost, (row, parts)
            assert parts["trap"] > 0 < parts["own"]
            assert (parts["switch"] > 0) == (row == "pipe_pingpong")


@pytest.mark.all
def test_the_gaps_are_as_recorded(whole, costs):
    text = whole.must("make", "-s", "bench", "GAPS=1")
    for machine, part in zip(weft.MACHINES, text.split("*i386*")):
        [cells] = re.findall(r"^together +(.*)$", part, re.MULTILINE)
        for row, cell in zip(costs.GAPS, cells.split()):
            cost = costs.read()["row:" + row, machine]
            assert abs(int(cell) - cost) < 0.05 * cost, (row, text)


# ---- Locks --------------------------------------------------------------

def test_no_shared_lock_is_the_limit_as_recorded(costs):
    """64 processors that all do one thing do not wait for one lock."""
    record = costs.read()
    for machine in weft.MACHINES:
        for row in costs.names(record, "held", machine):
            held, lock = record["held:" + row, machine].split(" ", 1)
            cost = record["cost:" + row, machine]
            assert cost >= 64 * float(held), (row, machine, lock)
            assert record["silence:" + row, machine] < 5000


# These were the worst.
@pytest.mark.parametrize("row", ["fork_small"] + [
    pytest.param(row, marks=pytest.mark.all) for row in
    ("sbrk_1m", "sbrk_16m", "write_64k", "create_unlink", "mkdir_unlink")])
def test_no_shared_lock_is_the_limit(whole, row):
    text = whole.must("make", "-s", "bench", "LOCKS=1", "ROW=" + row)
    [cells] = [line.split() for line in text.split("row  ")[-1].splitlines()
               if line.startswith(row)]
    assert len(cells) == 11
    for shared in (cells[2], cells[7]):
        assert shared == "-" or int(shared) >= 64, text


# ---- How costs grow ----------------------------------------------------

GOAL = {"riscv": 5000000, "i386": 10000000}     # from power-on to the prompt


@pytest.mark.parametrize("machine", [
    "riscv", pytest.param("i386", marks=pytest.mark.all)])
def test_the_start_is_short(whole, machine):
    text = whole.must("make", "-s", "profile", "MACHINE=" + machine,
                      "ROW=boot")
    [total] = re.findall(r"^boot on %s: ([\d.]+) instr" % machine, text,
                         re.MULTILINE)
    assert GOAL[machine] / 20 < float(total) < GOAL[machine]


@pytest.mark.all
@both
def test_what_does_not_grow(whole, machine):
    """Nothing is searched that becomes longer."""
    words = ["open_among:%d" % n for n in (10, 1000)] + [
        "pingpong_among:%d" % n for n in (1, 500)] + [
        "fork_heap:%d" % n for n in (16, 64)]
    text = whole.must("make", "-s", "run", "MACHINE=" + machine, "ICOUNT=1",
                      "DISK=ram", "MEM=256M",
                      "CMD=bench -r 2 " + " ".join(words))
    found = {row: int(count) for row, count in
             re.findall(r"^([\w:]+) +(\d+)$", text, re.MULTILINE)}
    assert found["open_among:1000"] < 1.2 * found["open_among:10"]
    assert found["pingpong_among:500"] < 1.01 * found["pingpong_among:1"]
    assert found["fork_heap:64"] < 2 * found["fork_heap:16"]


# ---- The record --------------------------------------------------------

def test_a_plot_is_a_drawing(costs):
    record = {("open:%d" % size, machine): cost + size for size, cost in
              [(10, 1200), (100, 1250), (10000, 5000)]
              for machine in weft.MACHINES}
    text = "\n".join(costs.plot(record, "open", "Title", "names"))
    drawing = xml.etree.ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    assert len(drawing.findall(".//%scircle" % name)) == 6
    words = [one.text for one in drawing.findall(".//%stext" % name)]
    assert "10,000" in words and "names" in words and "i386" in words
    # Labels that would lie on each other do not.
    ends = [float(one.get("y")) for one in drawing.findall(".//%stext" % name)
            if one.text in ("i386", "riscv64")]
    assert abs(ends[0] - ends[1]) >= 16


def test_the_drawing_of_all_rows(costs):
    """Two circles for this kernel and two for xv6, right of the floor if
    they are above it."""
    text = "\n".join(costs.rows_plot(costs.read()))
    drawing = xml.etree.ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    circles = drawing.findall(".//%scircle" % name)
    assert len(circles) == 4 * len(costs.peers()) + 3       # and the key
    [one] = [float(word.get("x")) for word in
             drawing.findall(".//%stext" % name) if word.text == "1"]
    left = [place for place in (float(circle.get("cx")) for circle in circles
                                if float(circle.get("cy")) > 20)
            if place < one]
    below = [row for row, floors in costs.peers().items()
             for machine in weft.MACHINES
             if costs.read()["row:" + row, machine] < floors[machine][1]]
    assert len(left) == len(below) > 0


@pytest.mark.parametrize("most", [7, 103, 999, 1000, 5000, 47000, 6930165])
def test_marks_of_an_axis(costs, most):
    marks = costs.steps(most)
    assert marks[0] == 0 and marks[-2] < most <= marks[-1]
    assert 3 <= len(marks) <= 6


def test_tables_stand_between_their_marks(costs):
    text = "a\n<!-- recorded: versions -->\nold\n<!-- recorded -->\nb\n"
    record = {("made:date", "both"): "2026-11-22",
              ("made:qemu", "both"): "7.2", ("made:compiler", "both"): "clang"}
    new = costs.chapter(text, record)
    assert "2026-11-22" in new and "old" not in new
    assert new.startswith("a\n") and new.endswith("b\n")
    assert costs.chapter(new, record) == new


def test_the_book_has_what_was_recorded(tree):
    """Tables and plots are those of the record, and lint notices others."""
    assert tree.run("tools/costs.py").returncode == 0
    figure = tree.folder / "book/figures/costs-open.svg"
    figure.write_text(figure.read_text().replace("10,000", "10,001"))
    done = tree.run("tools/costs.py")
    assert done.returncode == 1 and "costs-open.svg" in done.stdout
    assert tree.run("tools/costs.py", "--write").returncode == 0
    assert tree.run("tools/costs.py").returncode == 0


# What xv6's headers say of the calls that bench makes: for each machine the
# headers by name, and the compiler's options.
XV6 = {
    "riscv": (["--target=riscv64"], "kernel/", "user/",
              "typedef unsigned int uint; typedef unsigned long uint64;",
              "int exit(int) __attribute__((noreturn)); int wait(int *);"
              "void printf(const char *, ...);"
              "int exec(const char *, char **);"),
    "i386": (["--target=i386-unknown-elf", "-DXV6_PUBLIC"], "", "",
             "typedef unsigned int uint;",
             "int exit(void) __attribute__((noreturn)); int wait(void);"
             "void printf(int, const char *, ...);"
             "int exec(char *, char **);"),
}
FLAGS = """\
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREATE 0x200
"""
CALLS = """\
int fork(void); int pipe(int *); int write(int, const void *, int);
int read(int, void *, int); int close(int); int kill(int);
int open(const char *, int); int unlink(const char *);
int fstat(int, struct stat *); int mkdir(const char *);
int chdir(const char *); int dup(int); int getpid(void); char *sbrk(int);
int sleep(int); int uptime(void); char *strchr(const char *, char);
int strcmp(const char *, const char *); char *strcpy(char *, const char *);
uint strlen(const char *); void *memset(void *, int, uint);
void *memmove(void *, const void *, int); int atoi(const char *);
"""


@pytest.mark.parametrize("machine", XV6)
def test_xv6_can_compile_it(tmp_path, machine):
    """Whoever doubts the figures of xv6 can take them again."""
    options, kernel, user, types, calls = XV6[machine]
    for name, text in [(kernel + "types.h", types),
                       (kernel + "stat.h", "struct stat { uint size; };"),
                       (kernel + "fcntl.h", FLAGS),
                       (user + "user.h", CALLS + calls)]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(weft.ROOT / "user/bench.c", tmp_path)
    done = subprocess.run(
        ["clang", *options, "-ffreestanding", "-fno-builtin", "-I.",
         "-fsyntax-only", "-Wall", "-Werror", "bench.c"], cwd=tmp_path,
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
