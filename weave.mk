# The weave: from the chapters book/NN-name.nw to the pages build/book/html/.
#
#   make book                              every page
#   make build/book/html/05-name.html      one page
#   make book WEAVE_PARTIAL=1              references to chapters that are not
#                                          here become plain text, not errors
#
# One run of noweave reads the whole book and leaves one .tok file a page; it
# writes only those that changed, so only their pages go through pandoc. The
# history of a chapter is a file beside it, compared with git at each `make book`.

WEAVE_BOOK ?= book
WEAVE_OUT ?= build/book
WEAVE_LANG ?= en
WEAVE_PARTIAL ?=
NOWEB_LIB ?= /usr/lib/noweb

weave_dir := $(dir $(lastword $(MAKEFILE_LIST)))book/weave
# Compiled modules are kept, but not among the sources.
weave_python := env PYTHONPYCACHEPREFIX=$(abspath $(WEAVE_OUT))/python python3
weave_cover ?= $(weave_dir)/cover.md
weave_chapters := $(sort $(wildcard $(WEAVE_BOOK)/[0-9]*.nw))
weave_bib := $(wildcard $(WEAVE_BOOK)/references.bib)
weave_html := $(WEAVE_OUT)/html
weave_tok := $(WEAVE_OUT)/tokens
weave_whole := $(WEAVE_OUT)/pages
weave_stems := index $(patsubst $(WEAVE_BOOK)/%.nw,%,$(weave_chapters))
weave_pages := $(patsubst %,$(weave_html)/%.html,$(weave_stems) files chunks identifiers)
weave_collected := $(addprefix $(weave_html)/,book.html chunks.js search.js)

.PHONY: book weave-always
book: $(weave_pages) $(weave_collected)

# What was asked for last time; touched only when it differs now.
weave_asked = $(weave_chapters) partial=$(WEAVE_PARTIAL) lang=$(WEAVE_LANG)
$(WEAVE_OUT)/asked: weave-always
	@mkdir -p $(weave_html) $(weave_tok)
	@echo '$(weave_asked)' | cmp -s - $@ \
	  || { rm -f $(weave_tok)/book.pickle $(weave_html)/*.html $(weave_html)/files/*.html; echo '$(weave_asked)' > $@; }

# Where only prose has changed, most of the work is done already; else all of
# it. noweave hides the failure of its first stage, so that runs alone before.
$(weave_tok)/stamp: $(weave_chapters) $(weave_bib) $(WEAVE_OUT)/asked \
  $(wildcard $(WEAVE_BOOK)/figures/*.svg) $(weave_cover) \
  $(addprefix $(weave_dir)/,nw.py identifiers.py backend.py)
	@$(if $(filter-out $(weave_chapters),$?),false,[ -e $(weave_tok)/book.pickle ] \
	  && $(weave_python) $(weave_dir)/backend.py --prose $(weave_tok) $?) \
	|| { $(NOWEB_LIB)/markup -t $(weave_chapters) > /dev/null \
	  && noweave -t -n -filter "$(weave_python) $(weave_dir)/identifiers.py" \
	  -backend "$(weave_python) $(weave_dir)/backend.py $(weave_tok) $(weave_cover)" \
	  $(weave_chapters); }
	@touch $@

# A recipe that does nothing, so that make looks at the file's time again.
$(weave_tok)/labels.lua $(weave_pages:$(weave_html)/%.html=$(weave_tok)/%.tok): $(weave_tok)/stamp
	@:

$(weave_tok)/histories: weave-always
	@mkdir -p $(@D)
	@$(weave_python) $(weave_dir)/history.py $(weave_tok) $(weave_chapters)
weave_histories := $(weave_chapters:$(WEAVE_BOOK)/%.nw=$(weave_tok)/%.history)
$(weave_histories): $(weave_tok)/histories
	@:
$(weave_histories:$(weave_tok)/%.history=$(weave_html)/%.html): \
  $(weave_html)/%.html: $(weave_tok)/%.history

# What grew, with the sizes that `make measure` has written down.
weave_sizes := $(wildcard $(WEAVE_BOOK)/measured/sizes.txt)
weave_recaps := $(weave_chapters:$(WEAVE_BOOK)/%.nw=$(weave_tok)/%.recap)
$(weave_tok)/recaps: $(weave_chapters) $(weave_sizes) $(weave_tok)/stamp \
  $(addprefix $(weave_dir)/,recap.py nw.py backend.py)
	@$(weave_python) $(weave_dir)/recap.py $(weave_tok) \
	  $(or $(weave_sizes),/dev/null) $(weave_chapters)
	@touch $@
$(weave_recaps): $(weave_tok)/recaps
	@:
$(weave_recaps:$(weave_tok)/%.recap=$(weave_html)/%.html): \
  $(weave_html)/%.html: $(weave_tok)/%.recap

weave_look := $(addprefix $(weave_html)/,book.css book.js)
$(weave_look): $(weave_html)/%: $(weave_dir)/%
	@mkdir -p $(@D)
	@cp $< $@

# Pandoc makes the page as the collections below want it, with all its markup;
# readers get a smaller one.
$(weave_html)/%.html: $(weave_tok)/%.tok $(weave_tok)/labels.lua $(WEAVE_OUT)/asked \
  $(weave_bib) $(addprefix $(weave_dir)/,reader.lua template.html navigation.html shrink.py) \
  | $(weave_look)
	@echo "  WEAVE   $@"
	@mkdir -p $(weave_whole)
	@WEAVE_PARTIAL=$(WEAVE_PARTIAL) pandoc -p -f $(weave_dir)/reader.lua -t html5 \
	  --template $(weave_dir)/template.html --mathml --wrap=none --no-highlight \
	  -V lang=$(WEAVE_LANG) $(weave_variables) \
	  $(if $(weave_bib),--citeproc --bibliography $(weave_bib) \
	    -M link-citations=true) \
	  $< $(filter %.boot,$^) $(filter %.recap,$^) $(filter %.history,$^) -o $(weave_whole)/$*.html
	@$(weave_python) $(weave_dir)/shrink.py $(weave_whole)/$*.html $@.new && mv $@.new $@

# The book as one page, its index for searching, and what chunks unfold to.
$(WEAVE_OUT)/collected: $(weave_pages) $(addprefix $(weave_dir)/,collect.py shrink.py)
	@$(weave_python) $(weave_dir)/collect.py $(weave_whole) $(weave_html) $(weave_stems)
	@touch $@
$(weave_collected): $(WEAVE_OUT)/collected
	@:
