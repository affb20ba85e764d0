# Every command a person types; `make help` lists them.
# The kernel's sources are not here: tools/tangle takes them out of book/*.nw.

MACHINE ?= riscv
CPUS    ?= 1
MEM     ?= 128M
CHECK   ?= 0
COPY    ?= direct
TOOLCHAIN ?= clang

MACHINES := riscv i386
CHAPTERS := $(sort $(wildcard book/*.nw))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

ifeq ($(filter $(MACHINE),$(MACHINES)),)
$(error MACHINE is "$(MACHINE)": it can be $(MACHINES))
endif
ifeq ($(filter $(TOOLCHAIN),clang gcc),)
$(error TOOLCHAIN is "$(TOOLCHAIN)": it can be clang or gcc)
endif
ifneq ($(filter-out ram $(if $(filter i386,$(MACHINE)),pio),$(DISK)),)
$(error DISK is "$(DISK)": it can be ram, or on i386 pio)
endif
ifeq ($(filter $(CHECK),0 1),)
$(error CHECK is "$(CHECK)": it can be 0 or 1)
endif
ifeq ($(filter $(COPY),direct mirror walk),)
$(error COPY is "$(COPY)": it can be direct, mirror or walk)
endif

# T is the tangled tree and O the objects.  CHAPTER=07 has its own of both:
# the kernel that the first seven chapters make.
ifneq ($(filter 1 2 3 4 5 6 7 8 9,$(CHAPTER)),)
override CHAPTER := 0$(CHAPTER)
endif
ifdef CHAPTER
T := build/chapter-$(CHAPTER)/tangle
O := build/chapter-$(CHAPTER)/$(MACHINE)
else
T := tangle
O := build/$(MACHINE)
endif
ifneq ($(TOOLCHAIN),clang)
O := $(O)-$(TOOLCHAIN)
endif
ifneq ($(COPY),direct)
O := $(O)-$(COPY)
endif
ifeq ($(CHECK),1)
O := $(O)-check
endif
ifdef WERROR
O := $(O)-werror
endif

# ---- Tangling -----------------------------------------------------------
# The list of tangled files is an included makefile, so that make tangles
# first, stops here if the book has a mistake, and then reads the list.

LIST := build/$(subst /,-,$(T)).mk
BOOKLESS := help clean setup doctor setup-book watch build/book/html/%
ifneq ($(filter-out $(BOOKLESS),$(or $(MAKECMDGOALS),all)),)
ifneq ($(filter clean,$(MAKECMDGOALS)),)
$(error `make clean` goes alone: what it removes was read already)
endif
ifneq ($(filter setup,$(MAKECMDGOALS)),)
$(LIST): | set-up       # `make setup qemu`: nothing tangles before
endif
# An empty list of 1970 keeps make from announcing that there is none; the
# names of the chapters are kept to notice one that was removed.
$(shell mkdir -p build $(T); [ -e $(LIST) ] || touch -d @0 $(LIST); \
	echo $(CHAPTERS) | cmp -s - build/chapters || \
	echo $(CHAPTERS) > build/chapters)
include $(LIST)
ifeq ($(CHAPTERS),)
$(error no chapters: book/NN-name.nw is missing)
endif
endif

# A folder of $(T) is newer when a file in it came or went.  The dot keeps
# its name from being that of the goal `tangle`.
$(LIST): $(CHAPTERS) build/chapters tools/tangle tools/noweb.py \
		$(shell find $(T)/. -newer $(LIST) 2>/dev/null)
	@tools/tangle $(T) $(CHAPTER)

.PHONY: tangle
tangle: $(LIST)
ifdef DISCARD
	@tools/tangle $(T) $(CHAPTER)
endif

# ---- The kernel ---------------------------------------------------------

MINE := $(filter kernel/% first/% machine/$(MACHINE)/%,$(TANGLED))
# The boot sector and loader of the PC are a program of their own, and so is
# the first program that runs in user mode.
BOOT_SOURCES := $(filter machine/$(MACHINE)/boot/%,$(MINE))
FIRST_SOURCES := $(filter machine/$(MACHINE)/first/% first/%,$(MINE))
# How the kernel reaches the memory of programs: files for each COPY.
WAYS := machine/$(MACHINE)/copy_user.S machine/$(MACHINE)/copy_mirror.S \
	kernel/memory/copy_walk.c kernel/memory/mirror.c \
	kernel/memory/check_mirror.c
WAY_direct := %/copy_user.S
WAY_mirror := %/copy_mirror.S %/mirror.c %/check_mirror.c
WAY_walk := %/copy_walk.c
ifeq ($(MINE),$(filter-out $(WAY_$(COPY)),$(MINE)))
ifneq ($(and $(MINE),$(filter-out direct,$(COPY))),)
$(error COPY=$(COPY) begins with the chapter on the three ways)
endif
endif
SOURCES := $(filter-out $(BOOT_SOURCES) $(FIRST_SOURCES) \
	$(filter-out $(WAY_$(COPY)),$(WAYS)),$(MINE))
objects = $(patsubst %,$(O)/%.o,$(filter %.c %.S,$(1)))

COMMON := -std=gnu11 -O2 -g -ffreestanding -fno-builtin -fno-pic -fno-pie \
	-fno-stack-protector -fno-omit-frame-pointer -fno-common \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables \
	-Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes \
	-Werror=implicit-function-declaration \
	-DCHECK=$(CHECK) -DCOPY='"$(COPY)"' \
	-DMIRROR=$(if $(filter mirror,$(COPY)),1,0) $(if $(WERROR),-Werror) \
	-I$(T)/include -I$(T)/kernel -I$(T)/machine/$(MACHINE) -I$(O)

ifeq ($(MACHINE),riscv)
  TARGET := --target=riscv64-unknown-elf -march=rv64imac -mno-relax
  # Scheduled, a store into a frame of more than 2 KiB may come before the
  # instruction that makes room for it: below sp, where a trap overwrites it.
  GCC_TARGET := -march=rv64imac_zicsr_zifencei -mno-relax \
	-fno-schedule-insns2 \
	-mstrict-align -fno-tree-loop-distribute-patterns
  CFLAGS := -mabi=lp64 -mcmodel=medany
  GCC := riscv64-linux-gnu-
  LDMODE := elf64lriscv
else
  # Nothing is put in front of a loop: i686 has no long instruction that
  # does nothing, so a program would execute up to fifteen short ones.
  TARGET := --target=i386-unknown-elf -falign-loops=1
  GCC_TARGET := -m32 -fno-tree-loop-distribute-patterns
  CFLAGS := -march=i686 -mgeneral-regs-only
  # The kernel's functions get three arguments in eax, edx and ecx.
  CONVENTION := -mregparm=3
  GCC := i686-linux-gnu-
  LDMODE := elf_i386
endif

ifeq ($(TOOLCHAIN),clang)
  CC := clang $(TARGET) -momit-leaf-frame-pointer
  LD := ld.lld -m $(LDMODE)
  NM := llvm-nm
  OBJCOPY := llvm-objcopy
else
  CC := $(GCC)gcc $(GCC_TARGET)
  LD := $(GCC)ld -m $(LDMODE) --no-warn-rwx-segments
  NM := $(GCC)nm
  OBJCOPY := $(GCC)objcopy
endif
CFLAGS := $(COMMON) $(CFLAGS)
LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096

# The user programs, and the archive of them, from the chapter on that can
# use it.
ifneq ($(filter kernel/files/%,$(MINE)),)
include user/user.mk
endif

# mkfs, and the disk that it fills, from the chapter on that has it.
ifneq ($(filter host/mkfs.c,$(TANGLED)),)
include tools/filesystem.mk
endif

KERNEL := $(O)/kernel.elf
BOOT_DISK := $(O)/disk.img
# The disk for files, for kernels that have a driver.
FILES_DISK := $(if $(filter kernel/disk/%,$(MINE)),$(O)/fs.img)

.PHONY: all kernel
all: book
	@for machine in $(MACHINES); do \
		$(MAKE) --no-print-directory kernel MACHINE=$$machine || exit; \
	done

kernel: $(KERNEL) $(if $(filter i386,$(MACHINE)),$(BOOT_DISK)) $(FILES_DISK)
	@echo "$(KERNEL) is up to date"

# The rule for every object depends on the flags: O has a folder for each
# set of them, and this file is a prerequisite.
$(O)/%.c.o: $(T)/%.c Makefile | compilers
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CFLAGS) $(if $(filter $(BOOT_SOURCES) $(FIRST_SOURCES),$*.c),, \
		$(CONVENTION)) -MMD -MP -c -o $@ $<

$(O)/%.S.o: $(T)/%.S Makefile | compilers
	@mkdir -p $(@D)
	@echo "  AS    $<"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/%.ld: $(T)/machine/$(MACHINE)/%.ld Makefile | compilers
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -E -P -x c -MMD -MP -MT $@ -o $@ $<

# One clear line instead of "No such file or directory".
.PHONY: compilers
compilers:
	@for tool in $(firstword $(CC)) $(firstword $(LD)) $(NM) $(OBJCOPY); do \
		command -v $$tool > /dev/null || { \
		echo "$$tool is missing: try \`make setup\`" >&2; exit 1; }; \
	done

# The kernel is linked twice: the first link gives every function its
# address, the second carries that list along for the backtrace of panic().
$(KERNEL): $(call objects,$(SOURCES)) $(ARCHIVE) $(O)/kernel.ld
	@echo "  LINK  $@"
	@$(LD) $(LDFLAGS) -T $(O)/kernel.ld -Map $(O)/kernel.map \
		-o $@.1 $(filter %.o,$^)
ifneq ($(filter kernel/console/symbols.S,$(MINE)),)
	@$(NM) -n $@.1 | grep -i ' t [a-z_]' > $(O)/symbols.txt
	@$(CC) $(CFLAGS) -c -o $(O)/kernel/console/symbols.S.o \
		$(T)/kernel/console/symbols.S
	@$(LD) $(LDFLAGS) -T $(O)/kernel.ld -Map $(O)/kernel.map \
		-o $@.1 $(filter %.o,$^)
endif
	@mv $@.1 $@

# The first, empty list of symbols.
$(O)/kernel/console/symbols.S.o: | $(O)/symbols.txt
$(O)/symbols.txt:
	@mkdir -p $(@D)
	@: > $@

# The first program, which the kernel carries along.
ifneq ($(FIRST_SOURCES),)
$(O)/kernel/process/first.S.o: $(O)/first.bin
$(O)/first.bin: $(call objects,$(FIRST_SOURCES)) $(T)/first/first.ld
	@$(LD) $(LDFLAGS) -T $(T)/first/first.ld \
		-o $(O)/first.elf $(filter %.o,$^)
	@$(OBJCOPY) -O binary $(O)/first.elf $@
endif

# A PC's disk: boot sector and loader in the first 8 KiB, then the kernel.
KERNEL_SECTOR := 16
$(O)/boot.bin: $(call objects,$(BOOT_SOURCES)) $(O)/boot/boot.ld
	@$(LD) $(LDFLAGS) -T $(O)/boot/boot.ld --oformat binary \
		-o $@ $(filter %.o,$^)

$(BOOT_DISK): $(O)/boot.bin $(KERNEL)
	@echo "  DISK  $@"
	@$(OBJCOPY) --strip-debug $(KERNEL) $(O)/kernel.stripped
	@cp $(O)/boot.bin $@.new
	@truncate -s 8M $@.new
	@dd if=$(O)/kernel.stripped of=$@.new bs=512 seek=$(KERNEL_SECTOR) \
		conv=notrunc,sync status=none
	@mv $@.new $@

ifndef FILES_BLOCKS
$(O)/fs.img:
	@mkdir -p $(@D)
	@truncate -s 32M $@
endif

-include $(patsubst %.o,%.d,$(call objects,$(MINE)))
-include $(wildcard $(O)/*.d $(O)/boot/*.d)

# ---- Running ------------------------------------------------------------

RUN := tools/run --machine $(MACHINE) --cpus $(CPUS) --mem $(MEM) --build $(O) \
	$(if $(filter 1,$(ICOUNT)),--icount) \
	$(if $(DISK),--disk $(DISK)) $(if $(filter 1,$(KEEP)),--keep) \
	$(if $(filter 1,$(OLD)),--old) $(if $(filter 1,$(LOG)),--log)
# Where gdb knows every machine, it has no other name.
GDB := $(or $(shell command -v gdb-multiarch),gdb) -q -x tools/gdb.py

.PHONY: qemu run qemu-gdb gdb
qemu: kernel
	@echo "Leave QEMU with control-A x."
	@$(RUN) || { s=$$?; [ $$s -lt 99 ] || exit $$s; }

run: kernel
	@$(RUN) --commands '$(subst ','\'',$(CMD))'

qemu-gdb: kernel
	@echo "Waiting for \`make gdb MACHINE=$(MACHINE)\` in another terminal."
	@$(RUN) --gdb

gdb: kernel
	@$(GDB) -ex 'target remote :1234' $(KERNEL)

# ---- Checking -----------------------------------------------------------

PYTEST := /usr/bin/python3 -B -m pytest -q -p no:cacheprovider -n 2

# What PDF, EPUB and the tests of pages need.  Where a person would rather not
# install it, the tests that need it are skipped.
.PHONY: setup-book tools-of-the-book
setup-book:
	@tools/setup-book
tools-of-the-book:
	@tools/setup-book --check || [ $$? = 3 ]

.PHONY: check check-all lint transcripts
check: tangle tools-of-the-book
	@$(PYTEST) tests --whole
	@tools/lint

check-all: tangle tools-of-the-book
	@$(PYTEST) tests --all --whole
	@tools/lint

lint:
	@tools/lint

# WRITE=1 puts what the kernels print into the chapters.
transcripts:
	@tools/transcripts $(if $(WRITE),--write) $(CHAPTER)

# What the operations of the kernel cost, and where a row's instructions go.
.PHONY: bench profile
bench: tangle
	@tools/bench $(if $(filter 1,$(GROWTH)),--growth) \
		$(if $(filter 1,$(BOOT)),--boot) \
		$(if $(filter 1,$(GAPS)),--gaps) \
		$(if $(filter 1,$(LOCKS)),--locks) \
		$(if $(filter 1,$(TOGETHER)),--together) \
		$(if $(filter 1,$(RECORD)),--record) $(ROW)
profile: kernel
	@tools/profile --machine $(MACHINE) --build $(O) \
		$(if $(COUNT),--count $(COUNT)) $(ROW)

# What the three ways into a program's memory cost.
.PHONY: ways measure
ways: tangle
	@tools/ways

# Sizes and costs for the numbers of the prose, into book/measured/.
measure: tangle
	@tools/measure

# ---- Editing ------------------------------------------------------------

PORT ?= 8000

# It makes the kernel of MACHINE= and all other settings again and again.
.PHONY: watch
watch:
	@tools/watch --port $(PORT) $(if $(HOST),--host $(HOST)) \
		$(filter-out PORT=% HOST=%,$(MAKEOVERRIDES))

# Names lead to the book; and how each file is compiled, for clangd.
quoted = '$(subst ','\'',$(1))'
.PHONY: tags
tags: tangle
	@tools/tags
	@tools/tags --compile $(O) $(call quoted,$(CC) $(CFLAGS)) \
		$(addprefix $(T)/,$(filter %.c %.S,$(MINE))) \
		$(if $(USER_PROGRAMS),--and $(call quoted,$(CC) $(USER_CFLAGS) \
		-Iuser/lib/$(MACHINE)) $(wildcard user/*.c user/lib/*.c \
		user/usertests/*.c user/lib/$(MACHINE)/*.S)) \
		$(if $(HOST_KERNEL),--and $(call quoted,$(HOSTCC) $(HOST_CFLAGS)) \
		$(addprefix $(T)/,$(filter host/%.c,$(TANGLED))))

# For readers who build nothing.
.PHONY: dist
dist:
	@$(MAKE) --no-print-directory boot pdf epub CHAPTER=
	@for machine in $(MACHINES); do \
		$(MAKE) --no-print-directory kernel MACHINE=$$machine CHAPTER= \
		CHECK=0 COPY=direct TOOLCHAIN=clang WERROR= PROGRAMS= || exit; \
	done
	@tools/dist build/weft.zip

# ---- Setting up ---------------------------------------------------------

.PHONY: setup set-up doctor clean help
setup: set-up
	@:
set-up:
	@$(if $(MAKE_RESTARTS),:,tools/setup)

doctor:
	@tools/doctor

# Everything that was generated; the README in tangle/ was not.
clean:
	@rm -rf build
	@find tangle -mindepth 1 ! -name README.md -delete

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: make [all]         kernels of both machines, and the book as HTML
#: make setup         install what is missing (shows it first)
#: make setup-book    and what PDF, EPUB and the tests of pages need
#: make doctor        what is installed, what is not, and how to get it
#: make qemu          boot the kernel; leave with control-A x
#: make run CMD='ls; usertests -q'   the same without a person, with a status
#: make kernel        build the kernel, boot nothing
#: make book          the book: build/book/html/index.html
#: make boot          and its kernels, which run in its pages (CHAPTER=07: one)
#: make pdf           the book on paper: build/book/weft.pdf
#: make epub          the book for reading devices: build/book/weft.epub
#: make watch         page and kernel follow each save (PORT=8000)
#: make check         every test (make setup check on a fresh machine)
#: make check-all     and every combination of machine, compiler, CPUs, memory
#: make crash-hunt    look for a crash that costs data (STATES=10000000 SEED=2)
#: make lint          the book in numbers: words, lines, chunks
#: make bench         what system calls cost, beside xv6 (ROW='fstat getpid')
#:                    GROWTH=1 BOOT=1 GAPS=1 LOCKS=1 TOGETHER=1: other
#:                    measurements;
#:                    RECORD=1: all, into the chapter on costs
#: make profile       where the instructions of ROW=fstat go (or boot), on MACHINE=
#: make ways          the cost of each way into a program's memory (COPY=)
#: make measure       sizes and costs that the prose speaks of, anew
#: make transcripts   compare the transcripts with the kernels (WRITE=1: take over)
#: make tangle        only take the C out of the book, into tangle/
#: make tags          names for editors: tags, compile_commands.json
#: make qemu-gdb      boot, and wait for 'make gdb' in another terminal
#: make gdb           gdb with ps, chunk, vmprint, walk; symbols of programs
#: make dist          build/weft.zip for readers: book, kernels, disks
#: make clean         remove everything that was generated
#:
#: With any of them:
#:   MACHINE=riscv|i386    which machine          (riscv)
#:   CHAPTER=07            the kernel that chapters 1 to 7 make
#:   PROGRAMS='a.c b'      more files for the archive (PUBLIC=1: of xv6-public)
#:   CPUS=1..8  MEM=128M   processors and memory  (1, 128M)
#:   KEEP=1                what is written to the disk stays there
#:   DISK=ram|pio          no disk; on i386, one without DMA
#:   CHECK=1               a kernel that checks itself as it runs
#:   COPY=walk|mirror      another way into programs' memory   (direct)
#:   OLD=1                 on i386, a processor without SMEP and SMAP
#:   TOOLCHAIN=clang|gcc   the compiler           (clang)
#:   WERROR=1              warnings are errors
#:   LOG=1                 traps and resets go to build/qemu.log
#:   ICOUNT=1              cycles are instructions, for CMD=bench

# The rules of the book are read only when the book is wanted.
ifneq ($(filter all book boot pdf epub build/book/%,$(or \
	$(MAKECMDGOALS),all)),)
# One page is wanted quickly: by who has just saved its chapter.
weave_page_only := $(if $(MAKECMDGOALS),$(if \
	$(filter-out build/book/html/%,$(MAKECMDGOALS)),,yes))
weave_cover := build/book/cover.md
$(weave_cover): book/weave/cover.md tools/lint Makefile \
		$(if $(weave_page_only),,$(CHAPTERS))
	@mkdir -p $(@D)
	@{ cat $<; echo; \
	echo 'Real page tables to follow by hand: [Walk it yourself](walk.html).'; \
	echo '<!-- contents -->'; tools/lint --cost; } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
include weave.mk
include book/weave/walk.mk
include book/weave/boot.mk
ifneq ($(filter pdf epub build/book/weft.%,$(MAKECMDGOALS)),)
include print.mk
endif

# An appendix with a dead reference is not woven, nor a number that is wrong.
.PHONY: notebooks
$(weave_tok)/stamp: | $(if $(weave_page_only),,notebooks)
notebooks:
	@tools/notebooks.py
	@tools/prose_numbers.py
endif
