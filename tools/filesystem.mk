# The kernel's file system as a library of this computer, and what is made
# of it: mkfs, which makes the disk of the kernel, and fsck.

HOSTCC ?= $(TOOLCHAIN)
H := $(patsubst %/,%,$(dir $(O)))/host$(if $(filter gcc,$(TOOLCHAIN)),-gcc)

HOST_KERNEL := $(filter $(addprefix kernel/files/,$(addsuffix .c,\
	page inode mount change commit directory names path contents \
	check)),$(TANGLED)) kernel/memory/cache.c kernel/console/format.c
HOST_LIBRARY := $(HOST_KERNEL:%.c=$(H)/%.o) $(H)/host/host.o
HOST_TOOLS := $(patsubst host/%.c,$(H)/%,$(filter host/mkfs.c host/fsck.c,\
	$(TANGLED)))

HOST_CFLAGS := -std=gnu11 -O2 -g -fno-strict-aliasing -Wall -Wextra \
	$(if $(WERROR),-Werror) -DCHECK=0 \
	-iquote $(T)/host -iquote $(T)/host/machine \
	-iquote $(T)/kernel -iquote $(T)/include

$(H)/kernel/%.o: $(T)/kernel/%.c tools/filesystem.mk
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(HOST_CFLAGS) -include $(T)/host/names.h \
		-MMD -MP -c -o $@ $<

$(H)/host/%.o: $(T)/host/%.c tools/filesystem.mk
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

$(H)/mkfs $(H)/fsck: $(H)/%: $(H)/host/%.o $(H)/host/image.o $(HOST_LIBRARY)
	@$(HOSTCC) -o $@ $^

-include $(patsubst %.o,%.d,$(HOST_LIBRARY) $(H)/host/image.o \
	$(H)/host/mkfs.o $(H)/host/fsck.o)

.PHONY: host-tools
host-tools: $(HOST_TOOLS)

# ---- Tests --------------------------------------------------------------
# hunt looks for a crash that is not survived: STATES=10000000 for long,
# SEED=2 elsewhere.  plants sees whether the checker notices everything.

STATES ?= 100000
HUNT := $(H)/filesystem/hunt
PLANTS := $(H)/filesystem/plants
REPLAY := $(H)/filesystem/replay
HUNT_OBJECTS := $(patsubst %,$(H)/filesystem/%.o,hunt states disk model)

$(H)/filesystem/%.o: tests/host/filesystem/%.c tools/filesystem.mk
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(HOSTCC) $(HOST_CFLAGS) $(HUNT_FLAGS) -MMD -MP -c -o $@ $<

$(HUNT): $(HUNT_OBJECTS) $(HOST_LIBRARY)
	@$(HOSTCC) -o $@ $^

$(REPLAY): $(H)/filesystem/replay.o $(filter-out %/hunt.o,\
		$(HUNT_OBJECTS)) $(HOST_LIBRARY)
	@$(HOSTCC) -o $@ $^

$(PLANTS): $(H)/filesystem/plants.o $(HOST_LIBRARY)
	@$(HOSTCC) -o $@ $^

-include $(HUNT_OBJECTS:.o=.d) $(H)/filesystem/plants.d \
	$(H)/filesystem/replay.d

.PHONY: crash-hunt host-tests
crash-hunt: $(HUNT)
	@$(HUNT) -n $(STATES) $(if $(SEED),-s $(SEED))

host-tests: $(HUNT) $(PLANTS) $(REPLAY)

# With sanitizers, and everything but host.c watched by libFuzzer.
FUZZ := $(H)/fuzz/fuzz
FUZZ_FLAGS := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
WATCHED := -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-coverage=trace-cmp

$(H)/fuzz/%.o: $(T)/%.c tools/filesystem.mk
	@mkdir -p $(@D)
	@clang $(HOST_CFLAGS) $(FUZZ_FLAGS) $(WATCHED) \
		-include $(T)/host/names.h -MMD -MP -c -o $@ $<

$(H)/fuzz/host.o: $(T)/host/host.c tools/filesystem.mk
	@mkdir -p $(@D)
	@clang $(HOST_CFLAGS) $(FUZZ_FLAGS) -fsanitize=address,undefined \
		-MMD -MP -c -o $@ $<

$(FUZZ): tests/host/filesystem/fuzz.c $(H)/fuzz/host.o $(patsubst \
		%.c,$(H)/fuzz/%.o,$(filter-out %/cache.c,$(HOST_KERNEL)))
	@clang $(HOST_CFLAGS) $(FUZZ_FLAGS) $(WATCHED) -o $@ $^

-include $(wildcard $(H)/fuzz/*.d $(H)/fuzz/kernel/*/*.d)

.PHONY: fuzz-filesystem
fuzz-filesystem: $(FUZZ)

# ---- The disk of the kernel ---------------------------------------------
# All programs and README, in 32 MiB.

FILES_BLOCKS := 8192
# The archive has NAME=PATH, mkfs wants PATH=NAME.
turned = $(lastword $(subst =, ,$(1)))=$(firstword $(subst =, ,$(1)))

$(O)/fs.img: $(HOST_TOOLS) $(O)/archive.txt \
		$(foreach file,$(ARCHIVED),$(lastword $(subst =, ,$(file))))
	@echo "  DISK  $@"
	@$(H)/mkfs $@ $(FILES_BLOCKS) \
		$(foreach file,$(ARCHIVED),$(call turned,$(file)))
