-- The chapters as LaTeX.  reader.lua reads the tokens and calls what this file
-- returns, with a table of its functions, when WEAVE_FOR=print.  The commands
-- that begin with w are defined in print.tex.
--
-- WEAVE_TERMS names a file with the terms of the subject index, one a line.

local book            -- what reader.lua shares: quotes, blocks, labels, ...

local function latex(text) return pandoc.RawInline("latex", text) end
local function block(text) return pandoc.RawBlock("latex", text) end

------------------------------------------------------------------- characters

local SIGNS = {["\\"] = "\\wB{}", ["{"] = "\\{", ["}"] = "\\}", ["#"] = "\\#",
               ["$"] = "\\$", ["%"] = "\\%", ["&"] = "\\&", ["_"] = "\\_",
               ["~"] = "\\wT{}", ["^"] = "\\wC{}", ["\t"] = "        "}

local function is_chinese(c)
  return c >= 0x2E80 and c < 0xD800 or c >= 0xF900 and c < 0xFB00
    or c >= 0xFF00 and c < 0xFFF0 or c >= 0x20000
end

-- Signs that the font of the text lacks; that of the code has them.
local function is_sign(c)
  return c >= 0x2190 and c < 0x2E80 and c ~= 0x2212
end

-- Calls SHOW(run, "chinese" | "sign" | nil) for every run of TEXT.
local function runs(text, show)
  if not text:find("[\xE2-\xF4]") then return show(text) end
  local from, kind = 1, nil
  for at, c in utf8.codes(text) do
    local this = is_chinese(c) and "chinese" or is_sign(c) and "sign" or nil
    if this ~= kind then
      if at > from then show(text:sub(from, at - 1), kind) end
      from, kind = at, this
    end
  end
  show(text:sub(from), kind)
end

local function plain(text) return (text:gsub("[\\{}#$%%&_~^\t]", SIGNS)) end

-- Code as it stands in a line of a chunk: its font has all but Chinese.
local function code(text)
  local out = {}
  runs(text, function(run, kind)
    table.insert(out, kind == "chinese" and "\\wZ{" .. run .. "}" or plain(run))
  end)
  return table.concat(out)
end

-- Code among words: it may be broken after a sign, if it is long.
local function code_in_words(text)
  if #text < 10 then return code(text) end
  local out = code(text)
  out = out:gsub("(\\_)(%w)", "%1\\wz{}%2"):gsub("([/.,)|=:])(%w)", "%1\\wz{}%2")
    :gsub("(%w)([(])(%w)", "%1%2\\wz{}%3"):gsub("(%w%-)(%w)", "%1\\wz{}%2")
    :gsub("(%l%l)(%u%l)", "%1\\wz{}%2")
  return out
end

-- Words that are not Markdown: titles and names.
local function words(text)
  local out = {}
  runs(text, function(run, kind)
    run = plain(run)
    table.insert(out, kind == "chinese" and "\\wZ{" .. run .. "}"
                      or kind == "sign" and "\\wS{" .. run .. "}" or run)
  end)
  return table.concat(out)
end

-- A chunk's name: as code if it is a file, else only what stands in [[ ]].
local function name_of(name)
  if name:match("^%S+/%S+$") then return "\\wc{" .. code_in_words(name) .. "}" end
  local out, rest = {}, name
  while true do
    local before, quoted, after = rest:match("^(.-)%[%[(.-)%]%](.*)$")
    if not before then break end
    table.insert(out, words(before) .. "\\wc{" .. code_in_words(quoted) .. "}")
    rest = after
  end
  return table.concat(out) .. words(rest)
end

------------------------------------------------------------------------- code

local STYLE = {kw = "\\wk", co = "\\wi", typed = "\\wk", any = "\\wi"}

local function anchor(href) return href:match("#(.*)$") or "" end

local function word_out(word, show)
  if word.class == "use" then
    local id = anchor(word.href)
    return "\\wu{" .. id .. "}{" .. name_of(word.text) .. "}"
  end
  local text = show(word.text)
  if word.id ~= "" then
    return "\\wdef{" .. word.id .. "}{" .. text .. "}"
  elseif word.href ~= "" then
    return "\\wa{" .. anchor(word.href) .. "}{" .. text .. "}"
  end
  return STYLE[word.class] and STYLE[word.class] .. "{" .. text .. "}" or text
end

-- An identifier is a link where a piece first uses it: SEEN holds the rest.
local function line_out(line, seen, show)
  local out = {}
  for i, word in ipairs(line) do
    if word.class ~= "use" and word.id == "" and seen[word.href] then
      word = {class = word.class, href = "", id = "", text = word.text}
    end
    seen[word.href] = true
    out[i] = word_out(word, show)
  end
  return table.concat(out)
end

-- Tabs as wide as they are in the chapter.
local function untabbed(line)
  local column, out = 0, {}
  for i, word in ipairs(line) do
    local text = word.text
    if text:find("\t") then
      local at = column
      text = text:gsub("[^\t]*\t", function(part)
        local width = utf8.len(part) - 1
        local fill = 8 - (at + width) % 8
        at = at + width + fill
        return part:sub(1, -2) .. (" "):rep(fill)
      end)
      word = {class = word.class, href = word.href, id = word.id, text = text}
    end
    column = column + (utf8.len(text) or #text)
    out[i] = word
  end
  return out
end

-- Lines of code.  A page ends more readily where the code has an empty line,
-- never beside the first two lines or before the last one.
local WIDEST = 76
local function lines_out(lines, out)
  local last = #lines
  table.insert(out, 1, "\\wlong{" .. (last <= 9 and 700 or last <= 18 and 220 or 90)
                          .. "}%")
  for n, line in ipairs(lines) do
    local command = (n <= 2 or n == last) and "\\wn" or "\\wl"
    if line == "" then command = "\\wn" end
    if lines[n - 1] == "" and command == "\\wl" then command = "\\we" end
    out[#out + 1] = command .. "{" .. line .. "}%"
  end
end

-- How many columns a character takes: a Chinese one nearly two.
local function columns(c) return is_chinese(c) and 1.7 or 1 end

-- What a terminal printed may be wider than the page: it is continued below.
local function folded(line)
  local width, rows = 0, {{}}
  local function add(word, text)
    if text == "" then return end
    table.insert(rows[#rows], {class = word.class, href = word.href, id = word.id,
                               text = text})
  end
  for _, word in ipairs(line) do
    local from = 1
    for at, c in utf8.codes(word.text) do
      if width + columns(c) > WIDEST then
        add(word, word.text:sub(from, at - 1))
        table.insert(rows, {{class = "", href = "", id = "", text = "  "}})
        from, width = at, 2
      end
      width = width + columns(c)
    end
    add(word, word.text:sub(from))
  end
  return rows
end

local SAYS = {used = "Used in ", continues = "Continues ", continued = "Continued in ",
              replaces = "Replaces the one of ", replaced = "Replaced in ",
              dropped = "Left out from ", defines = "Defines "}

-- The small print of a piece: each kind of note once, with its pages.
local function notes_out(notes, kinds)
  local out = {}
  for _, kind in ipairs(kinds) do
    local links = {}
    for _, note in ipairs(notes) do
      if note.what == kind then
        local id = anchor(note.href)
        if kind == "defines" then
          table.insert(links, "\\wc{" .. code_in_words(note.name) .. "}")
        elseif kind == "used" then
          table.insert(links, "\\wu{" .. id .. "}{" .. name_of(note.name) .. "}")
        elseif kind == "continues" or kind == "continued" then
          table.insert(links, "\\wp{" .. id .. "}")
        else
          table.insert(links, words(note.name)
                       .. (id ~= "" and " (\\wp{" .. id .. "})" or ""))
        end
      end
    end
    if #links > 0 then
      table.insert(out, SAYS[kind] .. table.concat(links, ", ") .. ".")
    end
  end
  return table.concat(out, " ")
end

local function piece_out(piece)
  local lines, seen = {}, {}
  for _, line in ipairs(piece.lines) do
    for _, row in ipairs(piece.kind == "transcript" and folded(line) or {untabbed(line)}) do
      table.insert(lines, (line_out(row, seen, code):gsub("%s+$", "")))
    end
  end
  while lines[#lines] == "" do table.remove(lines) end
  if #lines == 0 then lines = {"\\wi{(nothing yet)}"} end
  local sign = piece.kind == "transcript" and "" or
    piece.op == "≡" and "\\weq" or "\\wpluseq"
  local out = {"\\wpiece{" .. piece.id .. "}{" .. piece.kind .. "}{" .. name_of(piece.name)
    .. "}{" .. sign .. "}{"
    .. notes_out(piece.notes, {"continues", "replaces", "replaced", "dropped"}) .. "}%"}
  lines_out(lines, out)
  table.insert(out, "\\wlast{"
               .. notes_out(piece.notes, {"continued", "used", "defines"}) .. "}")
  return block(table.concat(out, "\n"))
end

-- A block of code that is no chunk.
local function CodeBlock(element)
  local lines = {}
  for line in (element.text .. "\n"):gmatch("([^\n]*)\n") do
    for _, row in ipairs(folded(untabbed({{class = "", href = "", id = "", text = line}}))) do
      table.insert(lines, (line_out(row, {}, code):gsub("%s+$", "")))
    end
  end
  local out = {"\\wblock%"}
  lines_out(lines, out)
  table.insert(out, "\\wlast{}")
  return block(table.concat(out, "\n"))
end

------------------------------------------------------------------------ prose

-- Quoted code goes back among the words; what has no glyph in the font of the
-- text is set in another one.
local function Str(element)
  local out, rest = {}, element.text
  local function add(text)
    runs(text, function(run, kind)
      if run == "" then return end
      if #run > 24 and run:match("^[%p]*$") then  -- a line drawn with signs
        run = run:gsub("......", "%0\0"):gsub("%Z+", plain):gsub("%z", "\\wz{}")
        table.insert(out, latex(run))
        return
      end
      table.insert(out, kind == nil and pandoc.Str(run) or
        latex((kind == "chinese" and "\\wZ{" or "\\wS{") .. plain(run) .. "}"))
    end)
  end
  while true do
    local first, last, n = rest:find(book.QUOTE)
    if not first then break end
    add(rest:sub(1, first - 1))
    local quote = book.quotes[tonumber(n)]
    local text = line_out(quote, {}, code_in_words)
    if not (quote[1] and quote[1].class == "use") then text = "\\wc{" .. text .. "}" end
    table.insert(out, latex(text))
    rest = rest:sub(last + 1)
  end
  if #out == 0 and #rest <= 24 and not rest:find("[\xE2-\xF4]") then return nil end
  add(rest)
  return out
end

local function Code(element)
  return latex("\\wc{" .. code_in_words((book.restore(element.text))) .. "}")
end

local function Math(element)
  element.text = book.restore(element.text)
  return element
end

local function Link(link)
  local id = link.target:match("#(.+)$")
  local content = pandoc.List(link.content)
  if link.target:match("^%a+://") then
    content:insert(1, latex("\\whref{" .. plain(link.target) .. "}{"))
  elseif id then
    content:insert(1, latex("\\wlink{" .. id .. "}{"))
  else
    return link.content
  end
  content:insert(latex("}"))
  return content
end

local function Header(header)
  local id = header.identifier
  local ref = book.labels.refs[id]
  local number = header.level == 1 and book.page.number
    or header.level == 2 and ref and ref.number or ""
  local title = pandoc.List(header.content)
  title:insert(1, latex(string.format("\\wheading%s{%s}{%s}{",
    ({"one", "two", "three"})[header.level], number, id)))
  title:insert(latex("}"))
  return pandoc.Plain(title)
end

-- A block of code, or a figure, stands alone in its paragraph.
local function Para(para)
  local first = para.content[1]
  if #para.content ~= 1 then return nil end
  if first.t == "Str" and first.text:match(book.BLOCK) then
    return piece_out(book.blocks[tonumber(first.text:match(book.BLOCK))])
  elseif first.t == "Image" and book.drawings[first.identifier] then
    local id = first.identifier
    local width = table.concat(book.drawings[id]):match('viewBox="%S+ %S+ (%S+)')
    local caption = pandoc.List(first.caption)
    caption:insert(1, latex(string.format("\\wfigure{%s}{%s}{%s}{%s}{", id,
      first.src:gsub("^.*/", ""):gsub("%.%w+$", ""), width or "720",
      book.labels.refs[id].text)))
    caption:insert(latex("}"))
    return pandoc.Plain(caption)
  end
end

-- How wide a cell is, in letters; code is wider than words.
local function width_of(cell)
  local widest, longest, length = 0, 0, 0
  local function add(n)
    length = length + n
    widest = math.max(widest, length)
    longest = math.max(longest, n)
  end
  pandoc.Div(cell.contents):walk({
    Str = function(s)
      local n = utf8.len(s.text)
      local quoted = s.text:find(book.QUOTE)
      add((quoted and 1.15 * (n - 2) or n))
    end,
    Code = function(c)          -- a word of it cannot be broken
      local part = 0
      for w in c.text:gmatch("%S+") do part = math.max(part, #w) end
      add(1.15 * utf8.len(c.text))
      longest = math.max(math.min(longest, 1.15 * part))
    end,
    Space = function() length = length + 1 end,
    SoftBreak = function() length = length + 1 end,
  })
  return widest, longest
end

local PAGE = 84         -- letters beside each other in a table

-- Columns that would not fit get a share of the page, by what they hold.
local function share(tbl)
  local natural, least, total = {}, {}, 0
  local function measure(rows)
    for _, row in ipairs(rows) do
      for i, cell in ipairs(row.cells or row[2]) do
        local w, l = width_of(cell)
        natural[i] = math.max(natural[i] or 0, w + 2)
        least[i] = math.max(least[i] or 0, l + 2)
      end
    end
  end
  measure(tbl.head.rows)
  for _, body in ipairs(tbl.bodies) do measure(body.body) end
  for _, w in ipairs(natural) do total = total + w end
  local wide = false
  for _, spec in ipairs(tbl.colspecs) do wide = wide or spec[2] ~= nil end
  if total <= PAGE then
    for i, spec in ipairs(tbl.colspecs) do tbl.colspecs[i] = {spec[1], nil} end
    return tbl
  end
  -- First what each needs at least, then the rest by what is still missing.
  local left, missing = PAGE, 0
  for i, w in ipairs(natural) do
    least[i] = math.min(math.max(least[i], math.min(w, 8)), 40)
    left = left - least[i]
    missing = missing + (w - least[i]) ^ 0.7
  end
  for i, spec in ipairs(tbl.colspecs) do
    local w = least[i]
    if left < 0 then w = least[i] * PAGE / (PAGE - left)
    elseif missing > 0 then w = w + left * (natural[i] - least[i]) ^ 0.7 / missing end
    tbl.colspecs[i] = {spec[1], w / PAGE}
  end
  return tbl
end

local function Table(tbl)
  local last = tbl.caption.long[#tbl.caption.long]
  local word = last and last.content[#last.content]
  local id = word and word.t == "Str" and word.text:match("^{#(tbl:[^}]+)}$")
  local caption
  if id then
    last.content:remove()
    while #last.content > 0 and last.content[#last.content].t == "Space" do
      last.content:remove()
    end
    caption = pandoc.List(last.content)
    caption:insert(1, latex(string.format("\\wcaption{%s}{%s}{", id,
                                          book.labels.refs[id].text)))
    caption:insert(latex("}"))
    tbl.caption = {long = {}}
  end
  return caption and {pandoc.Plain(caption), share(tbl)} or share(tbl)
end

------------------------------------------------------------------- divisions

local TITLE = {attempt = "A first attempt", warning = "Take care",
               design = "Design note", aside = "Aside", answers = "A student asks",
               hint = "Hint", recap = "Recap"}

local function within(before, div, after)
  local content = pandoc.List(div.content)
  content:insert(1, block(before))
  content:insert(block(after))
  return content
end

-- What somebody said, under its line in the notebook, and our verdict.
local function item(div)
  local label, class = {}, div.classes[2]
  local line = div.identifier:match(":(%d+)")
  if line then table.insert(label, "Line " .. line) end
  local said = book.OTHERS[class]
  for _, verdict in ipairs(book.VERDICTS) do
    said = verdict[1] == class and verdict[2] or said
  end
  if said then table.insert(label, "\\textbf{" .. said .. "}") end
  for i, element in ipairs(div.content) do
    local first = element.t == "Para" and element.content[1]
    if first and (first.text == "Test:" or first.text == "Tests:") then
      div.content[i] = pandoc.Div(within("\\begin{wsmall}",
        {content = {element}}, "\\end{wsmall}"))
    end
  end
  return within(string.format("\\begin{witem}{%s}{%s}", div.identifier,
    table.concat(label, "\\enspace ")), div, "\\end{witem}")
end

local function Div(div)
  local class = div.classes[1]
  if class == "item" then
    return item(div)
  elseif class == "tally" then
    return book.tally(div).content
  elseif class == "question" then
    return within("\\begin{wquestion}", div, "\\end{wquestion}")
  elseif class == "riscv" or class == "i386" then
    return within("\\wmachine{" .. class .. "}", div, "")
  elseif class == "exercise" then
    local stars = tonumber(div.attributes.stars or 0)
    return within(string.format("\\begin{wexercise}{%s}{%s}{%s}", div.identifier,
      book.labels.refs[div.identifier].text, ("★"):rep(stars)), div,
      "\\end{wexercise}")
  elseif class == "small" then
    return within("\\begin{wsmall}", div, "\\end{wsmall}")
  elseif class == "said" then
    return within("\\begin{wsaid}", div, "\\end{wsaid}")
  elseif class == "fold" then           -- on paper, only what one sees first
    return {div.content[1]}
  elseif TITLE[class] then
    return within("\\begin{wbox}{" .. TITLE[class] .. "}", div, "\\end{wbox}")
  end
  return div.content
end

local function Span(span)
  if span.classes[1] == "amount" then
    local content = pandoc.List(span.content)
    content:insert(1, latex("{\\wamount "))
    content:insert(latex("}"))
    return content
  elseif span.classes[1] == "verdict" then
    return {pandoc.Strong(span.content)}
  end
  return span.content
end

----------------------------------------------------------------- the subjects

-- Terms by their first word: lists of {words, key}.
local terms = {}

-- As in print.py: small letters, without the s of a plural.
local function normal(word)
  word = word:lower():gsub("^[^%w]+", ""):gsub("[^%w]+$", ""):gsub("'s$", "")
  if #word > 3 and word:sub(-1) == "s" and not word:match("[sui]s$") then
    word = word:sub(1, -2)
  end
  return word
end

local function read_terms(path)
  for line in io.lines(path) do
    local list = {}
    line = line:match("^[^\t]*")
    for w in line:gmatch("%S+") do table.insert(list, w) end
    terms[list[1]] = terms[list[1]] or {}
    table.insert(terms[list[1]], {words = list, key = line})
  end
  for _, list in pairs(terms) do        -- the longest first
    table.sort(list, function(a, b) return #a.words > #b.words end)
  end
end

-- What is written for the subject index where a term stands: once a section,
-- and where it is set in italics, which is where it is explained.
local noted = {}

local function match(inlines, at)
  for _, term in ipairs(terms[normal(inlines[at].text)] or {}) do
    local i = at
    for n, word in ipairs(term.words) do
      if n > 1 then
        if not inlines[i + 1] or inlines[i + 1].t ~= "Space"
            and inlines[i + 1].t ~= "SoftBreak" then goto next_term end
        i = i + 2
      end
      if not inlines[i] or inlines[i].t ~= "Str"
          or normal(inlines[i].text) ~= word then goto next_term end
    end
    do return term.key end
    ::next_term::
  end
end

local function note_terms(inlines)
  for i = #inlines, 1, -1 do
    local key = inlines[i].t == "Str" and match(inlines, i)
    if key and not noted[key] then
      noted[key] = true
      inlines:insert(i, latex("\\wterm{" .. plain(key) .. "}"))
    end
  end
  return inlines
end

local function Emph(emph)
  local text = {}
  for w in pandoc.utils.stringify(emph):gmatch("%S+") do table.insert(text, normal(w)) end
  local key = table.concat(text, " ")
  for _, term in ipairs(terms[text[1]] or {}) do
    if term.key == key then
      return {latex("\\wexplained{" .. plain(key) .. "}"), emph}
    end
  end
end

--------------------------------------------------------------------- the page

local TERMS = os.getenv("WEAVE_TERMS") or ""

return function(shared, text)
  book = shared
  if TERMS ~= "" then read_terms(TERMS) end
  local doc = pandoc.read(text, book.FORMAT)
  local last = doc.blocks[#doc.blocks]
  local history = last and last.identifier == "history" and doc.blocks:remove()
  if book.place_grown then book.place_grown(doc.blocks) end
  if history then doc.blocks:insert(history) end
  doc = doc:walk({Inlines = book.Inlines, Div = book.count})
  doc = doc:walk({Emph = Emph, CodeBlock = book.CodeBlock})
  for i, element in ipairs(doc.blocks) do       -- a section at a time
    if element.t == "Header" then
      noted = {}
    else
      doc.blocks[i] = pandoc.Div({element}):walk({Inlines = note_terms}).content[1]
    end
  end
  doc = doc:walk({Cite = book.Cite})
  doc = doc:walk({Header = Header, Para = Para, Table = Table, Div = Div,
                  Link = Link, CodeBlock = CodeBlock})
  doc = doc:walk({Str = Str, Code = Code, Math = Math, Span = Span})
  if book.labels.bibliography == "yes" then     -- one list for the whole book
    doc.meta.nocite = pandoc.MetaInlines({pandoc.Cite({pandoc.Str("@*")},
      {pandoc.Citation("*", "NormalCitation")})})
    doc.meta["suppress-bibliography"] = true
  end
  return doc
end
