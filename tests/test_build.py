"""The Makefile: what a compiler's message, a debugger and a second `make`
say, and what happens when something is missing."""

import os
import re
import shutil
import signal
import subprocess

import pytest

import weft

MESSAGE = re.compile(r"(\S+?):(\d+):(\d+): error: ")


def needs(*programs):
    """Skips a test of the second toolchain where there is none."""
    missing = [name for name in programs if not shutil.which(name)]
    return pytest.mark.skipif(bool(missing), reason="no " + " ".join(missing))


TOOLCHAINS = [
    "clang",
    pytest.param("gcc", marks=needs("riscv64-linux-gnu-gcc",
                                    "i686-linux-gnu-gcc")),
]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A copy of the whole book with kernels of both machines, for tests
    that only look."""
    tree = weft.Tree(tmp_path_factory.mktemp("built") / "weft")

    def build(machine):
        tree.must("make", "kernel", "MACHINE=" + machine)
        return tree

    return build


@pytest.fixture
def medium(tmp_path):
    """The chapters before there are programs: quicker to build."""
    return weft.Tree(tmp_path / "weft", last=12)


# ---- Compilers -------------------------------------------------------

@pytest.mark.parametrize("machine", weft.MACHINES)
@pytest.mark.parametrize("toolchain", TOOLCHAINS)
@pytest.mark.parametrize("check", [
    0, pytest.param(1, marks=pytest.mark.all)])
def test_no_warnings(tree, toolchain, machine, check):
    done = tree.make("kernel", "MACHINE=" + machine, "WERROR=1",
                     "TOOLCHAIN=" + toolchain, "CHECK=%d" % check)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("machine", weft.MACHINES)
@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_a_type_error_is_reported_in_the_book(small, toolchain, machine):
    small.append(2, "<<start-up steps>>=\n"
                    "if (kmain) {\n\tint number = *7;\n}\n@\n")
    done = small.make("kernel", "MACHINE=" + machine,
                      "TOOLCHAIN=" + toolchain)
    assert done.returncode != 0
    places = {found.group(1, 2, 3)
              for found in MESSAGE.finditer(done.stderr)}
    path, line = small.place(2, "number = *7").split(":")
    # The star is the 15th character; gcc counts the tab as 8 columns.
    column = {"clang": 15, "gcc": 22}[toolchain]
    assert places == {(path, line, str(column))}, done.stderr


@pytest.mark.parametrize("machine", weft.MACHINES)
def test_an_assembler_error_is_reported_in_the_book(small, machine):
    small.append(2, "<<the boot stack>>=\n\tnonsense 1, 2\n@\n")
    done = small.make("kernel", "MACHINE=" + machine)
    assert done.returncode != 0
    assert small.place(2, "nonsense 1, 2") + ":" in done.stderr


def test_an_error_in_a_program_of_the_host_is_reported_in_the_book(tree):
    tree.replace(28, "program = \"mkfs\";", "program = *7;")
    done = tree.make("host-tools")
    assert done.returncode != 0
    places = {found.group(1, 2) for found in MESSAGE.finditer(done.stderr)}
    assert places == {tuple(tree.place(28, "program = *7;").split(":"))}, \
        done.stderr


# ---- Where the kernel comes from -------------------------------------

@pytest.mark.parametrize("machine", weft.MACHINES)
def test_the_link_map_names_only_objects_of_the_book(built, machine):
    tree = built(machine)
    build = tree.folder / "build" / machine
    objects = set(re.findall(r"\S+\.(?:o|a|so)(?=:\(|\)|$)",
                             (build / "kernel.map").read_text(),
                             re.MULTILINE))
    assert len(objects) > 5
    # The files that the kernel carries are no part of it: no code is here.
    archive = "build/%s/archive.S.o" % machine
    assert archive in objects
    assert [section for section in re.findall(
        r"^\s+\d+ (\S+) +(?!00000000)[0-9a-f]{8} ", tree.must(
            "llvm-objdump", "-h", archive), re.MULTILINE)
        if section not in (".archive", ".rodata", ".strtab", ".symtab",
                           ".shstrtab")
        and not section.startswith((".rela.", ".rel.", ".debug",
                                    ".riscv."))] == []
    for name in objects - {archive}:
        assert name.startswith("build/%s/" % machine), name
        source = name[len("build/%s/" % machine):-len(".o")]
        assert (tree.folder / "tangle" / source).is_file(), name
        assert source.startswith(("kernel/", "machine/%s/" % machine)), name


def test_git_has_no_source_of_the_kernel():
    """Every line of C, assembler and linker script is in the book; not
    that of programs and tests."""
    if not (weft.ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(["git", "ls-files"], cwd=weft.ROOT, text=True,
                           capture_output=True, check=True).stdout.split("\n")
    assert [name for name in names
            if name.endswith((".c", ".h", ".S", ".s", ".ld")) and
            not name.startswith(("user/", "tests/"))] == []


# ---- The first make --------------------------------------------------

@needs("pandoc")
def test_make_alone_makes_everything(tree):
    tree.must("make")
    for name in ["riscv/kernel.elf", "i386/kernel.elf", "i386/disk.img",
                 "book/html/index.html"]:
        assert (tree.folder / "build" / name).is_file(), name


# ---- A second make ---------------------------------------------------

def compiled(done):
    """What a run of make compiled: {"kernel/main.c", ...}"""
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^  (?:CC|AS)\s+tangle/(\S+)", done.stdout,
                          re.MULTILINE))


@pytest.mark.parametrize("machine", weft.MACHINES)
def test_a_second_make_does_nothing(built, machine):
    tree = built(machine)
    before = tree.files("build", "tangle")
    again = tree.make("kernel", "MACHINE=" + machine)
    assert again.stdout == "build/%s/kernel.elf is up to date\n" % machine
    assert again.stderr == ""
    assert tree.files("build", "tangle") == before


def test_one_chunk_recompiles_one_file(medium):
    assert "kernel/main.c" in compiled(medium.make("kernel"))
    # As many lines as before, so no other file's #line moves.
    medium.replace(1, "first light.\\n", "first glow.\\n")
    assert compiled(medium.make("kernel")) == {"kernel/main.c"}


def test_a_header_recompiles_who_includes_it(medium):
    medium.must("make", "kernel")
    users = {root for root in medium.tangled()
             if root.endswith(".c") and '#include "symbols.h"' in
             (medium.folder / "tangle" / root).read_text()}
    assert users
    medium.replace(2, "void print_symbol(uintptr_t address);",
                 "void print_symbol(uintptr_t where);")
    assert compiled(medium.make("kernel")) == users


def test_the_other_machine_is_left_alone(medium):
    medium.must("make", "kernel", "MACHINE=riscv")
    medium.replace(1, 'MACHINE_NAME "i386"', 'MACHINE_NAME "I386"')
    assert compiled(medium.make("kernel", "MACHINE=riscv")) == set()


def test_kernels_of_two_kinds_do_not_mix(small):
    """CHECK and CHAPTER have objects of their own."""
    small.must("make", "kernel")
    before = small.files("build/riscv", "tangle")
    small.must("make", "kernel", "CHECK=1")
    small.must("make", "kernel", "CHAPTER=01")
    small.must("make", "kernel", "MACHINE=i386")
    assert small.files("build/riscv", "tangle") == before
    assert "up to date" in small.must("make", "kernel")


def test_clean(small):
    small.must("make", "kernel")
    small.must("make", "kernel", "MACHINE=i386", "CHAPTER=01")
    small.must("make", "clean")
    assert small.tangled() == []
    assert (small.folder / "tangle/README.md").is_file()
    assert not (small.folder / "build").exists()
    small.must("make", "kernel")


# ---- What is missing or wrong ----------------------------------------

def path_without(folder, *programs):
    """A PATH with every program of this one except some."""
    folder.mkdir()
    # Not that of weft.py, as ccache would look for the compilers in it.
    for place in reversed(os.environ["PATH"].split(":")):
        for name in os.listdir(place) if os.path.isdir(place) else []:
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.join(place, name))
    for name in programs:
        (folder / name).unlink(missing_ok=True)
    return {"PATH": str(folder)}


@pytest.mark.parametrize("program", ["clang", "ld.lld"])
def test_a_missing_compiler(small, tmp_path, program):
    env = path_without(tmp_path / "bin", program)
    line = weft.one_clear_line(small.make("kernel", env=env))
    assert program in line
    assert "make setup" in line or "make doctor" in line


@pytest.mark.parametrize("machine, program",
                         [("riscv", "qemu-system-riscv64"),
                          ("i386", "qemu-system-i386")])
def test_a_missing_qemu(small, tmp_path, machine, program):
    env = path_without(tmp_path / "bin", program)
    line = weft.one_clear_line(
        small.make("run", "CMD=", "MACHINE=" + machine, env=env))
    assert program in line
    assert "make setup" in line or "make doctor" in line


@pytest.mark.parametrize("setting, words", [
    ("MACHINE=mips", ["MACHINE", "mips", "riscv", "i386"]),
    ("TOOLCHAIN=tcc", ["TOOLCHAIN", "tcc", "clang", "gcc"]),
    ("CHECK=2", ["CHECK", "2", "0 or 1"]),
    ("CHAPTER=98", ["98"]),
    ("CHAPTER=x", ["x"]),
    ("CHAPTER=../..", ["../.."]),
    ("CPUS=9", ["CPUS", "9"]),
    ("CPUS=0", ["CPUS", "0"]),
    ("CPUS=many", ["CPUS", "many"]),
    ("MEM=lots", ["MEM", "lots", "128M"]),
    ("MEM=128", ["MEM", "128"]),
])
def test_a_bad_setting(small, setting, words):
    line = weft.one_clear_line(small.make("run", "CMD=", setting))
    for word in words:
        assert word in line


# ---- Debuggers -------------------------------------------------------

@pytest.mark.parametrize("machine", weft.MACHINES)
def test_addresses_lead_to_the_book(small, machine):
    small.must("make", "kernel", "MACHINE=" + machine)
    kernel = "build/%s/kernel.elf" % machine
    names = small.must("llvm-nm", kernel)
    [address] = re.findall(r"^(\w+) T kmain$", names, re.MULTILINE)
    place = small.must("llvm-addr2line", "-e", kernel, "0x" + address)
    chapter, line = re.search(r"(book/[^:/]+):(\d+)", place).groups()
    # The function stands directly below its comment.
    comment = small.place(1, " * The first C function").split(":")
    assert chapter == comment[0]
    assert 0 < int(line) - int(comment[1]) < 10


@needs("gdb-multiarch")
@pytest.mark.parametrize("machine", weft.MACHINES)
def test_gdb_stops_at_a_line_of_the_book(built, machine):
    """In the whole kernel, at the first thing that chapter 1 prints."""
    tree = built(machine)
    place = tree.place(1, 'console_write("Weft on ')
    port = weft.free_port()
    qemu = subprocess.Popen(
        ["tools/run", "--gdb", "--port", str(port), "--machine", machine,
         "--build", "build/" + machine], cwd=tree.folder,
        env=weft.ENVIRONMENT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        # gdb keeps trying to connect until QEMU listens.
        done = tree.run(
            "gdb-multiarch", "-q", "-nx", "-batch",
            "-ex", "set tcp connect-timeout 60",
            "-ex", "target remote 127.0.0.1:%d" % port,
            "-ex", "break " + place, "-ex", "continue",
            "-ex", "kill",
            "build/%s/kernel.elf" % machine, limit=60)
        said = done.stdout
        assert done.returncode == 0, said + done.stderr
        assert re.search(r"Breakpoint 1, kmain \(\)\s+at %s\b" % place, said)
        # gdb shows the line as it stands in the book.
        assert re.search(r'^%s\s+console_write\("Weft on ' %
                         place.split(":")[1], said, re.MULTILINE), said
    finally:
        try:
            os.killpg(qemu.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass        # gdb's `kill` ended QEMU already
        qemu.wait()


# ---- How a kernel ends -----------------------------------------------

def test_a_reset_is_not_taken_for_success(small):
    """Without a table of handlers, a fault makes a PC reset itself."""
    small.replace(1, 'first light.\\n");', 'first light.\\n");\n'
                                           'asm volatile("ud2");')
    done = small.make("run", "MACHINE=i386")
    assert "Error 122" in done.stderr
    assert "The machine was reset" in done.stderr
