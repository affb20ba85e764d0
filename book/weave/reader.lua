-- A pandoc reader for the .tok files that backend.py writes (see there), each
-- followed, if it is a chapter's, by the .recap file that recap.py writes and the
-- .history file that history.py writes.
--
-- The Markdown of a chapter is joined into one text, so that footnotes, tables
-- and divs may reach over code. A piece of code stands in it as a paragraph of
-- its own, [[quoted code]] as a word: both are written with characters for
-- private use around a number, and are put back when pandoc has parsed the text.

local OPEN_QUOTE, OPEN_BLOCK, CLOSE = "\u{E000}", "\u{E001}", "\u{E002}"
local QUOTE = OPEN_QUOTE .. "(%d+)" .. CLOSE
local BLOCK = "^" .. OPEN_BLOCK .. "(%d+)" .. CLOSE .. "$"
local FORMAT = "markdown+east_asian_line_breaks-implicit_figures"

local folder, stem = PANDOC_STATE.input_files[1]:match("^(.-)([^/]*)%.tok$")
local labels = dofile(folder .. "labels.lua")
local page = {number = "", name = "", sections = {}, place = -1}
for i, p in ipairs(labels.pages) do
  p.place = i
  if p.file == stem then page = p end
end

-- Then references to what is not there become plain text.
local PARTIAL = (os.getenv("WEAVE_PARTIAL") or "") ~= ""

local function fail(message)
  io.stderr:write(message, "\n")
  os.exit(1)
end

---------------------------------------------------------------- reading tokens

local quotes, blocks, drawings, complaints = {}, {}, {}, {}

-- The Markdown of the page; what it holds apart goes into the tables above.
local function read(input)
  local text, lines = {}, nil         -- lines: of the code being read
  local block, quote, drawing
  for token in input:gmatch("([^\n]*)\n") do
    local key, rest = token:match("^@(%w+)\t?(.*)$")
    if key == "text" then
      -- Where a number comes from is for tools/prose_numbers.py to read.
      if rest:match("^<!%-%- %a+: .* %-%->$") then rest = "" end
      table.insert(drawing or text, rest)
    elseif key == "nl" and block then
      table.insert(block.lines, {})
      lines = block.lines[#block.lines]
    elseif key == "nl" then
      table.insert(text, "\n")
    elseif key == "quote" then
      quote = {raw = "[[" .. rest .. "]]"}
      lines = quote
    elseif key == "endquote" then
      table.insert(quotes, quote)
      -- As wide as what it stands for, or the columns of a table would shift.
      local width = math.max(utf8.len(quote.raw) - 2, 1)
      table.insert(text, OPEN_QUOTE .. string.format("%0" .. width .. "d", #quotes)
                         .. CLOSE)
    elseif key == "begin" then
      block = {notes = {}, lines = {{}}}
      block.kind, block.id, block.op, block.name =
        rest:match("^(.-)\t(.-)\t(.-)\t(.*)$")
      lines = block.lines[1]
    elseif key == "end" then
      table.insert(blocks, block)
      table.insert(text, "\n\n" .. OPEN_BLOCK .. #blocks .. CLOSE .. "\n\n")
      block = nil
    elseif key == "note" then
      local what, href, name = rest:match("^(.-)\t(.-)\t(.*)$")
      table.insert(block.notes, {what = what, href = href, name = name})
    elseif key == "word" then
      local class, href, id, word = rest:match("^(.-)\t(.-)\t(.-)\t(.*)$")
      table.insert(lines, {class = class, href = href, id = id, text = word})
    elseif key == "use" then
      local href, name = rest:match("^(.-)\t(.*)$")
      table.insert(lines, {class = "use", href = href, text = name})
    elseif key == "svg" then
      drawing = {}
      drawings[rest] = drawing
    elseif key == "endsvg" then
      drawing = nil
    elseif key == "fatal" or key == "unknown" and not PARTIAL then
      table.insert(complaints, rest)
    end
  end
  if #complaints > 0 then fail(table.concat(complaints, "\n")) end
  return table.concat(text)
end

------------------------------------------------------------------ code as HTML

local function escape(s)
  return (s:gsub("[&<>\"]", {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
                             ["\""] = "&quot;"}))
end

-- A chunk's name: as code if it is a file, else only what stands in [[ ]].
local function html_name(name)
  if name:match("^%S+/%S+$") then return "<code>" .. escape(name) .. "</code>" end
  return (escape(name):gsub("%[%[(.-)%]%]", "<code>%1</code>"))
end

-- Short elements keep a page of code small; book.css gives them their look.
local ELEMENT = {kw = "b", co = "i", st = "em", pp = "u", typed = "kbd", any = "var"}

local function html_word(word)
  if word.class == "use" then
    local name = "⟨" .. html_name(word.text) .. "⟩"
    return word.href == "" and '<span class="use">' .. name .. "</span>"
      or '<a class="use" href="' .. escape(word.href) .. '">' .. name .. "</a>"
  elseif word.id ~= "" then
    return '<dfn id="' .. escape(word.id) .. '">' .. escape(word.text) .. "</dfn>"
  elseif word.href ~= "" then
    return '<a href="' .. escape(word.href) .. '">' .. escape(word.text) .. "</a>"
  end
  local element = ELEMENT[word.class]
  local text = escape(word.text)
  return element and "<" .. element .. ">" .. text .. "</" .. element .. ">" or text
end

-- An identifier is a link where a piece first uses it: SEEN holds the rest.
local function html_line(words, seen)
  local out = {}
  for i, word in ipairs(words) do
    if word.class ~= "use" and word.id == "" and seen[word.href] then
      word = {class = word.class, href = "", id = "", text = word.text}
    end
    seen[word.href] = true
    out[i] = html_word(word)
  end
  return table.concat(out)
end

local SAYS = {used = "Used in ", continues = "Continues from ", continued = "Continued ",
              replaces = "Replaces the one of ", replaced = "Replaced in ",
              dropped = "Left out from ",
              defines = "Defines "}

-- The small print of a piece: each kind of note once, with its links.
local function html_notes(notes, kinds)
  local out = {}
  for _, kind in ipairs(kinds) do
    local links = {}
    for _, note in ipairs(notes) do
      if note.what == kind then
        local name = kind == "defines" and escape(note.name) or html_name(note.name)
        if kind == "used" then name = "⟨" .. name .. "⟩" end
        table.insert(links, note.href == "" and name
          or '<a href="' .. escape(note.href) .. '">' .. name .. "</a>")
      end
    end
    if #links > 0 then
      local text = table.concat(links, ", ")
      if kind == "defines" then text = "<code>" .. text .. "</code>" end
      table.insert(out, SAYS[kind] .. text .. ".")
    end
  end
  return table.concat(out, " ")
end

local function html_block(block)
  local lines = {}
  local seen = {}
  for i, words in ipairs(block.lines) do lines[i] = html_line(words, seen) end
  local code = table.concat(lines, "\n"):gsub("</i>\n<i>", "\n")
  -- Blank lines at the end are not shown, but they are in the tangled file.
  local blank = #code:match("\n*$") - 1
  if code == ("\n"):rep(blank + 1) then blank = blank + 1 end
  code = code:gsub("%s+$", "")
  if code == "" then code = "<i>(nothing yet)</i>" end
  local name = html_name(block.name)
  if block.kind ~= "transcript" then name = "⟨" .. name .. "⟩ " .. block.op end
  local above = html_notes(block.notes, {"continues", "replaces", "replaced", "dropped"})
  local below = html_notes(block.notes, {"continued", "used", "defines"})
  local class = block.kind == "chunk" and "piece" or "piece " .. block.kind
  return '<div class="' .. class .. '" id="' .. escape(block.id) .. '">\n'
    .. "<p>" .. name .. (above ~= "" and " <small>" .. above .. "</small>" or "")
    .. "</p>\n<pre" .. (blank > 0 and ' data-blank="' .. blank .. '">' or ">") .. code .. "</pre>\n"
    .. (below ~= "" and "<p>" .. below .. "</p>\n" or "") .. "</div>"
end

---------------------------------------------------- what Markdown cannot say

local function raw_html(text) return pandoc.RawBlock("html", text) end

-- Attributes in this order; a Lua table would give them in any.
local function attr(class, ...) return pandoc.Attr("", {class}, {...}) end

local function restore(s)
  return (s:gsub(QUOTE, function(n) return quotes[tonumber(n)].raw end))
end

-- Put quoted code back among the words of the prose.
local function Str(element)
  local out, rest = {}, element.text
  while true do
    local first, last, n = rest:find(QUOTE)
    if not first then break end
    if first > 1 then table.insert(out, pandoc.Str(rest:sub(1, first - 1))) end
    local quote = quotes[tonumber(n)]
    local html = html_line(quote, {})
    if not (quote[1] and quote[1].class == "use") then
      html = "<code>" .. html .. "</code>"
    end
    table.insert(out, pandoc.RawInline("html", html))
    rest = rest:sub(last + 1)
  end
  if #out == 0 then return nil end
  if rest ~= "" then table.insert(out, pandoc.Str(rest)) end
  return out
end

-- Inside a link there can be no other link.
local function Link(link)
  link.content = pandoc.List(link.content):map(function(inline)
    return inline.t == "Str" and inline.text:find(QUOTE)
      and pandoc.Code((restore(inline.text):gsub("%[%[(.-)%]%]", "%1"))) or inline
  end)
  return link
end

local function verbatim(element)
  element.text = restore(element.text)
  return element
end

-- @sec:walk and its like. Other citations are left to citeproc.
local cited = false     -- whether the page needs a list of references
local function Cite(cite)
  local out = {}
  for _, citation in ipairs(cite.citations) do
    local id = citation.id
    local kind = id:match("^(%a+):")
    if not (kind and ("ch sec fig tbl ex"):find(kind, 1, true)) then
      cited = true
      return nil
    end
    local ref = labels.refs[id]
    if #out > 0 then table.insert(out, pandoc.Str(", ")) end
    for _, inline in ipairs(citation.prefix) do
      table.insert(out, inline)
      table.insert(out, pandoc.Space())
    end
    if ref then
      local text = citation.mode == "SuppressAuthor" and ref.number or ref.text
      local file = ref.file == stem and "" or ref.file .. ".html"
      table.insert(out, pandoc.Link(text, file .. "#" .. id))
    elseif PARTIAL then
      table.insert(out, pandoc.Str((id:gsub(":", " "):gsub("^ch ", "chapter ")
        :gsub("^sec ", "section "):gsub("^fig ", "figure ")
        :gsub("^tbl ", "table "):gsub("^ex ", "exercise "))))
    else
      fail(stem .. ": unknown reference @" .. id)
    end
    for _, inline in ipairs(citation.suffix) do table.insert(out, inline) end
  end
  return out
end

local function Header(header)
  local id = header.identifier
  local number = header.level == 1 and page.number ~= "" and page.name
    or header.level == 2 and labels.refs[id] and labels.refs[id].number or ""
  local content = pandoc.List(header.content)
  if header.level == 1 then
    content = pandoc.List({pandoc.Span(content, {class = "title"})})
  end
  if number ~= "" then
    content:insert(1, pandoc.Span(number, {class = "number"}))
    content:insert(2, pandoc.Space())
  end
  header.content = content
  return header
end

-- A block of code, or a figure, stands alone in its paragraph.
local function Para(para)
  local first = para.content[1]
  if first.t == "Str" and first.text == "Table:" then
    fail(stem .. ": no table has the caption " .. pandoc.utils.stringify(para))
  end
  if #para.content ~= 1 then return nil end
  if first.t == "Str" and first.text:match(BLOCK) then
    return raw_html(html_block(blocks[tonumber(first.text:match(BLOCK))]))
  elseif first.t == "Image" and drawings[first.identifier] then
    local id = first.identifier
    first.caption:insert(1, pandoc.Span(labels.refs[id].text .. ".", {class = "number"}))
    first.caption:insert(2, pandoc.Space())
    return {raw_html('<figure id="' .. escape(id) .. '">\n'
                     .. table.concat(drawings[id], "\n") .. "\n<figcaption>"),
            pandoc.Plain(first.caption), raw_html("</figcaption></figure>")}
  end
end

-- In a table, the name of a tangled file or folder leads to what is in it;
-- `.h` after `walk.c` is walk.h.
local function link_files(tbl)
  local before = ""
  return tbl:walk({Code = function(code)
    local path = code.text
    if path:match("^%.%a$") then path = before:gsub("%.%a$", path) end
    before = path
    local href = labels.files[path]
    return href and pandoc.Link(code, href) or nil
  end})
end

-- `Table: Caption. {#tbl:name}`: this pandoc leaves the id in the caption.
local function Table(tbl)
  tbl = link_files(tbl)
  local last = tbl.caption.long[#tbl.caption.long]
  local word = last and last.content[#last.content]
  local id = word and word.t == "Str" and word.text:match("^{#(tbl:[^}]+)}$")
  if id then
    last.content:remove()
    tbl.identifier = id
    last.content:insert(1, pandoc.Span(labels.refs[id].text .. ".", {class = "number"}))
    last.content:insert(2, pandoc.Space())
  end
  return pandoc.Div({tbl}, attr("scroll", {"tabindex", "0"}, {"role", "group"},
                                {"aria-label", "Table"}))
end

local TITLE = {question = "Question", attempt = "A first attempt",
               warning = "Take care", design = "Design note", aside = "Aside",
               answers = "A student asks"}

local item, tally         -- see below

local function Div(div)
  local class = div.classes[1]
  local function label(...)
    div.content:insert(1, pandoc.Div({pandoc.Plain({...})}, {class = "label"}))
  end
  if class == "item" then return item(div) end
  if class == "tally" then return tally(div) end
  if class == "hint" then
    div.content:insert(1, raw_html("<details class=\"hint\"><summary>Hint</summary>"))
    div.content:insert(raw_html("</details>"))
    return div.content
  elseif class == "fold" then           -- its first block is what one sees
    local first = pandoc.List(div.content[1].content)
    first:insert(1, pandoc.RawInline("html", "<details><summary>"))
    first:insert(pandoc.RawInline("html", "</summary>"))
    div.content[1] = pandoc.Plain(first)
    div.content:insert(raw_html("</details>"))
    return div.content
  elseif class == "riscv" or class == "i386" then
    label(pandoc.Str(class))
  elseif class == "exercise" then
    local stars = tonumber(div.attributes.stars or 0)
    div.attributes.stars = nil
    label(pandoc.Str(labels.refs[div.identifier].text), pandoc.Space(),
      stars > 0 and pandoc.Span(("★"):rep(stars), attr("stars", {"role", "img"},
        {"aria-label", stars == 1 and "one star" or stars .. " stars"}))
      or pandoc.Str(""))
  elseif TITLE[class] then
    label(pandoc.Str(TITLE[class]))
    if class ~= "question" then div.attributes.role = "note" end
  else
    return nil
  end
  return div
end

-- Between two Chinese characters the end of a line is not a space. (Pandoc's
-- own extension for this works on readers of its own only.)
local function Inlines(inlines)
  local function wide(element, at)
    local ok, c = pcall(utf8.codepoint, element and element.text or "", at)
    return ok and c >= 0x2E80 and c < 0xE000
  end
  for i = #inlines - 1, 2, -1 do
    if inlines[i].t == "SoftBreak" and inlines[i - 1].t == "Str"
        and inlines[i + 1].t == "Str" and wide(inlines[i + 1], 1)
        and wide(inlines[i - 1], utf8.offset(inlines[i - 1].text, -1)) then
      inlines:remove(i)
    end
  end
  return inlines
end

--------------------------------------- another's words, and ours (chapter 90)

-- ```said: another's words, letter for letter, set as a paragraph.
local function CodeBlock(block)
  local said = block.classes[1] == "said"
  local chinese = block.text:find("[\xE4-\xE9]") and {{"lang", "zh"}} or {}
  if not said then
    if block.classes[1] ~= "code" then return nil end
    block.attr = pandoc.Attr("", {}, chinese)
    return block
  end
  local words = pandoc.List()
  for space, word in block.text:gmatch("(%s*)(%S+)") do
    if #words > 0 then
      words:insert(space:find("\n") and pandoc.SoftBreak() or pandoc.Space())
    end
    words:insert(pandoc.Str(word))
  end
  return pandoc.Div({pandoc.BlockQuote({pandoc.Para(Inlines(words))})},
                    pandoc.Attr("", {"said"}, chinese))
end

local VERDICTS = {{"right", "Right"}, {"differs", "Right there, different here"},
                  {"slip", "A slip"}, {"answered", "Answered"}}
local OTHERS = {again = "Said before"}
local verdicts, notebooks = {}, {}      -- verdicts[notebook][class]: how many

-- Count the verdicts; a further remark belongs to the notebook quoted last.
local function count(div)
  if div.classes[1] ~= "item" then return end
  local name = div.identifier:match("^(%w+):") or notebooks[#notebooks]
  if not verdicts[name] then
    verdicts[name] = {}
    table.insert(notebooks, name)
  end
  local class = div.classes[2]
  verdicts[name][class] = (verdicts[name][class] or 0) + 1
end

-- A column for each notebook, under the name that the division gives it.
function tally(div)
  local function cell(text) return {pandoc.Plain({pandoc.Str(text)})} end
  local aligns, widths, head, rows = {"AlignLeft"}, {0}, {cell("Verdict")}, {}
  for _, name in ipairs(notebooks) do
    table.insert(aligns, "AlignRight")
    table.insert(widths, 0)
    table.insert(head, cell(div.attributes[name] or name))
  end
  for i, verdict in ipairs(VERDICTS) do
    rows[i] = {cell(verdict[2])}
    for j, name in ipairs(notebooks) do
      rows[i][j + 1] = cell(tostring(verdicts[name][verdict[1]] or 0))
    end
  end
  return Table(pandoc.utils.from_simple_table(
    pandoc.SimpleTable({}, aligns, widths, head, rows)))
end

function item(div)
  local class = div.classes[2]
  local label, line = pandoc.List(), div.identifier:match(":(%d+)")
  if line then
    label:insert(pandoc.Link("Line " .. line, "#" .. div.identifier))
    label:insert(pandoc.Space())
  end
  local said = OTHERS[class]
  for _, verdict in ipairs(VERDICTS) do said = verdict[1] == class and verdict[2] or said end
  if said then label:insert(pandoc.Span(said, {class = "verdict"})) end
  for i, block in ipairs(div.content) do
    local first = block.t == "Para" and block.content[1]
    if first and (first.text == "Test:" or first.text == "Tests:") then
      div.content[i] = pandoc.Div({pandoc.Plain(block.content)}, {class = "tests"})
    end
  end
  div.content:insert(1, pandoc.Div({pandoc.Plain(label)}, {class = "label"}))
  return div
end

------------------------------------------------------------------- the page

-- What print.lua uses of this file, to make LaTeX of the same tokens.
local function shared(place_grown)
  return {labels = labels, page = page, quotes = quotes, blocks = blocks,
          drawings = drawings, QUOTE = QUOTE, BLOCK = BLOCK, FORMAT = FORMAT,
          VERDICTS = VERDICTS, OTHERS = OTHERS, restore = restore, Cite = Cite,
          Inlines = Inlines, CodeBlock = CodeBlock, count = count, tally = tally,
          place_grown = place_grown}
end

-- What the template needs to lead to this page's neighbours and sections.
local function navigation()
  local chapters = {}
  for i, p in ipairs(labels.pages) do
    chapters[i] = {href = p.file .. ".html", number = p.number, title = p.title}
    if p == page then
      chapters[i].current = true
      if p.sections[1] then chapters[i].sections = {} end
      for j, s in ipairs(p.sections) do
        chapters[i].sections[j] = {href = "#" .. s.id, number = s.number, title = s.title}
      end
    end
  end
  return chapters, chapters[page.place - 1], chapters[page.place + 1]
end

-- What grew in a chapter (recap.py) stands at the end of the section Recap, or
-- of a page that has none.
local function place_grown(blocks)
  local grown, at
  for i, block in ipairs(blocks) do
    if block.t == "Div" and block.classes:includes("grown") then grown = i end
  end
  if not grown then return end
  grown = blocks:remove(grown):walk {Table = function(table)
    for i, column in ipairs(table.colspecs) do table.colspecs[i] = {column[1]} end
    return table
  end}
  for i, block in ipairs(blocks) do
    if block.t == "Header" and block.level <= 2 then
      if at then return blocks:insert(i, grown) end
      at = block.identifier:match("^sec:.*recap$")
    end
  end
  if not at then blocks:insert(pandoc.Header(2, "What grew", {id = "what-grew"})) end
  blocks:insert(grown)
end

function Reader(input)
  local text = read(tostring(input))
  if os.getenv("WEAVE_FOR") == "print" then
    return dofile(PANDOC_SCRIPT_FILE:gsub("[^/]*$", "print.lua"))(shared(place_grown), text)
  end
  local doc = pandoc.read(text, FORMAT)
  doc.meta.pagetitle = page.title or pandoc.utils.stringify(doc.blocks[1])
  doc = doc:walk({Inlines = Inlines, Div = count})
  doc = doc:walk({Cite = Cite, Header = Header, Para = Para, Table = Table, Div = Div,
                  Link = Link, CodeBlock = CodeBlock})
  doc = doc:walk({Str = Str, Code = verbatim, CodeBlock = verbatim, Math = verbatim,
                  RawInline = verbatim, RawBlock = verbatim})
  local last = doc.blocks[#doc.blocks]
  local history = last and last.identifier == "history" and doc.blocks:remove()
  place_grown(doc.blocks)
  if cited and labels.bibliography == "yes" then
    doc.blocks:insert(pandoc.Header(2, "References", {id = "references"}))
    doc.blocks:insert(pandoc.Div({}, {id = "refs"}))
  end
  if history then doc.blocks:insert(history) end
  doc.meta.chapters, doc.meta.previous, doc.meta.next = navigation()
  doc.meta.stem = stem
  doc.meta.turn = (doc.meta.previous or doc.meta.next) ~= nil
  return doc
end
