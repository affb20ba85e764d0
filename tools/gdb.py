"""What `make gdb` adds to gdb: the page tables, read in the machine's memory.

  vmprint         the page table in use, as the kernel's vmprint prints it
  walk ADDRESS    every step of one translation
"""

import gdb


class Geometry:
    """The shape of the tree on the machine that gdb is connected to."""

    def __init__(self):
        self.riscv = "riscv" in gdb.selected_inferior().architecture().name()
        self.levels, self.bits = (3, 9) if self.riscv else (2, 10)
        self.size = 8 if self.riscv else 4
        self.kernbase = 0xffffffc000000000 if self.riscv else 0x80000000

    def shift(self, level):
        return 12 + self.bits * level

    def root(self):
        root = (register("satp") & (1 << 44) - 1) << 12 if self.riscv \
            else register("cr3") & ~0xfff
        if not root:
            raise gdb.GdbError("paging is off: go on to kmain first")
        return root

    def entry(self, table, index):
        """One entry, read through the kernel's direct map."""
        address = table + self.kernbase + index * self.size
        try:
            memory = gdb.selected_inferior().read_memory(address, self.size)
        except gdb.MemoryError:
            raise gdb.GdbError("the table at %s cannot be read" %
                               self.text(table))
        return int.from_bytes(bytes(memory), "little")

    def present(self, entry):
        return entry & 1

    def leaf(self, entry, level):
        if self.riscv:
            return entry & 14
        return level == 0 or entry & 128

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

    def text(self, address):
        return "0x%0*x" % (2 * self.size, address)


def register(name):
    if not gdb.selected_inferior().threads():
        raise gdb.GdbError("no machine: `make qemu-gdb` in another terminal")
    return int(gdb.selected_frame().read_register(name)) & (1 << 64) - 1


def size_text(size):
    return "%dM" % (size >> 20) if size % (1 << 20) == 0 \
        else "%dK" % (size >> 10)


class VmPrint(gdb.Command):
    """Print the page table in use, one line for each run of pages."""

    def __init__(self):
        super().__init__("vmprint", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        shape = Geometry()
        print("page table at %s" % shape.text(shape.root()))
        self.table(shape, shape.root(), shape.levels - 1, 0)

    def table(self, shape, table, level, base):
        index, span = 0, 1 << shape.shift(level)
        blanks = "  " * (shape.levels - 1 - level)
        while index < 1 << shape.bits:
            entry = shape.entry(table, index)
            at = base + index * span
            if not shape.present(entry):
                index += 1
            elif shape.leaf(entry, level):
                count = self.run(shape, table, level, index, entry)
                last = "-%d" % (index + count - 1) if count > 1 else ""
                print("%s%d%s: %s to %s, %s %s" % (
                    blanks, index, last, shape.text(shape.extend(at)),
                    shape.text(shape.address(entry)),
                    size_text(count * span), shape.permissions(entry)))
                index += count
            else:
                print("%s%d: table at %s" % (
                    blanks, index, shape.text(shape.address(entry))))
                self.table(shape, shape.address(entry), level - 1, at)
                index += 1

    def run(self, shape, table, level, index, first):
        """How many entries from INDEX on continue each other."""
        count, span = 1, 1 << shape.shift(level)
        while index + count < 1 << shape.bits:
            entry = shape.entry(table, index + count)
            if not (shape.present(entry) and shape.leaf(entry, level) and
                    shape.permissions(entry) == shape.permissions(first) and
                    shape.address(entry) ==
                    shape.address(first) + count * span):
                break
            count += 1
        return count


class Walk(gdb.Command):
    """Show every step of the translation of an address: walk ADDRESS."""

    def __init__(self):
        super().__init__("walk", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("walk: an address, please")
        shape = Geometry()
        try:
            value = gdb.parse_and_eval(argument)
        except gdb.error as error:
            raise gdb.GdbError(str(error))
        if value.type.code in (gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC):
            value = value.address
        bits = 8 * shape.size
        if not -1 << bits - 1 <= int(value) < 1 << bits:
            raise gdb.GdbError("walk: %s is not a number of this machine" %
                               argument)
        address = int(value) & (1 << bits) - 1
        table = shape.root()
        print("walk of %s:" % shape.text(address))
        if shape.riscv and address + (1 << 38) & (1 << 64) - 1 >= 1 << 39:
            print("  not an address of this machine")
            return
        for level in reversed(range(shape.levels)):
            index = address >> shape.shift(level) & (1 << shape.bits) - 1
            entry = shape.entry(table, index)
            step = "  level %d, index %d: " % (level, index)
            if not shape.present(entry):
                print(step + "nothing there")
                return
            table = shape.address(entry)
            if shape.leaf(entry, level):
                offset = address & (1 << shape.shift(level)) - 1
                print(step + "page at %s %s" % (shape.text(table),
                                                shape.permissions(entry)))
                print("  offset %d: %s" % (offset,
                                           shape.text(table + offset)))
                return
            print(step + "table at " + shape.text(table))


gdb.execute("set tcp connect-timeout 2")
VmPrint()
Walk()
