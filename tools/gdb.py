"""What `make gdb` adds to gdb.

  vmprint [-u] [WHAT]    a page table, a line for each run of pages
  vmdump [WHAT]          the same raw, a line for each entry
  walk ADDRESS [ID]      every step of one translation
  ps                     a line for each process, the newest first
  chunk [LOCATION]       the chunk of the book that the code is in
  program [NAME]         the symbols of a user program

The first four are read in the machine's memory; their text is that of the
kernel's commands of these names, and of the key ^P.  WHAT is the number of a
process or a pointer to a table, such as kernel_root; without it the table in
use is taken.  -u leaves the kernel's half out, as ^V does.

The symbols of the user program that is loaded are there whenever the machine
stops.  For a breakpoint in one that does not run yet, `program NAME` first, and
`break sh.c:main if $in_program("sh")`: all programs have the same addresses.
"""

import glob
import os
import re

import gdb


class Machine:
    """The shape of the tree on the machine that gdb is connected to, and
    the way to its memory."""

    def __init__(self):
        self.riscv = "riscv" in gdb.selected_inferior().architecture().name()
        self.name = "riscv64" if self.riscv else "i386"
        self.levels, self.bits = (3, 9) if self.riscv else (2, 10)
        self.size = 8 if self.riscv else 4
        self.kernbase = 0xffffffc000000000 if self.riscv else 0x80000000
        self.tables = {}

    def shift(self, level):
        return 12 + self.bits * level

    def loaded(self):
        """The address of the root that the processor uses."""
        root = (register("satp") & (1 << 44) - 1) << 12 if self.riscv \
            else register("cr3") & ~0xfff
        if not root:
            raise gdb.GdbError("paging is off: go on to kmain first")
        return root

    def table(self, address):
        """All entries of a table, read through the kernel's direct map."""
        if address not in self.tables:
            try:
                page = self.read(address, 4096)
            except gdb.error:
                raise gdb.GdbError("the table at %s cannot be read" %
                                   self.text(address))
            self.tables[address] = [
                int.from_bytes(page[at:at + self.size], "little")
                for at in range(0, 4096, self.size)]
        return self.tables[address]

    def read(self, address, size):
        """Bytes of physical memory, through the kernel's direct map; or by
        QEMU itself, since a processor in user mode has no such map on
        RISC-V, and gdb reads what the processor could."""
        inferior = gdb.selected_inferior()
        try:
            return bytes(inferior.read_memory(self.kernbase + address, size))
        except gdb.MemoryError:
            physical = "maintenance packet Qqemu.PhyMemMode:"
            gdb.execute(physical + "1", to_string=True)
            try:
                return bytes(inferior.read_memory(address, size))
            finally:
                gdb.execute(physical + "0", to_string=True)

    def fetch(self, pointer):
        """What a pointer of the kernel points to."""
        kind = pointer.type.target().strip_typedefs()
        return gdb.Value(self.read(self.physical(pointer), kind.sizeof), kind)

    def present(self, entry):
        return entry & 1

    def leaf(self, entry, level):
        return level == 0 or entry & (14 if self.riscv else 128)

    def address(self, entry):
        if self.riscv:
            return (entry >> 10 & (1 << 44) - 1) << 12
        return entry & 0xfffff000

    def permissions(self, entry):
        if self.riscv:
            bits = [entry >> i & 1 for i in range(1, 6)]
        else:
            bits = [1, entry & 2, 1, entry & 4, entry & 256]
        return "".join(c if bit else "-" for c, bit in zip("rwxug", bits))

    def extend(self, address):
        """Bit 38 repeated above, on Sv39."""
        if self.riscv and address >> 38 & 1:
            return address | 0xffffff8000000000
        return address

    def physical(self, pointer):
        """The kernel's v2p()."""
        return unsigned(pointer) - self.kernbase

    def text(self, address):
        return "0x%0*x" % (2 * self.size, address)


def register(name):
    if not gdb.selected_inferior().threads():
        raise gdb.GdbError("no machine: `make qemu-gdb` in another terminal")
    return int(gdb.selected_frame().read_register(name)) & (1 << 64) - 1


def unsigned(value):
    return int(value) & (1 << 8 * value.type.sizeof) - 1


def evaluate(text):
    try:
        return gdb.parse_and_eval(text)
    except gdb.error as error:
        raise gdb.GdbError(str(error))


def size_text(size):
    return "%dM" % (size >> 20) if size % (1 << 20) == 0 \
        else "%dK" % (size >> 10)


# ---- Which table ---------------------------------------------------------

def space_of(command, pid):
    """The kernel's process_space(): a struct space."""
    machine = Machine()
    for process in processes(machine):
        if int(process["pid"]) == pid and process["space"]:
            return machine.fetch(process["space"])
    raise gdb.GdbError("%s: %d: no such process" % (command, pid))


def print_regions(machine, space):
    """The first lines of the kernel's space_print()."""
    pointer = space["regions"]
    while pointer:
        region = machine.fetch(pointer)
        allowed = int(region["permissions"])
        print("region %s to %s %s" % (
            machine.text(int(region["start"])),
            machine.text(int(region["end"])),
            "".join(c if allowed >> i & 1 else "-"
                    for i, c in enumerate("rwx"))))
        pointer = region["next"]
    print("%d pages resident, %d frames promised" % (
        int(space["resident"]), int(space["promised"])))


def find_root(machine, command, argument):
    """The root of the table that ARGUMENT means; True if it is that of a
    process, the regions of which are printed."""
    if not argument:
        return machine.loaded(), False
    register("pc")              # complains if there is no machine
    value = evaluate(argument)
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return machine.physical(value), False
    space = space_of(command, int(value))
    print_regions(machine, space)
    return machine.physical(space["root"]), True


# ---- Printing ------------------------------------------------------------

class VmPrint(gdb.Command):
    """Print a page table, a line for each run of pages: vmprint [-u] [WHAT]

WHAT is the number of a process, or a pointer to a table; without it, the
table in use.  -u: without the kernel's half.  That of a process is printed
without it, too, and its regions are."""

    def __init__(self):
        super().__init__("vmprint", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        user, what = re.fullmatch(r"\s*(-u\b)?\s*(.*)", argument).groups()
        machine = Machine()
        root, is_process = find_root(machine, "vmprint", what)
        entries = 1 << machine.bits
        print("page table at %s" % machine.text(root))
        print_table(machine, root, machine.levels - 1, 0,
                    entries // 2 if user or is_process else entries)


def print_table(machine, table, level, base, end):
    entries = machine.table(table)
    index, span = 0, 1 << machine.shift(level)
    blanks = "  " * (machine.levels - 1 - level)
    while index < end:
        entry, at, count = entries[index], base + index * span, 1
        if machine.present(entry) and machine.leaf(entry, level):
            count = run_length(machine, entries, level, index)
            last = "-%d" % (index + count - 1) if count > 1 else ""
            print("%s%d%s: %s to %s, %s %s" % (
                blanks, index, last, machine.text(machine.extend(at)),
                machine.text(machine.address(entry)),
                size_text(count * span), machine.permissions(entry)))
        elif machine.present(entry):
            below = machine.address(entry)
            print("%s%d: table at %s" % (blanks, index, machine.text(below)))
            print_table(machine, below, level - 1, at, 1 << machine.bits)
        index += count


def run_length(machine, entries, level, index):
    """How many entries from INDEX on continue each other."""
    first, span = entries[index], 1 << machine.shift(level)
    count = 1
    for entry in entries[index + 1:]:
        if not (machine.present(entry) and machine.leaf(entry, level) and
                machine.permissions(entry) == machine.permissions(first) and
                machine.address(entry) ==
                machine.address(first) + count * span):
            break
        count += 1
    return count


class VmDump(gdb.Command):
    """Print every entry of a page table that is not zero: vmdump [WHAT]

A line is the level and the address of a table, an index, and the entry.
WHAT is the number of a process, or a pointer to a table; without it, the
table in use."""

    def __init__(self):
        super().__init__("vmdump", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        machine = Machine()
        root, _ = find_root(machine, "vmdump", argument.strip())
        print("vmdump %s levels %d bits %d root %s" % (
            machine.name, machine.levels, machine.bits, machine.text(root)))
        count = dump_table(machine, root, machine.levels - 1)
        print("vmdump ends after %d entries" % count)


def dump_table(machine, table, level):
    """Returns how many entries there are, in this table and below."""
    count = 0
    for index, entry in enumerate(machine.table(table)):
        if entry:
            print("%d %s %d %s" % (level, machine.text(table), index,
                                   machine.text(entry)))
            count += 1
            if machine.present(entry) and not machine.leaf(entry, level):
                count += dump_table(machine, machine.address(entry),
                                    level - 1)
    return count


class Walk(gdb.Command):
    """Show every step of the translation of an address: walk ADDRESS [ID]

ADDRESS is an expression, or a function, or an array.  ID is the number of a
process; without it the table in use is taken."""

    def __init__(self):
        super().__init__("walk", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("walk: an address, please")
        machine = Machine()
        # Behind an operand, a number is no part of the expression.
        found = re.fullmatch(r"(.*[\w)\]'])\s+(\d+)\s*", argument)
        if found:
            argument = found.group(1)
            root = machine.physical(
                space_of("walk", int(found.group(2)))["root"])
        else:
            root = machine.loaded()
        walk(machine, root, self.address(machine, argument))

    def address(self, machine, text):
        value = evaluate(text)
        if value.type.code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC):
            value = value.address
        bits = 8 * machine.size
        if not -1 << bits - 1 <= int(value) < 1 << bits:
            raise gdb.GdbError("walk: %s is not a number of this machine" %
                               text)
        return int(value) & (1 << bits) - 1


def walk(machine, table, address):
    print("walk of %s:" % machine.text(address))
    if machine.extend(address & (1 << 39) - 1) != address:
        print("  not an address of this machine")
        return
    for level in reversed(range(machine.levels)):
        index = address >> machine.shift(level) & (1 << machine.bits) - 1
        entry = machine.table(table)[index]
        step = "  level %d, index %d: " % (level, index)
        if not machine.present(entry):
            print(step + "nothing there")
            return
        table = machine.address(entry)
        if machine.leaf(entry, level):
            offset = address & (1 << machine.shift(level)) - 1
            print(step + "page at %s %s" % (machine.text(table),
                                            machine.permissions(entry)))
            print("  offset %d: %s" % (offset, machine.text(table + offset)))
            return
        print(step + "table at " + machine.text(table))


# ---- Processes -----------------------------------------------------------

STATES = ["?", "runnable", "running", "sleeping", "zombie"]


def processes(machine):
    """All, the newest first; none before there are any."""
    try:
        pointer = machine.fetch(gdb.parse_and_eval("&newest"))
        while pointer:
            process = machine.fetch(pointer)
            yield process
            pointer = process["older"]
    except gdb.error:           # a kernel of the first chapters
        return


class Ps(gdb.Command):
    """Print a line for each process: number, parent, state and name."""

    def __init__(self):
        super().__init__("ps", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        register("pc")          # complains if there is no machine
        machine = Machine()
        found = list(processes(machine))
        if not found:
            raise gdb.GdbError("there is no process (yet)")
        for process in found:
            parent = process["parent"]
            print("%5d %5d  %-9s %s" % (
                int(process["pid"]),
                int(machine.fetch(parent)["pid"]) if parent else 0,
                STATES[int(process["state"])], process["name"].string()))


# ---- User programs -------------------------------------------------------

class Program(gdb.Command):
    """Take the symbols of a user program: program [NAME]

All programs have the same addresses, so only those of one can be there.
Without NAME, that of the process is taken whose memory is loaded, which is
also done at each stop, unless it has none."""

    loaded = None               # the file whose symbols gdb has

    def __init__(self):
        super().__init__("program", gdb.COMMAND_FILES)
        gdb.events.stop.connect(self.stopped)

    def invoke(self, argument, from_tty):
        name = argument.strip() or self.name()
        if not name:
            raise gdb.GdbError("program: no process has its memory loaded")
        path = self.path(name)
        if not path:
            raise gdb.GdbError("program: no symbols of %s" % name)
        self.take(path)
        print("symbols of " + path)

    def stopped(self, event):
        try:
            path = self.path(self.name() or "")
            if path:
                self.take(path)
        except (gdb.error, gdb.GdbError):
            pass                # paging is off, or there is no kernel yet

    def name(self):
        """The program of the process whose page table is loaded, or None."""
        machine = Machine()
        root = machine.loaded()
        for process in processes(machine):
            space = process["space"]
            if space and machine.physical(
                    machine.fetch(space)["root"]) == root:
                return process["name"].string()
        return None

    def path(self, name):
        """Its file with symbols, beside the kernel's, or None."""
        kernel = gdb.current_progspace().filename
        if not name or not kernel:
            return None
        found = glob.glob(os.path.join(
            glob.escape(os.path.dirname(kernel)), "user", "**",
            glob.escape(os.path.basename(name)) + ".debug"), recursive=True)
        return found[0] if found else None

    def take(self, path):
        if path == self.loaded:
            return
        if self.loaded:
            gdb.execute("remove-symbol-file " + self.loaded, to_string=True)
        self.loaded = None
        gdb.execute("add-symbol-file " + path, to_string=True)
        self.loaded = path


class InProgram(gdb.Function):
    """Is this the program that is loaded: break sh.c:main if $in_program("sh")

Other programs have other code at the same address, and stop there, too."""

    def __init__(self):
        super().__init__("in_program")

    def invoke(self, name):
        return program.name() == name.string()


# ---- The book ------------------------------------------------------------

class Chunk(gdb.Command):
    """Say which chunk of the book the code is in: chunk [LOCATION]

LOCATION is what `break` takes: a function, or FILE:LINE, or *ADDRESS.
Without it, the selected frame is meant."""

    def __init__(self):
        super().__init__("chunk", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        if argument:
            try:
                places = gdb.decode_line(argument)[1] or ()
            except gdb.error as error:
                raise gdb.GdbError(str(error))
        else:
            register("pc")
            places = [gdb.selected_frame().find_sal()]
        # An inlined function is at several addresses.
        for name, line in sorted({(place.symtab.filename, place.line)
                                  for place in places if place.symtab}):
            self.tell(name, line, next(
                place.symtab for place in places
                if place.symtab and place.symtab.filename == name))
        if not any(place.symtab for place in places):
            raise gdb.GdbError("chunk: this is not in the book")

    def tell(self, path, line, symtab):
        if not path.endswith(".nw"):
            raise gdb.GdbError("chunk: %s:%d is not in the book" %
                               (path, line))
        book = Pieces(os.path.dirname(symtab.fullname()))
        name = os.path.basename(path)
        for piece in book.pieces:
            if piece.chapter == name and \
                    piece.first <= line < piece.first + len(piece.lines):
                break
        else:
            raise gdb.GdbError("chunk: %s:%d is prose: is the kernel older "
                               "than the book?" % (path, line))
        print("<<%s>>, line %d of %d" % (
            piece.name, line - piece.first + 1, len(piece.lines)))
        print("  %s:%d, in chapter %d, %s" % (
            path, line, int(name[:2]), book.titles[name]))
        for user in book.users(piece):
            print("  used in <<%s>>, book/%s:%d" % (
                user.name, user.chapter, user.first - 1))


class Piece:
    def __init__(self, chapter, first, name):
        self.chapter, self.first, self.name = chapter, first, name
        self.lines = []


class Pieces:
    """The chunks in the chapters, as far as their lines say it."""

    def __init__(self, folder):
        self.pieces, self.titles = [], {}
        for path in sorted(glob.glob(os.path.join(glob.escape(folder),
                                                  "*.nw"))):
            self.read(path)

    def read(self, path):
        chapter, piece = os.path.basename(path), None
        with open(path, encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                text = text.rstrip("\n")
                found = re.fullmatch(r"<<(.+)>>=\s*", text)
                if found:
                    piece = Piece(chapter, number + 1, found.group(1))
                    self.pieces.append(piece)
                elif re.match(r"@(\s|$)", text):
                    piece = None
                elif piece:
                    piece.lines.append(text)
                elif text.startswith("# "):
                    self.titles.setdefault(
                        chapter, re.sub(r"^# | *\{.*", "", text))

    def users(self, piece):
        """One that uses it, one that uses that, up to a file."""
        name, seen = piece.name, set()
        while name not in seen:
            seen.add(name)
            use = "<<%s>>" % re.sub(r" \(until \d+\)$", "", name)
            for other in self.pieces:
                if any(text.strip() == use for text in other.lines):
                    yield other
                    name = other.name
                    break


gdb.execute("set tcp connect-timeout 2")
Ps()
program = Program()
InProgram()
Chunk()
VmPrint()
VmDump()
Walk()
