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
weave_cover ?= $(weave_dir)/cover.md
weave_chapters := $(sort $(wildcard $(WEAVE_BOOK)/[0-9]*.nw))
weave_bib := $(wildcard $(WEAVE_BOOK)/references.bib)
weave_html := $(WEAVE_OUT)/html
weave_tok := $(WEAVE_OUT)/tokens
weave_pages := $(patsubst $(WEAVE_BOOK)/%.nw,$(weave_html)/%.html,$(weave_chapters)) \
  $(addprefix $(weave_html)/,index.html chunks.html identifiers.html)

.PHONY: book weave-always
book: $(weave_pages)

# What was asked for last time; touched only when it differs now.
weave_asked = $(weave_chapters) partial=$(WEAVE_PARTIAL) lang=$(WEAVE_LANG)
$(WEAVE_OUT)/asked: weave-always
	@mkdir -p $(weave_html) $(weave_tok)
	@echo '$(weave_asked)' | cmp -s - $@ \
	  || { rm -f $(weave_html)/*.html; echo '$(weave_asked)' > $@; }

# noweave hides the failure of its first stage, so that runs alone before.
$(weave_tok)/stamp: $(weave_chapters) $(weave_bib) $(WEAVE_OUT)/asked \
  $(wildcard $(WEAVE_BOOK)/figures/*.svg) $(weave_cover) \
  $(addprefix $(weave_dir)/,nw.py identifiers.py backend.py)
	@$(NOWEB_LIB)/markup -t $(weave_chapters) > /dev/null
	@noweave -t -n -filter "python3 -B $(weave_dir)/identifiers.py" -index \
	  -backend "python3 -B $(weave_dir)/backend.py $(weave_tok) $(weave_cover)" \
	  $(weave_chapters)
	@touch $@

# A recipe that does nothing, so that make looks at the file's time again.
$(weave_tok)/labels.lua $(weave_pages:$(weave_html)/%.html=$(weave_tok)/%.tok): $(weave_tok)/stamp
	@:

$(weave_tok)/histories: weave-always
	@mkdir -p $(@D)
	@python3 -B $(weave_dir)/history.py $(weave_tok) $(weave_chapters)
weave_histories := $(weave_chapters:$(WEAVE_BOOK)/%.nw=$(weave_tok)/%.history)
$(weave_histories): $(weave_tok)/histories
	@:
$(weave_histories:$(weave_tok)/%.history=$(weave_html)/%.html): \
  $(weave_html)/%.html: $(weave_tok)/%.history

$(weave_html)/book.css: $(weave_dir)/book.css
	@mkdir -p $(@D)
	@cp $< $@

$(weave_html)/%.html: $(weave_tok)/%.tok $(weave_tok)/labels.lua $(WEAVE_OUT)/asked \
  $(weave_html)/book.css $(weave_bib) \
  $(addprefix $(weave_dir)/,reader.lua template.html navigation.html)
	@echo "  WEAVE   $@"
	@WEAVE_PARTIAL=$(WEAVE_PARTIAL) pandoc -p -f $(weave_dir)/reader.lua -t html5 \
	  --template $(weave_dir)/template.html --mathml --wrap=none --no-highlight \
	  -V lang=$(WEAVE_LANG) $(weave_variables) \
	  $(if $(weave_bib),--citeproc --bibliography $(weave_bib) \
	    -M link-citations=true) \
	  $< $(filter %.boot,$^) $(filter %.history,$^) -o $@.new && mv $@.new $@
