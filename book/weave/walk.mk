# The page Walk it yourself, with the page tables of kernels that run while
# the book is made: build/walk/MACHINE.dump.  The page is woven by the rule of
# weave.mk, from walk.md and those dumps.
#
# Kernels are built and run again only if code has changed: walk.py says of
# which code a dump is, and build/walk/MACHINE.made says of which it was.  If
# there is no kernel or no QEMU, the page says so, and the next make tries again.

walk_dir := $(dir $(lastword $(MAKEFILE_LIST)))
walk_tool := python3 -B $(walk_dir)walk.py
walk_dumps := $(MACHINES:%=build/walk/%.dump)
walk_files := $(addprefix $(weave_html)/,walk.js walk-page.js walk.css)
# The ordinary kernel, whatever was asked of this make.
walk_plain := CHAPTER= CHECK=0 WERROR= PROGRAMS=
walk_build = build/$(1)$(patsubst %,-%,$(filter-out clang,$(TOOLCHAIN)))

weave_variables += -V walk=yes
$(weave_html)/walk.html: weave_variables += -V walk-here=yes

book: $(weave_html)/walk.html
$(weave_html)/walk.html: $(walk_files) $(weave_html)/walk-data.js

# One machine after the other, because they share the tools of the host.
build/walk/i386.made: | build/walk/riscv.made
build/walk/riscv.made: | $(if $(filter kernel qemu run,$(MAKECMDGOALS)),kernel)

$(MACHINES:%=build/walk/%.made): build/walk/%.made: $(CHAPTERS) Makefile \
  tools/run $(walk_dir)walk.py $(shell find user -type f)
	@mkdir -p $(@D)
	@$(walk_tool) made $* > $@.new
	@if cmp -s $@.new $@ && [ -e build/walk/$*.dump ]; then touch $@; \
	elif $(MAKE) kernel MACHINE=$* $(walk_plain) > build/walk/$*.log 2>&1; then \
	  echo "  RUN     build/walk/$*.dump"; \
	  if $(walk_tool) run $* $(call walk_build,$*) build/walk/$*.dump; \
	  then mv $@.new $@; else rm -f $@; fi; \
	else \
	  cat build/walk/$*.log >&2; rm -f $@; \
	  $(walk_tool) none build/walk/$*.dump "its kernel was not built" || :; \
	fi

$(walk_dumps): build/walk/%.dump: build/walk/%.made
	@:

$(weave_tok)/walk.tok: $(walk_dir)walk.md $(walk_dir)walk.py $(walk_dumps)
	@mkdir -p $(@D) $(weave_html)
	@$(walk_tool) page $< $@ $(weave_html)/walk-data.js $(walk_dumps)
	@touch $@

$(weave_html)/walk-data.js: $(weave_tok)/walk.tok
	@:

$(walk_files): $(weave_html)/%: $(walk_dir)%
	@mkdir -p $(@D)
	@cp $< $@
