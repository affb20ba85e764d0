#!/usr/bin/env python3
"""The book on paper: from chapters in LaTeX to a PDF with its indexes.

    print.py terms TOKENS OUT           the terms of the subject index
    print.py pdf TOKENS FOLDER OUT.pdf CHAPTER ...

`terms` lists what the book sets in italics, and what the glossary explains.
`pdf` runs xelatex in FOLDER, where the chapters NN-name.tex are.  Each run
leaves in weft.places on which page everything came to stand.  From that come
the numbers of chunks (page and letter) and the indexes of the next run, until
a run needs no other numbers than those it was given.  They are kept, so that
a book that was changed a little is seldom set more than twice.
"""
import os
import re
import subprocess
import sys

KEEP_NAMES = '0x10'     # of destinations: weft.pdf#sec:walk is a link, too
RUNS = 5                # more means that the numbers chase each other


# ------------------------------------------------------------------- reading

def tokens(folder, stem):
    with open(os.path.join(folder, stem + '.tok')) as f:
        for line in f:
            key, _, rest = line.rstrip('\n').partition('\t')
            yield key, rest.split('\t')


def stems(folder):
    return sorted(n.removesuffix('.tok') for n in os.listdir(folder)
                  if re.match(r'\d.*\.tok$', n))


# ---------------------------------------------------------------- the subjects

# Set in italics because the voice rises, and no subject.
STRESSED = set('''a above accessed across after again all allow also and another
    answered any are around as at be because before begin behind belong beside
    between both break but by byte called can clear contain copy cost do done
    doubt down each edge else end enough entry ever every failing find first for
    forgotten four fresh from get give happen has have hear here how if in
    inside is it its keep know last later left less lies low lower make many may
    more most must name need never new next no none not nothing now nowhere
    number occupy of off old on once one only open or other our out own page
    part place read reach return right same see set shall so somebody something
    span start still table take than that the their them then there these they
    this those three time to too two until up use value version want was were
    what when where whether which while who whole why will with within without
    word write yes you your lab'''.split())

ARTICLES = 'the a an of in on which somebody set make clear called'.split()


def normal(word):
    """As in print.lua: small letters, without the s of a plural."""
    word = re.sub(r'^[^\w]+|[^\w]+$', '', word.lower())
    word = re.sub(r"'s$", '', word)
    if len(word) > 3 and word.endswith('s') and not re.search('[sui]s$', word):
        word = word[:-1]
    return word


def terms(folder, out):
    """Write the terms, one a line: in normal form, as it is shown, and the
    section that introduces it.  Where there is a glossary, single words count
    only if it has them."""
    found, glossary = {}, {}
    for stem in stems(folder):
        text = []
        for key, (rest, *_) in tokens(folder, stem):
            if key == '@text':
                text.append(rest)
            elif key == '@nl':
                text.append('\n')
            elif key in ('@quote', '@begin'):
                text.append('\x00')
        text = ''.join(text)
        text = re.sub(r'^```.*?^```', '', text, flags=re.S | re.M)
        text = re.sub(r'`[^`]*`|\$[^$]*\$', '\x00', text)
        found.update(subjects((term, '') for term in re.findall(
            r'(?<![\w*\\])\*([A-Za-z][\w\s\'-]*?)\*(?![\w*])', text)))
        if 'glossary' in stem:          # Term, and below it `:   Explanation`
            glossary.update(subjects(
                (re.sub(r' *\(.*?\)', '', t[0].lower() + t[1:]
                        if t[1:2].islower() else t),
                 ' '.join(re.findall(r'@(sec:[\w-]+)', explained)[:1]))
                for t, explained in re.findall(
                    r'^(\w.*)\n+: (.*(?:\n.+)*)', text, re.M)))
    if glossary:
        found = {key: value for key, value in found.items() if ' ' in key}
    found.update(glossary)
    write(out, ''.join(f'{key}\t{shown}\t{section}\n'
                       for key, (shown, section) in sorted(found.items())))


def subjects(candidates):
    """Those that can be subjects: normal form -> (as shown, section)."""
    found = {}
    for term, section in candidates:
        if ',' in term:
            continue
        words = [normal(w) for w in term.split()]
        if (words and len(words) <= 4 and ''.join(words).isascii() and all(words)
                and words[0] not in ARTICLES
                and not all(w in STRESSED or len(w) < 3 for w in words)):
            shown = ' '.join(term.split()).rstrip(',.:')
            found.setdefault(' '.join(words), (shown, section))
    return found


# --------------------------------------------------------------------- places

class Places:
    """On which page everything stands: what weft.places says."""

    def __init__(self, path):
        self.page, self.label = {}, {}  # of chapters, sections; of pieces: 37b
        self.terms = {}             # term -> [(page, explained)]
        on_page = {}
        for line in read(path).splitlines():
            page, kind, name = line.split(' ', 2)
            if kind.startswith('term'):
                self.terms.setdefault(name, []).append((int(page), kind[4:] == '*'))
            else:
                self.page[name] = int(page)
            if kind == 'piece':
                on_page.setdefault(int(page), []).append(name)
        for page, names in on_page.items():
            for i, name in enumerate(names):
                self.label[name] = str(page) + (
                    chr(ord('a') + i) if len(names) > 1 else '')


def plain_title(text):
    """For a bookmark: no sign that TeX or PDF reads as more than itself."""
    text = text.replace('“', '"').replace('”', '"')
    return re.sub(r'[\\{}%#^~()&$_]', lambda m: {'_': '_', '&': 'and'}.get(m[0], ''), text)


def labels_of(folder):
    """Chapters and sections: (level, id, title with number)."""
    with open(os.path.join(folder, 'labels.lua')) as f:
        text = f.read()
    string = r'"((?:\\.|[^"\\])*)"'
    ids = {}
    for m in re.finditer(r'\["((?:ch):[^"]+)"\]=\{\["file"\]="([^"]+)"', text):
        ids[m[2]] = m[1]
    pages = re.split(r'\{\["file"\]=', text.partition('["refs"]')[0])[1:]
    for page in pages:
        stem = re.match(string, page)[1]
        number = re.search(r'\["number"\]=' + string, page)[1]
        title = re.search(r'\["title"\]=' + string, page)[1]
        yield 0, ids.get(stem, ''), (number + ' ' + title).strip()
        for ident, n, t in re.findall(
                r'\["id"\]=' + string + r',\s*\["number"\]=' + string
                + r',\s*\["title"\]=' + string, page):
            yield 1, ident, (n + ' ' + t).strip()


def labels_tex(folder, places, extra):
    out = [f'\\wset{{{name}}}{{{label}}}' for name, label in places.label.items()]
    if 'pages' in places.page:      # so many come before page 1
        out.append(f'\\def\\wfront{{{places.page["pages"]} }}')
    for depth, ident, title in [*labels_of(folder), *extra]:
        out.append(f'\\wbookmark{{{depth + 1}}}{{{ident}}}{{{plain_title(title)}}}')
    return '\n'.join(out) + '\n'


# --------------------------------------------------------------------- indexes

SIGNS = {'\\': r'\wB{}', '~': r'\wT{}', '^': r'\wC{}'}


def tex(text):
    return re.sub(r'[\\{}#$%&_~^]', lambda m: SIGNS.get(m[0], '\\' + m[0]), text)


def code(text):
    text = re.sub(r'(\\_|/|\.|-)(?=\w)', r'\1\\wz{}', tex(text))
    return f'\\wc{{{text}}}'


def chunk_name(name):
    if re.fullmatch(r'\S+/\S+', name):
        return code(name)
    return re.sub(r'\[\[(.*?)\]\]|([^[]+|\[)',
                  lambda m: code(m[1]) if m[1] is not None else tex(m[2]), name)


def pages_tex(pages, bold=()):
    """Pages as `12, 14–16`; those that explain the thing are bold."""
    out, pages = [], sorted(set(pages) | set(bold))
    i = 0
    while i < len(pages):
        j = i
        while (j + 1 < len(pages) and pages[j + 1] == pages[j] + 1
               and (pages[j + 1] in bold) == (pages[i] in bold)):
            j += 1
        text = str(pages[i]) if i == j else f'{pages[i]}–{pages[j]}' \
            if j > i + 1 else f'{pages[i]}, {pages[j]}'
        out.append(f'\\textbf{{{text}}}' if pages[i] in bold else text)
        i = j + 1
    return ', '.join(out)


class Code:
    """What the tokens say of chunks and identifiers."""

    def __init__(self, folder):
        self.chunks = {}        # name -> (anchors of its pieces, of its users)
        self.defs = {}          # name -> {anchor of the piece: machine}
        self.uses = {}          # name -> anchors of pieces
        self.kinds = {}
        names = {}              # anchor of a definition -> name
        used = []
        for stem in stems(folder):
            piece = None
            for key, rest in tokens(folder, stem):
                if key == '@begin':
                    kind, piece, _, name = rest
                    self.chunks.setdefault(name, ([], []))[0].append(piece)
                    defines = []
                elif key == '@end':
                    piece = None
                elif piece and key == '@note' and rest[0] == 'used':
                    users = self.chunks[name][1]
                    users.append(rest[1].partition('#')[2])
                elif piece and key == '@note' and rest[0] == 'defines':
                    self.defs.setdefault(rest[2], {})[piece] = ''
                    defines.append(rest[2])
                elif piece and key == '@word' and rest[2]:
                    for full in defines:
                        if full.split()[-1] == rest[3]:
                            names[rest[2]] = full
                            machine = re.search(r':(riscv|i386|host)\b', rest[2])
                            self.defs[full][piece] = machine[1] if machine else ''
                elif piece and key == '@word' and '#' in rest[1]:
                    used.append((rest[1].partition('#')[2], piece))
        for anchor, piece in used:
            if anchor in names:
                self.uses.setdefault(names[anchor], []).append(piece)
        name = ''
        for key, rest in tokens(folder, 'identifiers'):
            if key == '@word':
                name = rest[3]
            elif key == '@text' and name:
                m = re.match(r' \*(.*?)\*', rest[0])
                self.kinds[name] = m[1] if m else ''
                name = ''


def chunk_index(book, places):
    groups = {'Files': [], 'Chunks': [], 'Transcripts': []}

    def order(name):
        name = re.sub(r'\[\[|\]\]|[`*]', '', name)
        return name.lower(), name
    for name in sorted(book.chunks, key=order):
        groups['Transcripts' if name.startswith('Transcript:') else 'Files'
               if re.fullmatch(r'\S+/\S+', name) else 'Chunks'].append(name)
    out = ['\\begin{windex}{ch:chunks}{Index of chunks}',
           'A number is a page, with a letter if several chunks begin on it. '
           'Bold numbers are definitions, the others uses.\\par']
    for group, names in groups.items():
        if names:
            out.append(f'\\wgroup{{{group}}}')
        for name in names:
            pieces, users = book.chunks[name]
            text = ', '.join(f'\\textbf{{\\wp{{{p}}}}}' for p in pieces)
            text += ''.join(f', \\wp{{{u}}}' for u in dict.fromkeys(users))
            out.append(f'\\wentry {chunk_name(name)}\\enspace {text}')
    return out + ['\\end{windex}']


def identifier_index(book, places):
    out = ['\\begin{windex}{ch:identifiers}{Index of identifiers}',
           'Bold numbers are pages of definitions, the others pages of chunks '
           'that use the identifier.\\par']
    letter = None
    for name in sorted(book.defs, key=lambda n: (n.split()[-1].lower().strip('_'), n)):
        first = name.split()[-1].lower().strip('_')[:1]
        if first != letter:
            letter = first
            out.append(f'\\wgroup{{{letter.upper()}}}')
        by_machine = {}
        for anchor, machine in book.defs[name].items():
            if anchor in places.page:
                by_machine.setdefault(machine, []).append(places.page[anchor])
        defined = {p for pages in by_machine.values() for p in pages}
        used = {places.page[a] for a in book.uses.get(name, ()) if a in places.page}
        text = [pages_tex([], pages) + (f' {machine}' if machine else '')
                for machine, pages in sorted(by_machine.items())]
        if used - defined:
            text.append(pages_tex(used - defined))
        kind = book.kinds.get(name, '')
        kind = f' {tex(kind)}' if kind else ''
        out.append(f'\\wentry {code(name)}{kind}\\enspace {", ".join(text)}')
    return out + ['\\end{windex}']


COMMON = 24             # a term on more pages is in the index where it is
                        # explained, and in titles

def subject_index(folder, places, known):
    """Terms, and titles of sections that occur once."""
    entries = {}
    for term, found in places.terms.items():
        shown, section = known.get(term, (term, ''))
        explained = {p for p, strong in found if strong}
        if not explained and section in places.page:
            explained = {places.page[section]}
        pages = {p for p, _ in found}
        entries[term] = shown, pages if len(pages) <= COMMON else set(), explained
    titles = {}
    for depth, ident, title in labels_of(folder):
        if depth == 1:
            titles.setdefault(re.sub(r'^[\dA-Z.]+ ', '', title), []).append(ident)
    for title, ids in titles.items():
        key = ' '.join(normal(w) for w in title.split())
        if len(ids) == 1 and ids[0] in places.page \
                and key.split()[0] not in STRESSED - {'the', 'a', 'an'}:
            page = places.page[ids[0]]
            if key in entries:
                entries[key][2].add(page)
            else:
                entries[key] = (title, {page}, set())
    out = ['\\begin{windex}{ch:subjects}{Index of subjects}',
           'Bold numbers are pages on which a term is introduced.\\par']
    letter = None
    for key in sorted(entries, key=lambda k: re.sub(r'^(a|the|an) ', '', k)):
        shown, pages, bold = entries[key]
        first = re.sub(r'^(a|the|an) ', '', key)[:1].upper()
        if first != letter:
            letter = first
            out.append(f'\\wgroup{{{letter}}}')
        out.append(f'\\wentry {tex(shown)}\\enspace {pages_tex(pages, bold)}')
    return out + ['\\end{windex}']


# ------------------------------------------------------------- before and after

FRONT = r'''\frontmatter
\begin{titlepage}
\vspace*{120pt}
{\Huge\sffamily\bfseries %s\par}
\vspace{14pt}
{\Large %s\par}
\vspace{60pt}
%s
\vfill
{\small Code: MIT licence. Prose and drawings: CC BY 4.0.\par}
\end{titlepage}
\tableofcontents
'''


def front(cover, out):
    """The title page, with the words of the first page of the HTML."""
    with open(cover) as f:
        text = f.read()
    title = re.search(r'^# (.*?)\s*(\{.*)?$', text, re.M)
    subtitle = re.search(r'^::: subtitle\n(.*?)\n:::', text, re.M | re.S)
    rest = text[subtitle.end() if subtitle else title.end():]
    rest = re.sub(r'<!--.*?-->', '', rest, flags=re.S).strip()
    rest = re.sub(r'\n\n+', '\n\n', rest)
    write(out, FRONT % (tex(title[1]), tex(subtitle[1]) if subtitle else '', tex(rest)))


def references(listed, out):
    with open(listed) as f:
        text = f.read()
    os.remove(listed)
    write(out, '\\wheadingone{}{ch:references}{References}\n\n' + text
          if text.strip() else '')


# ------------------------------------------------------------------------ runs

MAIN = r'''\input{print.tex}
\begin{document}
\input{front.tex}
\wmain
%s
\input{references.tex}
\input{index.tex}
\end{document}
'''

EXTRA = [(0, 'ch:references', 'References'), (0, 'ch:chunks', 'Index of chunks'),
         (0, 'ch:identifiers', 'Index of identifiers'),
         (0, 'ch:subjects', 'Index of subjects')]


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ''


def write(path, text):
    """Write the file, and say whether it says something new."""
    if os.path.exists(path) and read(path) == text:
        return False
    with open(path, 'w') as f:
        f.write(text)
    return True


def derived(tokens_folder, folder, book):
    """Write what follows from the places of the last run: is it new?"""
    places = Places(os.path.join(folder, 'weft.places'))
    new = write(os.path.join(folder, 'labels.tex'),
                labels_tex(tokens_folder, places, EXTRA))
    index = chunk_index(book, places) + identifier_index(book, places) \
        + subject_index(tokens_folder, places, {
            key: rest for key, *rest in (line.split('\t') for line in read(
                os.path.join(folder, 'terms')).splitlines())})
    return write(os.path.join(folder, 'index.tex'), '\n'.join(index) + '\n') or new


def run(folder, *options):
    done = subprocess.run(
        ['xelatex', '-interaction=nonstopmode', '-halt-on-error', *options,
         'weft.tex'], cwd=folder, capture_output=True, text=True, errors='replace')
    if done.returncode:
        lines = done.stdout.splitlines()
        at = next((i for i, l in enumerate(lines) if l.startswith('! ')), -10)
        sys.exit('weave: xelatex failed:\n' + '\n'.join(lines[at:at + 8])
                 + f'\nThe whole story is in {folder}/weft.log')


def pdf(tokens_folder, folder, out, *chapters):
    book = Code(tokens_folder)
    write(os.path.join(folder, 'weft.tex'), MAIN % '\n'.join(
        f'\\input{{{c}.tex}}' for c in chapters))
    derived(tokens_folder, folder, book)
    toc = os.path.join(folder, 'weft.toc')
    for runs in range(1, RUNS + 1):
        before = read(toc)
        run(folder, '-no-pdf')
        if not derived(tokens_folder, folder, book) and read(toc) == before:
            break
    else:
        sys.exit('weave: the page numbers did not settle')
    done = subprocess.run(['xdvipdfmx', '-q', '-C', KEEP_NAMES, '-o', 'weft.pdf',
                           'weft.xdv'], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit('weave: xdvipdfmx failed:\n' + done.stderr)
    os.replace(os.path.join(folder, 'weft.pdf'), out)
    pages = re.search(r'Output written on .*?\((\d+) page',
                      read(os.path.join(folder, 'weft.log')))
    print(f'          {pages[1]} pages, set {runs} times')


if __name__ == '__main__':
    {'terms': terms, 'front': front, 'references': references,
     'pdf': pdf}[sys.argv[1]](*sys.argv[2:])
