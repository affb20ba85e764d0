# The book on paper and for reading devices, from what weave.mk makes:
#
#   make pdf       build/book/weft.pdf      make epub      build/book/weft.epub
#
# A chapter is LaTeX in build/book/print/NN-name.tex, made of the tokens of its
# page; print.py sets them all.  The EPUB is made of the pages themselves.

print_out := $(WEAVE_OUT)/print
print_stems := $(patsubst $(WEAVE_BOOK)/%.nw,%,$(weave_chapters))
print_tex := $(print_stems:%=$(print_out)/%.tex)
print_drawings := $(patsubst $(WEAVE_BOOK)/%.svg,$(print_out)/%.pdf, \
  $(wildcard $(WEAVE_BOOK)/figures/*.svg))
print_py := python3 -B $(weave_dir)/print.py
print_pandoc := pandoc -p -t latex --wrap=none $(if $(weave_bib),--citeproc \
  --bibliography $(weave_bib) -M link-citations=true)

# The pages with all their markup, before they are made small for readers.
print_pages := $(or $(weave_whole),$(weave_html))

# As many chapters at a time as there are processors.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
ifneq ($(filter pdf epub,$(MAKECMDGOALS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif
endif

.PHONY: pdf epub print-tools
pdf: $(WEAVE_OUT)/weft.pdf
epub: $(WEAVE_OUT)/weft.epub

$(WEAVE_OUT)/weft.epub: $(weave_pages) $(print_out)/cover.png \
  $(addprefix $(weave_dir)/,print_epub.py print-epub.css cover.md)
	@echo "  EPUB    $@"
	@python3 -B $(weave_dir)/print_epub.py $(print_pages) $(weave_dir)/cover.md \
	  $(print_out)/cover.png $@ $(print_stems) chunks identifiers

$(print_out)/cover.png: $(weave_dir)/print-cover.svg
	@command -v rsvg-convert > /dev/null || { \
	  echo "rsvg-convert is missing: try \`make setup-book\`" >&2; exit 1; }
	@mkdir -p $(@D)
	@rsvg-convert -w 1200 -o $@ $<

# One clear line instead of "No such file or directory".
print-tools:
	@for tool in xelatex xdvipdfmx rsvg-convert; do \
	  command -v $$tool > /dev/null || { \
	  echo "$$tool is missing, which \`make pdf\` needs: try \`make setup-book\`" \
	    >&2; exit 1; }; \
	done

$(WEAVE_OUT)/weft.pdf: $(print_tex) $(print_drawings) $(weave_dir)/print.py \
  $(addprefix $(print_out)/,references.tex front.tex print.tex) | print-tools
	@echo "  PRINT   $@"
	@$(print_py) pdf $(weave_tok) $(print_out) $@ $(print_stems)

$(print_out)/terms: $(weave_tok)/stamp $(weave_dir)/print.py
	@mkdir -p $(@D)
	@$(print_py) terms $(weave_tok) $@

$(print_out)/%.tex: $(weave_tok)/%.tok $(weave_tok)/labels.lua $(weave_bib) \
  $(if $(weave_recaps),$(weave_tok)/%.recap) $(weave_tok)/%.history \
  $(print_out)/terms \
  $(addprefix $(weave_dir)/,reader.lua print.lua)
	@echo "  LATEX   $@"
	@WEAVE_FOR=print WEAVE_TERMS=$(print_out)/terms \
	  WEAVE_PARTIAL=$(WEAVE_PARTIAL) $(print_pandoc) \
	  -f $(weave_dir)/reader.lua $< $(filter %.recap %.history,$^) -o $@.new && mv $@.new $@

$(print_tex) $(print_drawings): | print-tools

$(print_out)/references.tex: $(weave_bib) $(weave_dir)/print.py
	@mkdir -p $(@D)
	@$(if $(weave_bib),printf '%s\n' --- 'nocite: "@*"' --- | \
	  $(print_pandoc) -f markdown -o $@.new,: > $@.new)
	@$(print_py) references $@.new $@

$(print_out)/front.tex: $(weave_dir)/cover.md $(weave_dir)/print.py
	@mkdir -p $(@D)
	@$(print_py) front $< $@

$(print_out)/print.tex: $(weave_dir)/print.tex
	@mkdir -p $(@D)
	@cp $< $@

$(print_out)/figures/%.pdf: $(WEAVE_BOOK)/figures/%.svg
	@mkdir -p $(@D)
	@rsvg-convert -f pdf -o $@ $<
