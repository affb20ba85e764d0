"""Disks: many requests at a time on every kind of disk, and disks that fail:
on purpose, with an error of the device, or by not answering at all."""

import argparse
import io
import re
import shutil

import pytest

import weft

run = weft.tool("run")
CHAPTER = "22"
LIMIT = 120     # seconds without output that mean a kernel hangs

# What attaches which disk, and what the kernel calls it.
KINDS = {
    ("riscv", None): "virtio", ("riscv", "ram"): "memory",
    ("i386", None): "IDE with DMA", ("i386", "pio"): "IDE",
    ("i386", "ram"): "memory",
}
DEVICES = [kind for kind in KINDS if kind[1] != "ram"]

kinds = pytest.mark.parametrize("machine, disk", KINDS)
devices = pytest.mark.parametrize("machine, disk", DEVICES)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Builds a kernel once for each worker.  That of the chapter: no file
    system uses the disk beside the tests."""
    tree = weft.Tree(tmp_path_factory.mktemp("kernels") / "weft")

    def build(machine, check):
        tree.must("make", "kernel", "MACHINE=" + machine,
                  "CHECK=%d" % check, "CHAPTER=" + CHAPTER)
        return (tree.folder / "build" / ("chapter-" + CHAPTER) /
                (machine + ("-check" if check else "")))

    return build


@pytest.fixture
def machine_with(built, tmp_path):
    """Boots a kernel with a disk of its own and types commands."""
    def start(commands, machine, disk=None, cpus=1, check=0, size=None,
              keep=False, mem="128M", drive=lambda drive, image: drive):
        build = tmp_path / machine
        if not build.exists():
            shutil.copytree(built(machine, check), build,
                            ignore=lambda folder, names: [
                                name for name in names if name not in (
                                    "kernel.elf", "disk.img", "fs.img")])
        image = build / "fs.img"
        if size:
            with open(image, "r+b") as file:
                file.truncate(size)
        line = run.command_line(argparse.Namespace(
            machine=machine, cpus=str(cpus), mem=mem, build=str(build),
            commands="", gdb=False, icount=False, disk=disk, keep=keep))
        line = [drive(word, image) if "fs.img" in word else word
                for word in line]
        console = io.StringIO()
        status = run.headless(
            line, ["monitor '%s'" % command for command in commands] +
            [run.POWEROFF], LIMIT, console)
        return status, console.getvalue()
    return start


def succeeds(done):
    status, text = done
    assert status == 0, "%d\n%s" % (status, text[-4000:])
    return text


def counts(text):
    """(reads, writes, flushes, failed) of each `disk` in TEXT."""
    return [tuple(map(int, found)) for found in re.findall(
        r"blocks: (\d+) reads, (\d+) writes, (\d+) flushes, (\d+) failed",
        text)]


# ---- Disks that work -------------------------------------------------

@kinds
@pytest.mark.parametrize("cpus, check", [
    (1, 1), (4, 1), pytest.param(4, 0, marks=pytest.mark.all)])
def test_many_requests(machine_with, machine, disk, cpus, check):
    text = succeeds(machine_with(["disktest 8", "disktest 1", "check",
                                  "disk"], machine, disk, cpus, check))
    assert "disk: %s, " % KINDS[machine, disk] in text
    assert "disktest: 8 processes, 8 rounds, 0 wrong" in text
    assert "disktest: 1 processes, 8 rounds, 0 wrong" in text
    assert "free list: in order\npage table: in order" in text
    [(reads, writes, flushes, failed)] = counts(text)
    assert reads >= writes >= 288 and flushes >= 72 and failed == 0


@kinds
def test_requests_past_the_end(machine_with, machine, disk):
    for first, text in [(8192, "8191"), (4096, "4095")]:
        if (disk == "ram") != (first == 4096):
            continue
        text = succeeds(machine_with(["disk read " + text, "disk"],
                                     machine, disk))
        status, text = machine_with(["disk read %d" % first, "disk"],
                                    machine, disk)
        assert "disk: block %d cannot be read" % first in text
        status, text = machine_with(["disk read 4294967295"], machine, disk)
        assert "disk: block 4294967295 cannot be read" in text
        # 2**32, which must not come out at block 0.
        status, text = machine_with(["disk read 4294967296"], machine, disk)
        assert status == 2 and "00 00" not in text


@devices
def test_kept_contents(machine_with, machine, disk, tmp_path):
    """A pattern that we have put there is read, from the right place, and
    what the kernel writes is in the file only with --keep."""
    succeeds(machine_with(["disk"], machine, disk))
    image = tmp_path / machine / "fs.img"
    with open(image, "r+b") as file:
        file.seek(77 * 4096)
        file.write(bytes(range(16)))
    before = image.read_bytes()
    text = succeeds(machine_with(["disk read 77", "disktest"], machine,
                                 disk))
    assert "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f" in text
    assert image.read_bytes() == before
    succeeds(machine_with(["disktest"], machine, disk, keep=True))
    after = image.read_bytes()
    assert len(after) == len(before) and after != before
    assert after[:16 * 1024 * 1024] == before[:16 * 1024 * 1024]


@devices
def test_a_large_disk(machine_with, machine, disk):
    """On IDE, 200 GiB need addresses of 48 bits."""
    text = succeeds(machine_with(["disktest", "disk read 0"], machine, disk,
                                 size=200 << 30))
    assert "52428800 blocks" in text and " 0 wrong" in text


@pytest.mark.parametrize("machine", weft.MACHINES)
def test_the_ram_disk_of_a_small_machine(machine_with, machine):
    text = succeeds(machine_with(["disktest", "check"], machine, "ram",
                                 mem="32M"))
    [blocks] = re.findall(r"disk: memory, (\d+) blocks", text)
    assert 1500 < int(blocks) < 2048


# ---- Disks that fail -------------------------------------------------

@kinds
def test_failing_on_purpose(machine_with, machine, disk):
    status, text = machine_with(
        ["faildisk 2 2", "disk read 1", "disk read 2", "disk read 3",
         "disk read 4", "disk", "faildisk 9", "disktest"], machine, disk)
    assert status == 1              # disktest has met it
    assert re.findall(r"block (\d) cannot", text) == ["2", "3"]
    assert counts(text) == [(4, 0, 0, 2)]
    assert re.search(r"8 rounds, 1 wrong", text)


def broken(tmp_path, rule):
    """A drive that fails as RULE of QEMU's blkdebug says."""
    rules = tmp_path / "rules"
    rules.write_text("[inject-error]\n" + rule + 'errno = "5"\n')
    return lambda drive, image: drive.replace(
        "snapshot=on", "snapshot=off").replace(
        "file=", "file=blkdebug:%s:" % rules)


@devices
@pytest.mark.parametrize(
    "cpus", [1, pytest.param(4, marks=pytest.mark.all)])
def test_an_error_of_the_device(machine_with, machine, disk, cpus, tmp_path):
    # Sector 8000 is in block 1000.
    text = machine_with(
        ["disk read 999", "disk read 1000", "disk read 1001", "disktest",
         "disk"], machine, disk, cpus,
        drive=broken(tmp_path, 'event = "read_aio"\nsector = "8000"\n'))[1]
    assert re.findall(r"block (\d+) cannot", text) == ["1000"]
    assert "0 wrong" in text
    [(_, _, _, failed)] = counts(text)
    assert failed == 1


@devices
@pytest.mark.parametrize("event, kind", [("write_aio", "write"),
                                         ("flush_to_disk", "flush")])
def test_writes_and_flushes_that_fail(machine_with, machine, disk, event,
                                      kind, tmp_path):
    status, text = machine_with(
        ["disktest 2", "disk", "disk read 5"], machine, disk, check=1,
        drive=broken(tmp_path, 'event = "%s"\niotype = "%s"\n' %
                     (event, kind)))
    assert status == 0              # of the last, which only reads
    assert "2 processes, 8 rounds, 2 wrong" in text
    assert counts(text)[0][3] >= 2


@devices
def test_a_disk_that_does_not_answer(machine_with, machine, disk):
    """After 5000 bytes 100 a second: the third block at the latest would
    take half a minute.  Everybody else goes on."""
    slow = lambda drive, image: drive + \
        ",throttling.bps-read=100,throttling.bps-read-max=5000"
    status, text = machine_with(
        ["disk read 1", "disk read 2", "disk read 3", "disk", "uptime"],
        machine, disk, check=1, drive=slow)
    assert status == 0, text
    assert "disk: no answer; it was reset" in text
    assert "block 3 cannot be read" in text
    # Without DMA every sector waits, and the second block may be late.
    [(_, _, _, failed)] = counts(text)
    assert failed == 1 or disk == "pio" and failed == 2
