"""The file system of the kernel, run on this computer.

tests/host/filesystem/ has the programs: hunt looks for a crash, a failing
disk or a failing allocation that is not survived, plants sees whether the
checker notices everything, fuzz spoils disks.  Here they are run, and the
hunt has to find the faults that are planted in the kernel.
"""
import argparse
import io
import os
import random
import re
import shutil
import struct
import subprocess

import pytest

import weft

STATES = 100000
FAILURES = 5000


class Host:
    """A copy of the book whose host programs are built."""

    def __init__(self, folder):
        self.tree = weft.Tree(folder)
        self.folder = self.tree.folder
        tests = self.folder / "tests/host"
        tests.mkdir(parents=True)
        shutil.copytree(weft.ROOT / "tests/host/filesystem",
                        tests / "filesystem")

    def make(self, *words):
        self.tree.must("make", "-s", "WERROR=1", *words)

    def run(self, program, *words, limit=300):
        return subprocess.run(
            [self.folder / "build/host" / program, *map(str, words)],
            cwd=self.folder, env=weft.ENVIRONMENT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            errors="replace", timeout=limit)

    def must(self, program, *words, **options):
        done = self.run(program, *words, **options)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    host = Host(tmp_path_factory.mktemp("crash") / "weft")
    host.make("host-tests", "host-tools")
    return host


def seed():
    return os.environ.get("SEED", "1")


# ---- The hunt --------------------------------------------------------

def test_crashes(host, request):
    """Whatever a crash leaves is what the file system was at one moment,
    and has everything that was promised."""
    states = STATES * (10 if request.config.getoption("--all") else 1)
    text = host.must("filesystem/hunt", "-s", seed(), "-n", states,
                     limit=120 + states / 1000)
    found = re.search(r"(\d+) distinct states in \d+ rounds", text)
    assert int(found.group(1)) >= states
    done, impossible = re.search(
        r"(\d+) operations done, \d+ refused .*, (\d+) impossible",
        text).groups()
    assert int(done) > 1000 and int(done) > int(impossible) / 4


@pytest.mark.parametrize("what", ["disk", "memory"])
def test_failures(host, request, what):
    """Each request, or allocation, fails in turn: an operation is done or
    not, and when the trouble is over everything is there."""
    failures = FAILURES * (10 if request.config.getoption("--all") else 1)
    text = host.must("filesystem/hunt", "-s", seed(), "-n", failures, what)
    assert "all in order" in text


# ---- Planted faults --------------------------------------------------

IN_PLACE = ("if (page->block)\n\t\t\t\tblock_free(page->block);\n"
            "\t\t\tpage->block = block_alloc();",
            "if (!page->block)\n\t\t\t\tpage->block = block_alloc();")
PLANTED = {
    "first flush dropped": "HUNT_FLAGS=-DDROP_FLUSH=1",
    "second flush dropped": "HUNT_FLAGS=-DDROP_FLUSH=2",
    "no flush": "HUNT_FLAGS=-DDROP_FLUSH=3",
    "checksum ignored":
        (24, "super->checksum != super_checksum(super) ||", ""),
    "orphans ignored": (26, "\nremove_orphans();\nstart_", "\nstart_"),
    "freed blocks used at once":
        (26, "find_zero(fs.bitmap[i], fs.saved[i], word)",
         "find_zero(fs.bitmap[i], fs.bitmap[i], word)"),
    "written in place": (26, *IN_PLACE),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted(tmp_path, name):
    host = Host(tmp_path / "weft")
    fault = PLANTED[name]
    if isinstance(fault, str):
        host.make("build/host/filesystem/hunt", fault)
    else:
        host.tree.replace(*fault)
        # A function that nobody calls any more is no error here.
        host.tree.must("make", "-s", "build/host/filesystem/hunt")
    done = host.run("filesystem/hunt", "-n", STATES)
    found = re.search(r"WRONG after (\d+) states: (.*)", done.stdout)
    assert done.returncode == 1 and found, done.stdout[-2000:]
    print("%s: found after %s states: %s" % (name, *found.groups()))
    assert int(found.group(1)) < STATES / 2


def test_checker_notices(host):
    assert "each with its complaint" in host.must("filesystem/plants")


# ---- Fuzzing ---------------------------------------------------------

def test_fuzz(tmp_path, request):
    """Nothing that is on a disk makes the kernel stumble."""
    seconds = 300 if request.config.getoption("--all") else 15
    host = Host(tmp_path / "weft")
    host.make("fuzz-filesystem")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    numbers = random.Random(1)
    for i in range(20):
        (corpus / str(i)).write_bytes(numbers.randbytes(40))
    text = host.must("fuzz/fuzz", "-seed=1", "-max_len=512", "-timeout=30",
                     "-max_total_time=%d" % seconds, corpus,
                     limit=seconds + 120)
    runs = int(re.search(r"Done (\d+) runs", text).group(1))
    assert runs > 1000, text[-1000:]


# ---- mkfs and fsck ---------------------------------------------------

def test_mkfs_and_fsck(host, tmp_path):
    image = tmp_path / "fs.img"
    big = tmp_path / "big"
    big.write_bytes(random.Random(1).randbytes(5000001))
    host.must("mkfs", image, 4096, "README.md=README", "dir/",
              "%s=dir/big" % big)
    assert image.stat().st_size == 4096 * 4096
    assert "4 inodes in order" in host.must("fsck", image)
    content = image.read_bytes()
    for at in range(0, 4096 * 1024, 4096):
        assert big.read_bytes()[at:at + 4096] in content


def test_mkfs_on_a_disk_too_small(host, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(bytes(1000000))
    done = host.run("mkfs", tmp_path / "fs.img", 64, big)
    assert done.returncode == 2
    assert done.stdout.strip().endswith("the disk is full")


def test_mkfs_leaves_nothing_of_what_was_there(host, tmp_path):
    fresh, again = tmp_path / "fresh.img", tmp_path / "again.img"
    again.write_bytes(b"old" * 1000000)
    for image in fresh, again:
        host.must("mkfs", image, 256, "README.md=README")
    assert fresh.read_bytes() == again.read_bytes()


def test_mkfs_on_a_full_host(host, tmp_path):
    """The image is all holes: the host may have no room for them."""
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    small = "mount -t tmpfs -o size=64k none . && cd \"$PWD\""
    mkfs = "'%s'" % (host.folder / "build/host/mkfs")
    if subprocess.run([*alone, small],
                      cwd=tmp_path, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs a file system of its own")
    (tmp_path / "big").write_bytes(b"big" * 100000)
    (tmp_path / "small").mkdir()
    done = subprocess.run(
        [*alone, "%s && %s fs.img 256 ../big" % (small, mkfs)],
        cwd=tmp_path / "small", text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == \
        (2, "", "mkfs: fs.img: No space left on device\n")


@pytest.mark.parametrize("words, says", [
    ([], "usage: mkfs IMAGE BLOCKS FILE..."),
    (["fs.img"], "usage: mkfs IMAGE BLOCKS FILE..."),
    (["fs.img", "64k"], "64k is no number of blocks"),
    (["fs.img", "0"], "0 is no number of blocks"),
    (["fs.img", "8"], "fs.img: 8 blocks: too few, or too many"),
    (["fs.img", "200000000"],
     "fs.img: 200000000 blocks: too few, or too many"),
    (["no/fs.img", "256"], "no/fs.img: No such file or directory"),
    (["fs.img", "256", "none"], "none: No such file or directory"),
    (["fs.img", "256", "small=no/small"], "no/small cannot be made"),
    (["fs.img", "256", "small=" + 256 * "n"],
     256 * "n" + " cannot be made"),
    (["fs.img", "256", "d/", "small=d/f", "small=d"], "d cannot be made"),
    (["fs.img", "256", "."], ". cannot be made"),
    (["fs.img", "256", ".=d"], ".: Is a directory"),
])
def test_mkfs_says_what_is_wrong(host, tmp_path, words, says):
    (tmp_path / "small").write_text("a few bytes")
    done = subprocess.run([host.folder / "build/host/mkfs", *words],
                          cwd=tmp_path, text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == \
        (2, "", "mkfs: %s\n" % says)


def test_the_last_of_a_name_counts(host, tmp_path):
    image = tmp_path / "fs.img"
    for name in "one", "two":
        (tmp_path / name).write_text("this is %s\n" % name)
    host.must("mkfs", image, 256, *["%s=name" % (tmp_path / name)
                                    for name in ("one", "two")])
    assert "2 inodes in order" in host.must("fsck", image)
    assert b"this is two" in image.read_bytes()


def sessions():
    """What the book shows of the programs of the host: {place: lines}."""
    found = {}
    for path in sorted(weft.ROOT.glob("book/[0-9]*.nw")):
        text = path.read_text()
        for block in re.finditer(r"^```\n(\$ build/host/.*?)^```$", text,
                                 re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, block.start()) + 1
            found["%s:%d" % (path.name, line)] = block.group(1)
    return found


@pytest.mark.parametrize("place", sessions())
def test_session_in_the_book(host, place):
    shown = sessions()[place]
    printed = ""
    status = "true"
    for line in re.findall(r"^\$ (.*)$", shown, re.MULTILINE):
        done = subprocess.run(
            ["sh", "-c", "%s; %s" % (status, line)], cwd=host.folder,
            env=weft.ENVIRONMENT, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        status = "(exit %d)" % done.returncode
        printed += "$ %s\n%s" % (line, done.stdout)
    assert printed == shown


def test_fsck_finds_damage(host, tmp_path):
    image = tmp_path / "fs.img"
    host.must("mkfs", image, 256, "README.md=README")
    good = image.read_bytes()
    # The name README is in a block of the root; its first letter changes.
    image.write_bytes(good.replace(b"README\0", b"/EADME\0", 1))
    done = host.run("fsck", image)
    assert done.returncode == 1
    assert "/EADME is no name" in done.stdout


def test_fsck_without_an_image(host, tmp_path):
    done = host.run("fsck", tmp_path / "none.img")
    assert done.returncode == 2
    (tmp_path / "short").write_bytes(b"no disk")
    assert host.run("fsck", tmp_path / "short").returncode == 2


# ---- Real kernels ----------------------------------------------------

def newest_super(disk):
    """Offset of the superblock that counts."""
    return max((at for at in (0, 4096) if disk[at:at + 7] == b"weft fs"),
               key=lambda at: struct.unpack_from("<Q", disk, at + 8))


def test_an_orphan_that_is_its_own_next(host):
    """A list of the disk that leads to itself ends, and is mended."""
    def typed(commands):
        return host.tree.make("run", "MACHINE=riscv", "KEEP=1",
                              "CMD=" + commands)

    typed("monitor 'scratch 0'; monitor commit; monitor panic")
    image = host.folder / "build/riscv/fs.img"
    disk = bytearray(image.read_bytes())
    at = newest_super(disk)
    orphan, = struct.unpack_from("<I", disk, at + 32)
    table, height = struct.unpack_from("<II", disk, at + 4024 + 24)
    assert orphan > 0 and height == 0
    inode = table * 4096 + orphan * 64
    assert struct.unpack_from("<I", disk, inode + 12) == (0,)
    struct.pack_into("<I", disk, inode + 12, orphan)
    image.write_bytes(disk)
    done = typed("monitor 'scratch 0'; monitor scratch; monitor fsck")
    assert "inode %d is no orphan" % orphan in done.stdout
    assert "files: 1 without a name removed" in done.stdout
    assert done.returncode == 0, done.stdout[-4000:]


def recording_qemu(run, machine, build, image, log):
    """QEMU with IMAGE as the disk, which notes all writes in LOG."""
    line = run.command_line(argparse.Namespace(
        machine=machine, cpus="1", mem="128M", build=str(build),
        commands="", icount=False, gdb=False, disk="ram", keep=False,
        port=0))
    line += ["-blockdev", "driver=raw,node-name=image,file.driver=file,"
             "file.filename=%s" % image,
             "-blockdev", "driver=file,node-name=log,filename=%s" % log,
             "-blockdev", "driver=blklogwrites,node-name=fs,file=image,"
             "log=log,log-sector-size=512"]
    if machine == "riscv":
        return line + ["-global", "virtio-mmio.force-legacy=false",
                       "-device", "virtio-blk-device,drive=fs"]
    return line + ["-device", "ide-hd,bus=ide.0,unit=1,drive=fs"]


@pytest.mark.parametrize("machine", weft.MACHINES)
def test_recording(host, tmp_path, machine):
    """What a crash of a real kernel may leave is in order, too: by what
    QEMU has seen the kernel write, and the program print."""
    program = "tests/host/filesystem/recorded.c"
    host.make("kernel", "MACHINE=" + machine, "PROGRAMS=" + program)
    # WERROR=1 has a folder of its own.
    build = host.folder / "build" / (machine + "-werror")
    image, log = tmp_path / "fs.img", tmp_path / "log"
    files = ["%s=%s" % (build / "user" / name, name)
             for name in ["init", "sh", "poweroff"]]
    host.must("mkfs", image, 512, *files,
              "%s=recorded" % (build / "user/given/recorded"))
    shutil.copy(image, tmp_path / "start.img")
    log.touch()
    run = weft.tool("run")
    console = io.StringIO()
    status = run.headless(recording_qemu(run, machine, build, image, log),
                          ["recorded", run.POWEROFF], 60, console)
    assert status == 0, console.getvalue()
    (tmp_path / "console").write_text(console.getvalue())
    assert "in order" in host.must("fsck", image)
    text = host.must("filesystem/replay", tmp_path / "start.img", log,
                     tmp_path / "console")
    assert int(re.search(r"(\d+) distinct", text).group(1)) >= 1000, text
