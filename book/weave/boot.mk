# The kernel in the page: the section Run it here of each chapter that has a
# kernel for the PC, and the kernels, which `make boot` adds.
#
# `make book` needs neither kernels nor npm: the section tells the reader when
# there is none, or one that is older than the text.  `make boot CHAPTER=07`
# makes one of them.  WEB is where npm puts the emulator.

WEB ?= build/web

boot_dir := $(dir $(lastword $(MAKEFILE_LIST)))
boot_tool := python3 -B $(boot_dir)boot.py
boot_chapters := $(shell grep -l '^<<transcript/[0-9]*[.]i386' $(weave_chapters) /dev/null)
boot_sections := $(boot_chapters:$(WEAVE_BOOK)/%.nw=$(weave_tok)/%.boot)

$(weave_tok)/boot-sections: $(weave_chapters) $(boot_dir)boot.py
	@mkdir -p $(@D)
	@$(boot_tool) sections $(weave_tok) $(boot_chapters)
	@touch $@
$(boot_sections): $(weave_tok)/boot-sections
	@:
$(boot_sections:$(weave_tok)/%.boot=$(weave_html)/%.html): \
  $(weave_html)/%.html: $(weave_tok)/%.boot

book: $(weave_html)/boot.css $(weave_html)/boot.js

$(weave_html)/boot.css: $(boot_dir)boot.css
	@mkdir -p $(@D)
	@cp $< $@

# Which kernels are there, and of this text, is looked at each time.
$(weave_html)/boot.js: weave-always
	@mkdir -p $(@D)
	@$(boot_tool) script $(weave_html)

.PHONY: boot
boot: book
	@$(boot_tool) kernels $(weave_html) $(WEB) $(CHAPTER)

$(weave_html)/boot/kernel-%.js: weave-always | $(weave_html)/boot.js
	@$(boot_tool) kernels $(weave_html) $(WEB) $*
