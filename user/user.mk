# User programs, and the archive of files that the kernel carries along.
#
# PROGRAMS='path/a.c path/b' adds files to the archive: a .c is compiled
# as a program for xv6-riscv, or for xv6-public with PUBLIC=1; anything
# else is taken as it is.  The last file of a name is the one that counts.

AR := $(patsubst %nm,%ar,$(NM))

# Without mmap() in the kernel, its header is not there.
USER_PROGRAMS := $(filter-out $(if $(wildcard $(T)/include/mman.h),,upper),\
	$(patsubst user/%.c,%,$(wildcard user/*.c)))
USER_LIBRARY := $(O)/user/lib.a
USER_LIBRARY_OBJECTS := $(patsubst %,$(O)/%.o,$(wildcard \
	user/lib/*.[cS] user/lib/$(MACHINE)/*.[cS]))

# Small constants would be writable: one segment more for nearly every
# program.
USER_TARGET := -ffunction-sections -fdata-sections \
	$(if $(filter riscv,$(MACHINE)),-msmall-data-limit=0) \
	$(filter-out -I% -D% -W%,$(CFLAGS))
USER_CFLAGS := $(filter -W%,$(CFLAGS)) $(USER_TARGET) \
	-I. -Iuser -I$(T)/include
USER_LDFLAGS := $(LDFLAGS) -z noseparate-code --gc-sections \
	-T user/user.ld

# ---- Our own programs ---------------------------------------------------

$(O)/user/lib/%.o: user/lib/% Makefile user/user.mk | compilers
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(USER_CFLAGS) -Iuser/lib/$(MACHINE) -MMD -MP -c -o $@ $<

$(USER_LIBRARY): $(USER_LIBRARY_OBJECTS)
	@rm -f $@
	@$(AR) rcs $@ $^

$(O)/user/%.c.o: user/%.c Makefile user/user.mk | compilers
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

# ---- Programs of others -------------------------------------------------
# Their sources come in through standard input: a header of the same name
# beside them must not be found before ours.  They are compiled as hosted
# C, in which a main() that ends without a return returns 0; but not
# preprocessed as such, or <stdint.h> would look for a C library.

GIVEN_SOURCES := $(filter %.c,$(PROGRAMS))
GIVEN_PROGRAMS := $(sort $(basename $(notdir $(GIVEN_SOURCES))))
GIVEN_CFLAGS := $(USER_TARGET) -Wno-format \
	$(if $(filter gcc,$(TOOLCHAIN)),-Wno-builtin-declaration-mismatch)
GIVEN_INCLUDES := $(if $(filter 1,$(PUBLIC)),-Iuser/xv6-public,-I. -Iuser) \
	-I$(T)/include

# $(1): the path of a source
define given_program
$(O)/user/given/$(notdir $(1)).o: $(1) $(O)/archive.txt | compilers
	@mkdir -p $$(@D)
	@echo "  CC    $(1)"
	@{ echo '#line 1 "$(1)"'; cat $(1); } | $(CC) $(GIVEN_CFLAGS) \
		$(GIVEN_INCLUDES) -I$(dir $(1)) -MMD -MP -MT $$@ \
		-MF $$(@:.o=.d) -E -x c -o $$(@:.o=.i) -
	@$(CC) $(filter-out -ffreestanding,$(GIVEN_CFLAGS)) -fhosted \
		-c -x cpp-output -o $$@ $$(@:.o=.i)
endef
$(foreach source,$(GIVEN_SOURCES),$(eval $(call given_program,$(source))))

# ---- Linking ------------------------------------------------------------
# NAME.debug is for the debugger, NAME for the archive.

USER_BINARIES := $(addprefix $(O)/user/,\
	$(USER_PROGRAMS) $(GIVEN_PROGRAMS:%=given/%))

$(USER_BINARIES:=.debug): $(O)/user/%.debug: $(O)/user/%.c.o \
		$(USER_LIBRARY) user/user.ld
	@$(LD) $(USER_LDFLAGS) -o $@ $< $(USER_LIBRARY)

$(USER_BINARIES): $(O)/user/%: $(O)/user/%.debug
	@$(OBJCOPY) --strip-all $< $@

# ---- The archive --------------------------------------------------------

# name=path for each file
as_it_is = $(patsubst _%,%,$(notdir $(1)))=$(1)
compiled = $(basename $(notdir $(1)))=$(O)/user/given/$(basename \
	$(notdir $(1)))
ARCHIVED := $(foreach name,$(USER_PROGRAMS),$(name)=$(O)/user/$(name)) \
	[=$(O)/user/test \
	$(patsubst %,README=%,$(wildcard README.md)) \
	$(foreach path,$(PROGRAMS),\
		$(call $(if $(filter %.c,$(path)),compiled,as_it_is),$(path)))

# What goes in, and how the programs of others are compiled.  It is looked
# at each time, and written only if it is different.
$(O)/archive.txt: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' 'PUBLIC=$(PUBLIC) $(PROGRAMS)' $(ARCHIVED) > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

$(O)/archive.S: $(O)/archive.txt user/archive.awk user/user.mk
	@awk -F= -v word=$(if $(filter i386,$(MACHINE)),.long,.quad) \
		-f user/archive.awk $< > $@

ARCHIVE := $(O)/archive.S.o
$(ARCHIVE): $(O)/archive.S Makefile $(foreach file,$(ARCHIVED),\
		$(lastword $(subst =, ,$(file))))
	@echo "  AS    $<"
	@$(CC) $(CFLAGS) -c -o $@ $<

-include $(wildcard $(O)/user/*.d $(O)/user/given/*.d $(O)/user/lib/*.d \
	$(O)/user/lib/$(MACHINE)/*.d)
