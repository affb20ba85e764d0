"""What the identifier filter and the back end share.

A noweb token stream becomes chapters, made of documentation and of pieces of
chunks; the code of each piece becomes words (comments, strings, identifiers);
and the words of each root, expanded as the tangle would, give definitions.
"""
import os
import re


# ---------------------------------------------------------------- structure

class Chapter:
    """One .nw file: `items` holds Docs and Pieces in the order of the file."""

    def __init__(self, path):
        self.path = path
        self.stem = os.path.basename(path).removesuffix('.nw')
        digits = re.match(r'\d*', self.stem).group()
        self.number = int(digits or 0)
        self.items = []

    def __getstate__(self):
        return self.__dict__ | {'items': []}    # those are large

    @property
    def label(self):
        """The number as printed: '' for the preface, A, B, ... from 90 on."""
        if self.number >= 90:
            return chr(ord('A') + self.number - 90)
        return str(self.number) if self.number else ''


class Docs:
    """A documentation chunk: `lines` are (line number, parts)."""

    def __init__(self):
        self.lines = []


class Piece:
    """A code chunk of the file, that is, one piece of the chunk `name`.

    `lines` are (line number, parts); a part is ('text', t) or ('use', name).
    `until` is the chapter that replaces this piece, or None.
    """

    def __init__(self, chapter, line, name):
        succession = re.fullmatch(r'(.*) \(until (\d+)\)', name)
        self.chapter, self.line = chapter, line
        self.name = succession[1] if succession else name
        self.until = int(succession[2]) if succession else None
        self.lines = []
        self.starts = []        # where each line starts in the token stream
        self.marked = []        # (index of line, name, kind, static)
        self.roots = set()
        self.words = None
        self.locals = set()     # names that mean something else in here

    def __getstate__(self):
        """Where it is and what it belongs to, without its text."""
        return {name: getattr(self, name) for name in
                ('chapter', 'line', 'name', 'until', 'anchor', 'roots')}

    @property
    def machine(self):
        """'riscv' if only machine/riscv/ uses this piece, '' if shared;
        the programs of the host are a machine of their own."""
        found = {m[1] or m[2]
                 if (m := re.match(r'machine/(\w+)/|(host)/', root)) else ''
                 for root in self.roots}
        return found.pop() if len(found) == 1 else ''

    def language(self):
        """The language of a root this piece belongs to: c, asm, ld or ''."""
        endings = {'.c': 'c', '.h': 'c', '.S': 'asm', '.ld': 'ld'}
        return next((endings[e] for root in sorted(self.roots)
                     if (e := os.path.splitext(root)[1]) in endings), '')


def is_root(name):
    return '/' in name and ' ' not in name


def is_file(name):
    """A root that is tangled: neither a transcript nor an answer."""
    return is_root(name) and not name.startswith(('transcript/', 'answer/'))


def code_of(path):
    """The lines of a chapter's chunks, but for those that no kernel has."""
    inside = False
    with open(path, encoding='utf-8') as file:
        for line in file:
            found = re.match(r'<<(.*)>>=$', line)
            if found:
                inside = not is_root(found[1]) or is_file(found[1])
            elif line == '@\n' or line.startswith('@ '):
                inside = False
            if inside:
                yield line


def file_page(name):
    """The page that shows a tangled file."""
    return 'files/' + name.replace('/', '-') + '.html'


def folder_anchor(folder):
    """Where the list of files has a folder, which ends with a slash."""
    return 'in-' + folder.strip('/').replace('/', '-')


def coexist(a, b):
    """True if some prefix of the book holds both pieces."""
    return ((a.until is None or b.chapter.number < a.until) and
            (b.until is None or a.chapter.number < b.until))


def parse(stream):
    """Read noweb's tokens (a list of lines) into a list of chapters."""
    chapters, item, quote, line = [], None, None, 1
    parts, start = [], 0
    for position, token in enumerate(stream):
        key, _, rest = token.rstrip('\n').partition(' ')
        if key == '@file':
            chapters.append(Chapter(rest))
            item, line = None, 1
        elif key == '@begin':
            parts, start = [], position + 1
            item = Docs() if rest.startswith('docs') else None
            if item:
                chapters[-1].items.append(item)
        elif key == '@end':
            if parts and item:
                item.lines.append((line, parts))
            parts, item = [], None
        elif key == '@defn':
            item = Piece(chapters[-1], line, rest)
            chapters[-1].items.append(item)
            start = None            # the rest of this line is the header
        elif key == '@quote':
            quote = []
        elif key == '@endquote':
            parts.append(('quote', quote))
            quote = None
        elif key in ('@text', '@use'):
            to = parts if quote is None else quote
            if key == '@text' and to and to[-1][0] == 'text':
                rest = to.pop()[1] + rest   # finduses cuts text at its finds
            to.append((key[1:], rest))
        elif key == '@nl' and item:
            if start is not None:
                item.lines.append((line, parts))
                if isinstance(item, Piece):
                    item.starts.append(start)
            parts, start = [], position + 1
            line += 1
        elif key == '@index' and item:
            if rest == 'nl':
                line += 1
            elif rest.startswith('defn ') and isinstance(item, Piece):
                item.marked.append([len(item.lines), rest[5:], 'name', False])
        elif key == '@weave':       # our own token: see identifiers.py
            item.marked[-1][2:] = [rest.split()[0], rest.endswith(' static')]
    return chapters


def pieces_by_name(chapters):
    """Name of chunk -> its pieces in book order, with roots and words set."""
    chunks = {}
    for chapter in chapters:
        for item in chapter.items:
            if isinstance(item, Piece):
                chunks.setdefault(item.name, []).append(item)
    uses = {name: {text for p in pieces for _, parts in p.lines
                   for kind, text in parts if kind == 'use'}
            for name, pieces in chunks.items()}
    for root in filter(is_root, chunks):
        reached, todo = set(), [root]
        while todo:
            name = todo.pop()
            if name in chunks and name not in reached:
                reached.add(name)
                todo.extend(uses[name])
                for piece in chunks[name]:
                    piece.roots.add(root)
    for pieces in chunks.values():
        for piece in pieces:
            piece.words = split_words(piece.lines, piece.language())
    return chunks


# -------------------------------------------------------------------- words

C_KEYWORDS = set('''auto break case char const continue default do double else
    enum extern float for goto if inline int long register restrict return
    short signed sizeof static struct switch typedef union unsigned void
    volatile while _Bool _Noreturn _Static_assert __attribute__ __asm__ asm
    bool'''.split())

COMMON = r'''(?P<st>"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)
    |(?P<id>[A-Za-z_]\w*) |(?P<nu>\d\w*) |(?P<ws>\s+) |(?P<op>->|\\$|.)'''
WORDS = {
    'c': re.compile(r'''(?P<co>/\*.*?(?:\*/|$)|//.*)
        |(?P<pp>^\s*\#\s*\w+(?:\s*<[^>]*>)?) |''' + COMMON, re.X),
    'ld': re.compile(r'(?P<co>/\*.*?(?:\*/|$)) |' + COMMON, re.X),
    'asm': re.compile(r'''(?P<pp>^\s*\#\s*(?:define|undef|include|if|ifdef
        |ifndef|else|elif|endif|error)\b(?:\s*<[^>]*>)?)
        |(?P<co>/\*.*?(?:\*/|$)|//.*|\#.*) |(?P<kw>(?<!\w)\.(?!L)[A-Za-z]\w*)
        |(?P<re>%\w+) |''' + COMMON, re.X),
}


def split_words(lines, language):
    """Each line's parts as words (class, text).

    Classes: co comment, st string, pp preprocessor, kw keyword, id, nu number,
    re register, ws white space, op any other sign, use (the name of a chunk).
    """
    result, comment = [], False
    for _, parts in lines:
        words = []
        for kind, text in parts:
            if kind == 'use':
                words.append(('use', text))
                continue
            if not language:
                words.append(('ws', text))
                continue
            if comment:             # a comment that began on a line above
                inside, end, text = text.partition('*/')
                words.append(('co', inside + end))
                comment = not end
            for m in WORDS[language].finditer(text):
                cls, word = m.lastgroup, m.group()
                if cls == 'id' and language == 'c' and word in C_KEYWORDS:
                    cls = 'kw'
                if cls == 'co' and word.startswith('/*'):
                    comment = len(word) < 4 or not word.endswith('*/')
                words.append((cls, word))
        result.append(words)
    return result


# -------------------------------------------------------------------- scope

TYPES = set('''char double float int long short signed unsigned void bool
    _Bool const volatile'''.split())


def mark_locals(chunks, name, inherited=frozenset(), inside=False, busy=()):
    """Fill `locals`: parameters, local variables and fields declared in a
    piece or, for a chunk used inside braces, in the piece that uses it."""
    for piece in chunks.get(name, ()):
        if piece.language() != 'c':
            continue
        own = declared_here(piece) - {name for _, name, *_ in piece.marked}
        piece.locals |= inherited | own
        depth = 0
        for cls, text in (word for words in piece.words for word in words):
            depth += (text == '{') - (text == '}')
            if cls == 'use' and text not in busy:
                deep = inside or depth > 0
                mark_locals(chunks, text, inherited | own if deep else frozenset(),
                            deep, (*busy, name))


def declared_here(piece):
    """Names after a type and before a comma, semicolon, =, ) or [."""
    found = set()
    for words in piece.words:
        words = [w for w in words if w[0] not in ('ws', 'co')] + [('nl', ';')]
        if words[0][1] in ('extern', 'return'):
            continue
        for i in range(1, len(words) - 1):
            if words[i][0] == 'id' and words[i + 1][1] in (',', ';', '=', ')', '['):
                j = i - 1
                while j > 0 and words[j][1] == '*':
                    j -= 1
                if words[j][1] in TYPES or words[j][0] == 'id' and (
                        words[j][1].endswith('_t')
                        or j and words[j - 1][1] in ('struct', 'union', 'enum')):
                    found.add(words[i][1])
    return found


# -------------------------------------------------------------- definitions

def expand(chunks, name, busy=()):
    """The words of a root with every chunk use replaced by its chunk:
    (class, text, (piece, index of line)), with ('nl', ...) after a line."""
    for piece in chunks.get(name, ()):
        for index, words in enumerate(piece.words):
            for cls, text in words:
                if cls == 'use':
                    if text not in busy:
                        yield from expand(chunks, text, (*busy, name))
                else:
                    yield cls, text, (piece, index)
            yield 'nl', '\n', (piece, index)


def definitions(chunks):
    """Every definition of the book: (piece, index, name, kind, static).
    `static` names are seen in their own file only."""
    finders = {'.c': in_c, '.h': in_c, '.S': in_assembler, '.ld': in_script}
    seen = set()
    for root in filter(is_root, chunks):
        ending = os.path.splitext(root)[1]
        if ending not in finders:
            continue
        words = [w for w in expand(chunks, root) if w[0] not in ('ws', 'co')]
        for name, kind, static, (piece, index) in finders[ending](words):
            if (piece, index, name) not in seen:
                seen.add((piece, index, name))
                yield piece, index, name, kind, static and ending != '.h'


def in_c(words):
    """Definitions at file level. `decl` gathers the words of a declaration,
    leaving out what stands in braces."""
    decl, depth, body, wants_constant = [], 0, '', False
    directive, wants_name, guard, last = '', False, '', ''
    for word in words:
        cls, text, where = word
        if cls == 'nl':
            directive = directive if last == '\\' else ''
        elif cls == 'pp':
            directive, wants_name = text.replace('#', '').strip(), True
        elif directive:
            if directive == 'ifndef' and wants_name:
                guard = text    # of a header: a name nobody uses
            if directive == 'define' and wants_name and text != guard:
                yield text, 'macro', False, where
            wants_name = False
        elif text == '{':
            if depth == 0:
                decl = without_attributes(decl)
                body, found = opening(decl)
                if found:
                    yield found
                wants_constant = True
            depth += 1
        elif text == '}':
            depth -= 1
            if depth == 0 and body == 'function':
                decl = []
            elif depth == 0:
                decl.append(('op', '{}', where))
        elif depth == 0 and text == ';':
            yield from declared(without_attributes(decl))
            decl = []
        elif depth == 0:
            decl.append(word)
        elif depth == 1 and body == 'enum':
            if cls == 'id' and wants_constant:
                yield text, 'constant', False, where
            wants_constant = text == ','
        last = text


def without_attributes(decl):
    """Leave out __attribute__((...)) and the brackets after an array."""
    kept, depth, skipping = [], 0, False
    for word in decl:
        if word[1] in ('__attribute__', '[') and not skipping:
            skipping, depth = True, word[1] == '['
        elif skipping:
            depth += (word[1] in '([') - (word[1] in ')]')
            skipping = depth > 0
        else:
            kept.append(word)
    return kept


def opening(decl):
    """What a brace at file level opens: (what, its definition or None)."""
    texts = [text for _, text, _ in decl]
    static = 'static' in texts
    if '=' in texts:
        return 'value', None
    if '(' in texts:                # a function: the name before its arguments
        depth = 0
        for i in reversed(range(1, len(decl))):
            depth += (texts[i] == ')') - (texts[i] == '(')
            if texts[i] == '(' and depth == 0:
                return 'function', (texts[i - 1], 'function', static,
                                    decl[i - 1][2])
    for tag in ('struct', 'union', 'enum'):
        if tag in texts:
            i = texts.index(tag) + 1
            if i < len(decl) and decl[i][0] == 'id':
                return tag, (f'{tag} {texts[i]}', tag, False, decl[i][2])
            return tag, None
    return 'other', None


def declared(decl):
    """The names a declaration that ends in ; defines: types and globals."""
    texts = [text for _, text, _ in decl]
    if not texts or 'extern' in texts:
        return
    kind = 'type' if texts[0] == 'typedef' else 'global'
    before = texts[:texts.index('=')] if '=' in texts else texts
    if '(' in before:               # a pointer to a function, or a prototype
        i = before.index('(')
        if '*' in before[i + 1:i + 2]:
            i += 2
        elif kind == 'type':
            i -= 1
        else:
            return
        yield texts[i], kind, 'static' in texts, decl[i][2]
        return
    if len(texts) == 2 and texts[0] in ('struct', 'union', 'enum'):
        return                      # only says that there is such a type
    depth, name, value = 0, None, False
    for cls, text, where in decl + [('op', ',', None)]:
        depth += (text == '(') - (text == ')')
        if text == ',' and depth == 0:
            if name:
                yield name[0], kind, 'static' in texts, name[1]
            name, value = None, False
        elif text == '=':
            value = True
        elif text == '{}' and not value:
            name = None
        elif cls == 'id' and not value:
            name = (text, where)


def in_assembler(words):
    """Labels at the start of a line, .macro, .equ, .set and #define."""
    words = list(words)
    shared = {b[1] for a, b in zip(words, words[1:])
              if a[1] in ('.globl', '.global')}
    makers = {'.macro': 'macro', '.equ': 'constant', '.set': 'constant',
              '#define': 'macro'}
    before = 'nl'
    for (cls, text, where), after in zip(words, words[1:]):
        if before == 'nl' and cls == 'id' and after[1] == ':':
            yield text, 'label', text not in shared, where
        elif text.replace(' ', '') in makers and after[0] == 'id':
            yield after[1], makers[text.replace(' ', '')], False, where
        before = cls


def in_script(words):
    """Symbols a linker script gives a value: `name = ...`."""
    words = list(words)
    for (cls, text, where), after in zip(words, words[1:]):
        if cls == 'id' and after[1] == '=':
            yield text, 'symbol', False, where
