"""The weave, tried on a small book in tests/weave/book.

Run with: /usr/bin/python3 -m pytest tests/test_weave.py
"""
import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / 'tests/weave/book'
NOWEB = '/usr/lib/noweb'
VOID = {'meta', 'link', 'br', 'hr', 'img', 'col', 'wbr', 'input'}
DRAWN = {'path', 'rect', 'line', 'circle', 'polygon', 'use'}


class Page(HTMLParser):
    """A page read strictly: every element closed in order, every id once."""

    def __init__(self, path):
        super().__init__()
        self.path, self.open = path, []
        self.ids, self.links, self.loads, self.text = set(), [], [], ''
        self.feed(path.read_text())
        assert not self.open, f'{path.name}: never closed: {self.open}'

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f'{tag}: an attribute twice'
        if 'id' in attributes:
            assert attributes['id'] not in self.ids, attributes['id']
            assert attributes['id'], f'{tag}: empty id'
            self.ids.add(attributes['id'])
        if tag == 'a' and 'href' in attributes:
            assert 'a' not in self.open, 'a link in a link'
            self.links.append(attributes['href'])
        self.loads += [v for k, v in attrs if k in ('src', 'data', 'action')]
        self.loads += [attributes['href']] if tag == 'link' else []
        if tag == 'p':
            assert 'p' not in self.open, 'a paragraph in a paragraph'
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            assert tag in DRAWN, f'<{tag}/> is no HTML'
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, \
            f'{self.path.name}:{self.getpos()[0]}: </{tag}> in {self.open[-3:]}'
        self.open.pop()

    def handle_data(self, data):
        self.text += data


def weave(book, out, *arguments, root=ROOT):
    return subprocess.run(
        ['make', '-f', 'weave.mk', f'WEAVE_BOOK={book}', f'WEAVE_OUT={out}',
         *(arguments or ['book'])],
        cwd=root, capture_output=True, text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith('MAKE')})


@pytest.fixture(scope='module')
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp('woven')
    result = weave(SAMPLE.relative_to(ROOT), out, '-j2', 'book')
    assert result.returncode == 0, result.stderr
    assert result.stderr == ''
    assert len(result.stdout.splitlines()) == 7     # one line a page
    return out


@pytest.fixture(scope='module')
def pages(out):
    """As pandoc makes them; what readers get is smaller, see test_pages.py."""
    return {p.name: Page(p) for p in (out / 'pages').glob('*.html')}


def html(out, stem):
    return (out / 'pages' / f'{stem}.html').read_text()


def piece(out, anchor, stem='05-tables'):
    """One chunk of a page, from its anchor to the end of its block."""
    text = html(out, stem)
    start = text.index(f'id="{anchor}"')
    return text[start:text.index('</div>', start)]


def code(out, anchor, stem='05-tables'):
    return re.search('<pre.*</pre>', piece(out, anchor, stem), re.S)[0]


# ------------------------------------------------------------ whole pages

def test_every_page_is_well_formed(pages):
    assert set(pages) == {'index.html', 'files.html', 'chunks.html', 'identifiers.html',
                          '00-preface.html', '05-tables.html', '14-later.html'}
    for name, page in pages.items():
        text = page.path.read_text()
        assert text.startswith('<!DOCTYPE html>\n<html lang="en">'), name
        assert text.count('<h1') == 1 and text.count('<main ') == 1
        assert '<a class="skip" href="#main">' in text
        assert re.search(r'<title>[^<]+ – Weft</title>', text)
        assert len(text) < 150_000
        for leftover in '\ue000\ue001\ue002':
            assert leftover not in text
        assert '[[' not in text.replace('/* [[walk]] stays as it is */', '')


def test_every_link_leads_somewhere(pages):
    for page in pages.values():
        for link in page.links:
            file, _, anchor = link.partition('#')
            if file.startswith('files/'):
                assert (page.path.parent.parent / 'html' / file).exists(), link
                continue
            target = pages[file] if file else page
            assert not anchor or anchor in target.ids, f'{page.path.name}: {link}'


def test_nothing_comes_from_other_hosts(out, pages):
    for page in pages.values():
        assert set(page.loads) <= {'book.css', 'book.js', *pages}
        assert '@import' not in page.path.read_text()
    css = (out / 'html/book.css').read_text()
    assert not re.search(r'url\(|@import|//', css)


def test_navigation(out):
    page = html(out, '05-tables')
    assert '<a rel="prev" href="00-preface.html">← Preface</a>' in page
    assert '<a rel="next" href="14-later.html">Later →</a>' in page
    assert page.count('href="05-tables.html" aria-current="page"') == 1
    assert page.count('<a href="#sec:both"><b>5.2</b> Both machines</a>') == 1
    assert 'href="05-tables.html#sec:both"' in html(out, 'index')


# ------------------------------------------------------------------ prose

def test_references(out):
    preface = html(out, '00-preface')
    assert '<a href="05-tables.html#ch:tables">Chapter 5</a>' in preface
    assert '<a href="05-tables.html#sec:walking">Section 5.1</a>' in preface
    page = html(out, '05-tables')
    assert '<a href="#fig:tree">Figure 5.1</a>' in page
    assert '<a href="#fig:tree">5.1</a>' in page                # [-@fig:tree]
    assert '<a href="#tbl:levels">Table 5.1</a>' in page
    assert '<a href="#ex:count">Exercise 5.1</a>' in page
    assert 'id="ref-daley68"' in page and 'id="ref-' not in preface


def test_quoted_code(out):
    preface = html(out, '00-preface')
    link = '<code><a href="05-tables.html#d:walk">walk</a></code>'
    assert f'<td>{link} in' in preface                          # in a table
    assert '<td><code>a|b</code>, not' in preface
    assert '#c:kernel/memory/walk.c">⟨<code>kernel/memory/walk.c</code>⟩</a>' in preface
    page = html(out, '05-tables')
    assert re.search(r'<h2 id="sec:walking">.*#d:walk">walk</a>', page)
    assert re.search(r'id="fn1".*#d:PTE_VALID.*⟨function <code>walk</code>⟩', page)
    assert '<code><a href="#d:walk">walk</a>(space, va, 0)</code>' in page
    assert '<code>nobody_knows</code>' in page
    later = html(out, '14-later')
    assert '<a href="05-tables.html#d:struct-space">struct space</a>' in later
    assert '<a href="05-tables.html#d:struct-space">space</a>' in later


def test_figure(out):
    figure = re.search(r'<figure id="fig:tree">.*?</figure>', html(out, '05-tables'), re.S)[0]
    assert 'role="img" aria-labelledby="fig-tree-title fig-tree-desc"' in figure
    assert '<title id="fig-tree-title">' in figure and 'url(#fig-tree-head)' in figure
    assert '<span class="number">Figure 5.1.</span> A tree of <em>two</em> levels.' in figure


def test_tables_and_divs(out):
    page = html(out, '05-tables')
    assert '<table id="tbl:levels">' in page and '{#tbl' not in page
    assert '<span class="number">Table 5.1.</span> Levels of a table.' in page
    for name in 'question attempt warning aside design answers exercise'.split():
        assert re.search(rf'<div[^>]* class="{name}"', page), name
    assert 'aria-label="2 stars">★★</span>' in page
    assert '<details class="hint"><summary>Hint</summary>' in page
    pair = page[page.index('<div class="pair">'):]
    assert pair.index('<div class="riscv">') < pair.index('c:machine/riscv/flush.S') \
        < pair.index('<div class="i386">') < pair.index('c:machine/i386/flush.S')
    assert '页表页表' in page and '“…”' in page and '<math' in page


def test_transcripts(out):
    shown = piece(out, 'c:transcript/05.riscv')
    assert 'Transcript: riscv, chapter 5' in shown
    assert 'memory at <var>address</var>, <var>count</var> pages' in shown
    assert 'weft&gt; <kbd>walk 0x1000</kbd>\n' in shown
    assert 'chapter 5 (faults)' in piece(out, 'c:transcript/05.i386.faults')


# ------------------------------------------------------------------- code

def test_chunks_lead_to_each_other(out):
    walk = piece(out, 'c:function-walk')
    assert 'Used in <a href="#c:kernel/memory/walk.c">' in walk
    assert 'Defines <code><a href="identifiers.html#id:walk">walk</a></code>.' in walk
    states = piece(out, 'c:more-states')
    assert 'Continued <a href="14-later.html#c:more-states:2">in chapter 14' in states
    more = piece(out, 'c:more-states:2', '14-later')
    assert 'Continues from <a href="05-tables.html#c:more-states">chapter 5' in more
    assert '+≡' in more and '+≡' not in states


def test_succession(out):
    name = 'c:go-down-level-levels'
    old, new = piece(out, f'{name}:until-14'), piece(out, name, '14-later')
    assert '⟨go down <code>level</code> levels⟩ ≡' in old and 'until 14)' not in old
    assert f'Replaced in <a href="14-later.html#{name}">chapter 14</a>' in old
    assert f'Replaces the one of <a href="05-tables.html#{name}:until-14">chapter 5</a>' in new
    assert '+≡' not in new
    assert f'href="#{name}:until-14"' in code(out, 'c:function-walk')


def test_code_is_linked_and_coloured(out):
    walk = code(out, 'c:function-walk')
    assert '<i>/* walk: return the entry for va, or 0. Only kernel_space in a comment. */</i>' in walk
    assert '<dfn id="d:walk">walk</dfn>' in walk
    assert '<b>struct </b><a href="#d:struct-space">space</a> *space' in walk
    unmap = code(out, 'c:function-unmap')
    assert '<a href="#d:walk">walk</a>(s, va, <a href="#d:STATE_USED">' in unmap
    assert '<em>&quot;no entry for walk %d' in unmap
    header = code(out, 'c:kernel/memory/table.h')
    assert '(1 &lt;&lt; (level))' in header
    assert '<a class="use" href="#c:more-states">⟨more states⟩</a>' in header
    riscv = code(out, 'c:machine/riscv/flush.S')
    assert '<dfn id="d:flush_all:riscv"' in riscv and '<i># walk is not used here</i>' in riscv
    i386 = code(out, 'c:machine/i386/flush.S')
    assert 'call <a href="#d:walk">walk</a>' in i386
    page = html(out, '05-tables')
    assert 'On riscv the walk ends with <code><a href="#d:flush_all:riscv">' in page
    assert 'On i386 <code><a href="#d:flush_all:i386">' in page


def test_identifiers(out):
    index = re.findall(r'<li><code><dfn id="id:([^"]+)".*?</code>(.*?)</li>',
                       html(out, 'identifiers'))
    found = {name: re.sub('<[^>]*>', '', rest).strip() for name, rest in index}
    assert found == {
        'PTE_VALID': 'macro 5; used in 5, 14', 'ENTRIES': 'macro 5',
        'pte_t': 'type 5; used in 5, 14', 'visitor_t': 'type 5; used in 14',
        'enum-state': '5', 'STATE_FREE': 'constant 5',
        'STATE_USED': 'constant 5; used in 5', 'STATE_SHARED': 'constant 5',
        'STATE_LOST': 'constant 14', 'struct-space': '5; used in 5',
        'walks': 'global 5; used in 5', 'failures': 'global 5',
        'names': 'global 5', 'kernel_space': 'global 5; used in 5',
        'walk': 'function 5; used in 5', 'unmap': 'function 5',
        'flush_all': 'label 5 riscv, 5 i386; used in 5',
        'kernel_end': 'symbol 5 i386', 'visit': 'global 14'}


# --------------------------------------------------- what is made of all pages

def script(out, name):
    """What a script of data holds."""
    text = (out / f'html/{name}.js').read_text()
    return json.loads(re.fullmatch(rf'weft\.got\("{name}", (.*)\);\n', text, re.S)[1])


def test_smaller_pages_say_the_same(out):
    """And hold the same links, but for what book.js puts back."""
    for small in (out / 'html').glob('*.html'):
        whole = out / 'pages' / small.name
        if not whole.exists():
            assert small.name == 'book.html'
            continue
        small, whole = small.read_text(), whole.read_text()
        assert len(small) < .95 * len(whole)
        texts = [unescape(re.sub(r'<[^>]*>|\s', '', t)) for t in (small, whole)]
        restored = r'Defines[\w,]*\.|Continuesfromabove\.'
        assert re.sub(restored, '', texts[0]) == re.sub(restored, '', texts[1])
        whole = re.sub('(<td[^>]*><a) href="files/[^"]*"', r'\1', whole)  # What grew
        links = [re.sub('"', '', ' '.join(re.findall(r'\b(?:id|href)=[^\s>]*', t)))
                 for t in (small, whole)]
        assert set(links[0].split()) == set(re.sub(
            r'href=identifiers.html#id:\S*(?= |$)', '', links[1]).split()) \
            | set(re.findall(r'href=identifiers.html#id:\S*', links[0]))


def test_files_as_they_are_tangled(out):
    index = html(out, 'files')
    assert '<a href="files/kernel-memory-walk.c.html"><code>walk.c</code></a> 29 lines; ' \
        '<a href="05-tables.html#c:kernel/memory/walk.c">5</a>, ' in index
    for name in ('kernel/memory/walk.c', 'kernel/memory/table.h', 'machine/riscv/flush.S'):
        page = (out / f'html/files/{name.replace("/", "-")}.html').read_text()
        code = re.search('<pre>(.*)</pre>', page, re.S)[1]
        code = re.sub('<a class=from .*?</a>|<a id=L[^>]*>[0-9]+</a>', '', code)
        code = unescape(re.sub('<[^>]*>', '', code))
        chapters = ''.join(p.read_text() for p in sorted(SAMPLE.glob('*.nw')))
        chapters = re.sub(r'^<<go down .* \(until 14\)>>=\n(.*\n)*?@$', '', chapters, flags=re.M)
        assert code + '\n' == subprocess.run(
            ['notangle', '-t8', '-R' + name], input=chapters,
            capture_output=True, text=True, check=True).stdout
        for link in re.findall(r'href="?\.\./([^"> ]*)', page):
            file, _, anchor = link.partition('#')
            assert not anchor or anchor in Page(out / 'pages' / file).ids \
                if file.endswith('.html') else (out / 'html' / file).exists()
    walk = (out / 'html/files/kernel-memory-walk.c.html').read_text()
    assert re.search(r'<a id=L17 href=../14-later.html#c:go-down-level-levels '
                     r'title="⟨go down level levels⟩ in chapter 14">17</a>\t<b>for ', walk)


def test_chunks_to_unfold(out):
    chunks = script(out, 'chunks')
    old, new = chunks['c:go-down-level-levels']
    assert old[:3] == ['05-tables.html#c:go-down-level-levels:until-14', 5, 14]
    assert new[:3] == ['14-later.html#c:go-down-level-levels', 14, 0]
    assert new[3].startswith('<b>for </b>(; level &gt; 0; level--) {\n\t')
    assert 'href="05-tables.html#d:PTE_VALID"' in old[3]
    assert 'c:kernel/memory/walk.c' not in chunks


def test_search_index(out):
    found = {page[0]: page for page in script(out, 'search')}
    assert set(found) == {'00-preface.html', '05-tables.html', '14-later.html'}
    _, label, title, entries = found['05-tables.html']
    assert (label, title) == ('5', 'Page tables')
    entries = {anchor: entry for anchor, *entry in entries}
    assert entries['sec:both'][0] == '5.2 Both machines'
    assert 'On riscv the walk ends with flush_all.' in entries['sec:both'][1]
    assert 'A tree of two levels.' in entries['sec:walking'][1]
    assert entries['c:function-walk'][0] == '⟨function walk⟩'
    assert 'pte_t *walk(struct space *space' in entries['c:function-walk'][1]
    assert entries['d:walk'] == ['walk', '', 2]


def test_the_book_as_one_page(out, tmp_path):
    text = (out / 'html/book.html').read_text()
    ids = re.findall(r'\bid="?([^"> ]+)', text)
    assert len(ids) == len(set(ids)) and 'd:walk' in ids and 'sec:again' in ids
    for link in re.findall(r'href="?([^"> ]+)', text):
        file, _, anchor = link.partition('#')
        assert anchor in ids if not file else not re.match(r'\d', file), link
    assert text.count('<section class=chapter') == 4


DEFINITIONS = r'''
static const struct region map[] = { { 1, 2 }, { 3 } };
int (*hook)(int a), other;
struct __attribute__((packed)) frame { int pc; } frames[4];
union word { char bytes[4]; };
typedef struct { int x; } point_t;
typedef int table_t[4];
struct forward;
extern int elsewhere;
int prototype(int a, int b);
#ifndef GUARD_H
#define GUARD_H
#endif
enum { ONE = 1 @<< 0, /* TWO, */ THREE = F(1, 2),
FOUR };
__attribute__((noreturn)) struct page *stop(const char *why,
                                            int line)
{
	int local = 1;
	if (local) { elsewhere = 2; }
}
@
<<machine/x/start.S>>=
	.globl _start
_start: .macro save n
.Lhidden:
1:	.equ SIZE, 4 /* not:
this: */
after:  lui a0, %hi(after)
@
'''


def test_definitions(tmp_path):
    source = tmp_path / '01-x.nw'
    source.write_text('# T {#ch:t}\n<<kernel/x.c>>=' + DEFINITIONS)
    marked = subprocess.run(
        f'{NOWEB}/markup -t {source} | python3 -B {ROOT}/book/weave/identifiers.py',
        shell=True, capture_output=True, text=True).stdout
    assert re.findall(r'@index defn (.*)\n@weave (.*)', marked) == [
        ('map', 'global static'), ('hook', 'global'),
        ('struct frame', 'struct'), ('frames', 'global'), ('union word', 'union'),
        ('point_t', 'type'), ('table_t', 'type'),
        ('ONE', 'constant'), ('THREE', 'constant'), ('FOUR', 'constant'),
        ('stop', 'function'), ('_start', 'label'), ('save', 'macro'),
        ('SIZE', 'constant'), ('after', 'label static')]


def test_noweave_is_its_stages(tmp_path):
    chapters = ' '.join(sorted(map(str, SAMPLE.glob('*.nw'))))
    filter_ = f'python3 -B {ROOT}/book/weave/identifiers.py'
    whole, stages = (
        subprocess.run(command, shell=True, capture_output=True, check=True).stdout
        for command in (
            # noweave gives every back end an option, which cat refuses.
            f'noweave -t -n -filter "{filter_}" -backend "sh -c cat" {chapters}',
            f'{NOWEB}/markup -t {chapters} | {filter_}'))
    assert whole and whole == stages


ITEMS = '''# More {#ch:more}

::: {.tally pc="The PC" lab="Lab"}
:::

::: {.item .slip #pc:3}
```said
*Not* emphasis, a
<b> and @sec:none
```

Our answer, @ch:more.

Test: `usertests copyin`
:::

::: {.item .right}
Nothing quoted.
:::

::: {.item .markup #lab:1.2}
```code
\tint a;  // 第三
```
:::
'''


def test_items(tmp_path):
    """Words that are quoted stand there as they are, with a verdict."""
    book, out = tmp_path / 'book', tmp_path / 'out'
    book.mkdir()
    (book / '90-more.nw').write_text(ITEMS)
    result = weave(book, out)
    assert result.returncode == 0, result.stderr
    page = Page(out / 'pages/90-more.html')
    assert {'pc:3', 'lab:1.2'} <= page.ids
    text = html(out, '90-more')
    assert '<p>*Not* emphasis, a &lt;b&gt; and @sec:none</p>' in text
    assert '<a href="#pc:3">Line 3</a> <span class="verdict">A slip</span>' in text
    assert '<div class="tests">\nTest: <code>usertests copyin</code>' in text
    assert '<pre lang="zh"><code>\tint a;  // 第三</code></pre>' in text
    rows = re.findall(r'<t[dh][^>]*>(.*?)</t[dh]>', text)
    assert rows == ['Verdict', 'The PC', 'Lab', 'Right', '1', '0',
                    'Right there, different here', '0', '0',
                    'A slip', '1', '0', 'Answered', '0', '0']


def test_a_caption_needs_a_table(tmp_path):
    (tmp_path / '01-x.nw').write_text('# X {#ch:x}\n\nText.\n\nTable: None. {#tbl:x}\n')
    result = weave(tmp_path, tmp_path / 'out')
    assert result.returncode != 0
    assert '01-x: no table has the caption Table: None.' in result.stderr


# ----------------------------------------------------------------- making

@pytest.fixture
def copy(tmp_path):
    """A copy of the book to spoil: (folder, out, function to run)."""
    book = tmp_path / 'book'
    shutil.copytree(SAMPLE, book)
    return book, tmp_path / 'out'


def test_only_the_edited_page_is_woven_again(copy):
    book, out = copy
    assert weave(book, out).returncode == 0
    assert weave(book, out).stdout == ''
    before = html(out, '05-tables')
    chapter = book / '05-tables.nw'
    chapter.write_text(chapter.read_text().replace('A *walk* goes', 'Line\nand line. A *walk* goes'))
    result = weave(book, out)
    assert result.stdout.split() == ['WEAVE', f'{out}/html/05-tables.html']
    anchors = [re.findall(r'id="([^"]*)"', text) for text in (before, html(out, '05-tables'))]
    assert anchors[0] == anchors[1]


EDITS = [       # (replace in 05-tables.nw, by)
    ('A *walk* goes', 'With [[failures]] and @sec:again,\na *walk* goes'),
    ('## Both machines', '## Two machines'),
    ('\twalks++;', '\twalks += 1;'),
    ('\twalks += 1;', '\twalks += 1;\n@\n\nA piece of two.\n<<function [[walk]]>>='),
    ('And [[nobody_knows]]?', 'And [[nobody_knows]]? [@daley68; @nobody99]'),
    ('; @nobody99', ''),
]


@pytest.mark.all
def test_an_edit_makes_what_a_fresh_weave_makes(copy, tmp_path):
    """Also where only prose has changed, and the rest is not looked at."""
    book, out = copy
    assert weave(book, out).returncode == 0
    chapter = book / '05-tables.nw'
    for old, new in EDITS:
        text = chapter.read_text()
        assert old in text
        chapter.write_text(text.replace(old, new))
        fresh = tmp_path / 'fresh'
        shutil.rmtree(fresh, ignore_errors=True)
        again, whole = weave(book, out), weave(book, fresh)
        assert again.returncode == whole.returncode == (2 if 'nobody99' in new else 0)
        assert again.stderr.splitlines()[:1] == whole.stderr.splitlines()[:1]
        if again.returncode == 0:
            for path in (fresh / 'html').rglob('*.*'):
                assert path.read_text() == (out / path.relative_to(fresh)).read_text(), path


ERRORS = [      # (replace in 05-tables.nw, by, the line it is on, the message)
    ('@tbl:levels. It', '@tbl:lovely. It', 'lovely', 'unknown reference @tbl:lovely'),
    ('[[<<function [[walk]]>>]]', '[[<<function walk>>]]', 'function walk>', 'unknown chunk <<function walk>>'),
    ('@daley68', '@nobody99', 'nobody99', 'unknown citation @nobody99'),
    ('{#sec:both}', '{#sec:walking}', 'machines {#sec:walking}', 'sec:walking is already in'),
    ('{#sec:both}', '', '## Both', 'this heading needs an id'),
    ('figures/tree.svg', 'figures/bush.svg', 'bush', 'figure figures/bush.svg: No such file'),
    ('::: warning', '::: warning\n::: aside', '::: warning', '::: warning is never closed'),
    ('(until 14)', '(until 15)', 'until 15', 'chapter 15 does not define'),
    ('\t<<go down [[level]] levels>>', '\t<<go up>>', '<<go up>>', 'unknown chunk <<go up>>'),
    ('@ex:count.', '@ex:count. <<walk>>', '<<walk>>', 'unescaped <<'),
    ('<<[[space]] fields>>=', '<<space fields>>=', '<<[[space]] fields>>', 'unknown chunk'),
]


@pytest.mark.parametrize('old, new, marker, message', ERRORS, ids=[e[3] for e in ERRORS])
def test_errors_name_file_and_line(copy, old, new, marker, message):
    book, out = copy
    chapter = book / '05-tables.nw'
    text = chapter.read_text()
    assert old in text
    chapter.write_text(text := text.replace(old, new, 1))
    line = next(i for i, t in enumerate(text.splitlines(), 1) if marker in t)
    result = weave(book, out, f'{out}/html/05-tables.html')
    assert result.returncode != 0
    assert re.search(rf'^{re.escape(str(chapter))}:{line}: {re.escape(message)}',
                     result.stderr, re.M), result.stderr
    assert not list((out / 'html').glob('05*'))


def test_a_drawing_needs_words(copy):
    book, out = copy
    drawing = book / 'figures/tree.svg'
    drawing.write_text(re.sub('<desc>.*</desc>', '', drawing.read_text(), flags=re.S))
    result = weave(book, out, f'{out}/html/05-tables.html')
    assert result.returncode != 0 and 'tree.svg: no <desc>' in result.stderr


def test_partial_book(copy):
    """Without chapter 14: errors, unless WEAVE_PARTIAL; and an appendix."""
    book, out = copy
    (book / '14-later.nw').unlink()
    (book / '90-more.nw').write_text('# More {#ch:more}\n\n## One {#sec:one}\n\nSee @ch:more.\n')
    result = weave(book, out, '-k', 'book')
    assert result.returncode != 0
    assert 'unknown reference @ch:later' in result.stderr
    assert (out / 'html/00-preface.html').exists()      # other pages are made
    assert weave(book, out, 'WEAVE_PARTIAL=1', 'book').returncode == 0
    page = html(out, '05-tables')
    assert 'continued in chapter later' in page
    assert 'Replaced in chapter 14.' in page
    assert '<a href="#ch:more">Appendix A</a>' in html(out, '90-more')
    assert '<span class="number">A.1</span>' in html(out, '90-more')
    assert weave(book, out).returncode != 0             # and is an error again


SMALL = '''# Small {#ch:small}

See [the [[format]]](01-small.html#d:format), but [[pad]].

<<kernel/small.c>>=
<<function [[format]]>>
<<struct [[job]]>>

void use(const char *format, struct job *job)
{
	<<use it>>
	format("", job->format);
}
@
<<function [[format]]>>=
static void format(const char *text) { pad(text); }
@
<<struct [[job]]>>=
struct job { int format; };
@
<<use it>>=
	job->format = pad(format);
@
<<use it (until 02)>>=
	format(format);
@
<<kernel/pad.c>>=
int PAD(pad)(char c);
@ %def pad
'''


def test_scope(tmp_path):
    """A parameter hides a function; %def by hand; a piece that is dropped."""
    book, out = tmp_path / 'book', tmp_path / 'out'
    book.mkdir()
    (book / '01-small.nw').write_text(SMALL)
    (book / '02-next.nw').write_text('# Next {#ch:next}\n')
    result = weave(book, out)
    assert result.returncode == 0, result.stderr
    page = Page(out / 'pages/01-small.html')        # no link in a link
    assert '#d:pad' in page.links and 'd:pad' in page.ids
    for anchor in ('kernel/small.c', 'struct-job', 'use-it', 'use-it:until-2'):
        assert 'href="#d:format"' not in code(out, f'c:{anchor}', '01-small')
    assert 'href="#d:pad"' in code(out, 'c:use-it', '01-small')
    dropped = piece(out, 'c:use-it:until-2', '01-small')
    assert 'Left out from chapter 2.' in dropped


# ---------------------------------------------------------------- history

PROSE = 'One two three four five six seven eight nine ten.\n'
CODE = '\n<<kernel/new.c>>=\nint new;\n\nint newer;\n@\n'


class Project:
    """A book with its weave, to be put into a repository of its own."""

    def __init__(self, folder):
        self.folder, self.out, self.day = folder, folder / 'out', 0
        shutil.copytree(ROOT / 'book/weave', folder / 'book/weave',
                        ignore=shutil.ignore_patterns('__pycache__'))
        shutil.copy(ROOT / 'weave.mk', folder)
        self.out.mkdir()
        for stem, title in (('01-one', 'One'), ('02-two', 'Two')):
            self.write(stem, f'# {title} {{#ch:{title.lower()}}}\n\n' + 10 * PROSE)

    def path(self, stem):
        return self.folder / f'book/{stem}.nw'

    def write(self, stem, text):
        self.path(stem).write_text(text)

    def add(self, stem, text):
        self.write(stem, self.path(stem).read_text() + text)

    def git(self, *arguments):
        """One day after the other begins at noon in New Zealand."""
        when = f'2023-11-{14 + self.day}T12:00:00 +1300'
        person = {f'GIT_{who}_{what}': value for who in ('AUTHOR', 'COMMITTER')
                  for what, value in (('NAME', 'N'), ('EMAIL', 'E'), ('DATE', when))}
        return subprocess.run(
            ['git', '-c', 'init.defaultBranch=main', *arguments], check=True,
            cwd=self.folder, capture_output=True, text=True,
            env=os.environ | person | {'GIT_CONFIG_GLOBAL': '/dev/null'}).stdout

    def commit(self, message):
        self.day += 1
        self.git('add', '-A', 'book')
        self.git('commit', '-q', '--allow-empty', '-m', message)

    def history(self, stem, **environment):
        """The Markdown of a chapter's section, without its backslashes."""
        chapters = sorted((self.folder / 'book').glob('[0-9]*.nw'))
        done = subprocess.run(
            [sys.executable, '-B', self.folder / 'book/weave/history.py',
             self.out, *chapters], capture_output=True, text=True,
            env=os.environ | {'GIT_CONFIG_GLOBAL': '/dev/null'} | environment)
        assert (done.returncode, done.stderr) == (0, '')
        lines = re.findall(r'^@text\t(.*)$', (self.out / f'{stem}.history').read_text(), re.M)
        return re.sub(r'\\(.)', r'\1', '\n'.join(lines))

    def weave(self):
        """Weave the book. Which pages had to be made?"""
        result = weave('book', 'out', root=self.folder)
        assert (result.returncode, result.stderr) == (0, '')
        return re.findall(r'WEAVE   out/html/(.*)\.html', result.stdout)

    def section(self, stem):
        page = Page(self.out / f'pages/{stem}.html')
        assert 'history' in page.ids
        return page.text[page.text.rindex('History\n'):]


@pytest.fixture
def archive(tmp_path):
    return Project(tmp_path / 'project')


@pytest.fixture
def project(archive):
    archive.git('init', '-q')
    archive.commit('The book begins')
    return archive


def test_history_tells_what_changed_and_how_much(project):
    project.add('01-one', PROSE + CODE)
    project.commit('A variable & its *reason* [1]\n\nBecause `new` is\none.\n\n'
                   '- First.\n- Second,\n  still.\n\nReviewed-by: Somebody')
    project.write('01-one', project.path('01-one').read_text()
                  .replace('int newer;\n', '').replace('One two', 'One', 1))
    project.commit('One variable is enough')
    assert project.history('01-one') == '''

::: {#history .history}
## History {#history}


17 November 2023
:   One variable is enough [prose −1 word, code −1 line]{.amount}

16 November 2023
:   ::: fold
    A variable & its *reason* [1] [prose +10 words, code +3 lines]{.amount}

    Because `new` is one.
    
    - First.
    
    - Second, still.
    
    :::

15 November 2023
:   The book begins [created, prose +103 words]{.amount}

::: small
Words that only moved to another line are not counted. `git log -p --follow \
book/01-one.nw` shows every line.
:::

:::'''
    assert project.weave()
    section = project.section('01-one')
    assert 'A variable & its *reason* [1] prose +10 words' in section
    page = html(project.out, '01-one')
    assert '<p>Because <code>new</code> is one.</p>' in page
    assert page.count('<details><summary>') == 1


def test_history_lists_apart_what_touched_a_chapter_in_passing(project):
    project.write('01-one', project.path('01-one').read_text().replace('five ', 'five\n'))
    project.commit('Short lines')
    project.add('01-one', PROSE)
    project.add('02-two', 20 * PROSE)
    project.commit('More of chapter 2')
    section = project.history('01-one')
    apart = section.index('Also touched, in a few words or lines, by two changes')
    assert section.index('More of chapter 2 [prose +10 words]') > apart
    assert section.index('Short lines [no word and no line of code]') > apart
    assert section.index('The book begins') < apart
    assert 'Also' not in project.history('02-two')


def test_history_follows_a_chapter_to_another_number(project):
    """Also where a branch knows the chapter by its number before."""
    project.add('02-two', PROSE)
    project.commit('Before')
    project.git('checkout', '-q', '-b', 'branch')
    project.add('02-two', PROSE + PROSE)
    project.day += 5
    project.commit('On the branch')
    project.git('checkout', '-q', 'main')
    project.day -= 5
    project.git('mv', 'book/02-two.nw', 'book/03-two.nw')
    project.write('02-new', '# New {#ch:new}\n')
    project.commit('A chapter in between')
    project.git('merge', '-q', '--no-edit', 'branch')
    section = project.history('03-two')
    lines = re.findall(r'^:?   +(.*?) \[(.*?)\]', section, re.M)
    assert lines == [('On the branch', 'prose +20 words'),
                     ('A chapter in between', 'renamed from 02-two.nw'),
                     ('Before', 'prose +10 words'),
                     ('The book begins', 'created, prose +103 words')]
    section = project.history('02-new')
    assert 'A chapter in between [created' in section and 'Before' not in section


def test_history_names_a_change_once(project):
    """A change that is on two branches; no merge; a subject put right."""
    project.add('01-one', PROSE)
    project.git('checkout', '-q', '-b', 'branch')
    project.commit('wip')
    wrong = project.git('rev-parse', 'HEAD').strip()
    project.git('checkout', '-q', 'main')
    project.write('03-three', '# Three {#ch:three}\n')
    project.commit('Three')
    project.git('cherry-pick', wrong)
    project.git('merge', '-q', '--no-ff', '-m', 'A merge', 'branch')
    assert project.history('01-one').count('wip [prose +10 words]') == 1
    (project.folder / 'book/history.txt').write_text(
        '# Better words\n' + ''.join(f'{commit} Ten words more\n' for commit in
                                     project.git('log', '--all', '--format=%H',
                                                 '--grep=wip').split()))
    section = project.history('01-one')
    assert section.count('Ten words more [prose +10 words]') == 1
    assert 'wip' not in section and 'merge' not in section


def test_a_long_history_is_folded(project):
    for i in range(130):
        project.add('01-one', PROSE)
        project.day %= 10
        project.commit(f'Change {i}')
    section = project.history('01-one')
    fold = section.index('::: fold\n126 earlier changes\n')
    assert len(re.findall(r'^:   ', section, re.M)) == 5
    assert section[fold:].count('\n- ') == 5 and 'and 121 before these.' in section


def test_history_of_what_is_not_committed(project):
    project.write('03-three', '# Three {#ch:three}\n')
    project.add('01-one', PROSE)
    assert 'Not yet committed\n:   Changes since the last commit [prose +10 words]' \
        in project.history('01-one')
    assert 'This chapter is not yet committed' in project.history('03-three')
    assert 'Not yet' not in project.history('02-two')


def test_only_the_pages_with_new_history_are_woven_again(project):
    project.add('01-one', '## More {#sec:more}\n')
    assert len(project.weave()) == 6
    assert project.weave() == []
    assert 'Not yet committed' in project.section('01-one')
    project.commit('A section')
    assert project.weave() == ['01-one']        # the text is the same
    assert 'Not yet' not in project.section('01-one')
    project.commit('Something else')
    assert project.weave() == []
    project.git('reset', '-q', '--hard', 'HEAD~2')
    project.commit('Another line')
    project.weave()
    assert 'A section' not in project.section('01-one')
    before = project.section('02-two')
    shutil.rmtree(project.out)
    assert len(project.weave()) == 6
    assert project.section('02-two') == before


def test_an_archive_has_no_history(archive):
    assert archive.weave()
    assert 'from a copy of the book outside its repository' in archive.section('01-one')
    assert archive.weave() == []
    archive.git('init', '-q')                   # a repository with nothing in it
    assert archive.weave()
    assert 'not yet committed' in archive.section('01-one')


def test_the_history_of_another_repository_is_not_ours(archive, monkeypatch):
    """Even if the book was committed there; nor is that of a hook's GIT_DIR."""
    for arguments in (['init'], ['add', 'project'], ['commit', '-mTheirs']):
        archive.git('-C', str(archive.folder.parent), *arguments)
    theirs = archive.folder.parent / '.git'
    for environment in ({}, {'GIT_DIR': str(theirs)}):
        section = archive.history('01-one', **environment)
        assert 'outside its repository' in section and 'Theirs' not in section
    archive.git('init', '-q')
    archive.commit('Ours')
    assert 'Ours' in archive.history('01-one', GIT_DIR=str(theirs))


def test_a_shallow_clone_has_no_history(project, tmp_path):
    project.add('01-one', PROSE)
    project.commit('More')
    shallow = Project.__new__(Project)
    shallow.folder, shallow.out = tmp_path / 'shallow', tmp_path / 'out'
    shallow.out.mkdir()
    project.git('clone', '-q', '--depth', '1', f'file://{project.folder}', shallow.folder)
    section = shallow.history('01-one')
    assert 'git fetch --unshallow' in section and 'More' not in section


def test_history_without_git(project):
    assert 'recorded by git, a program that was not there' \
        in project.history('01-one', PATH='/nonexistent')


@pytest.fixture(scope='module')
def real(tmp_path_factory):
    """The history of this book: path -> changes."""
    top = subprocess.run(['git', 'rev-parse', '--show-toplevel', '--is-shallow-repository'],
                         cwd=ROOT, capture_output=True, text=True).stdout.split()
    if top != [str(ROOT), 'false']:
        pytest.skip('this copy of the book has no history')
    program = ('import sys, json; sys.path.insert(0, "book/weave"); import history\n'
               'found = history.changes(sys.argv[1], sys.argv[2:])\n'
               'print(json.dumps({p: [(c.id, c.subject) for c in f if c.id]'
               ' for p, f in found.items()}))')
    chapters = sorted(str(p.relative_to(ROOT)) for p in (ROOT / 'book').glob('[0-9]*.nw'))
    cache = tmp_path_factory.mktemp('history') / 'cache.json'
    return json.loads(subprocess.run(
        [sys.executable, '-B', '-c', program, cache, *chapters],
        cwd=ROOT, capture_output=True, check=True).stdout)


def test_history_of_this_book(real):
    """What git says of one chapter after the other; but a change that two
    commits made appears once."""
    for path, changes in real.items():
        log = subprocess.run(['git', 'log', '--follow', '--no-merges',
                              '--format=%H %at %s', '--', path],
                             cwd=ROOT, capture_output=True, text=True).stdout
        ours = {ident for ident, _ in changes}
        same = {}
        for line in log.splitlines():
            ident, change = line.split(' ', 1)
            same.setdefault(change, set()).add(ident)
        for change, commits in same.items():
            assert len(commits & ours) == 1, (path, change)


def test_what_is_printed_of_commits_says_something(real):
    """What does not is said better in book/history.txt."""
    for path, changes in real.items():
        for ident, subject in changes:
            assert not re.match(r'(wip|fixup|squash|merge|temp|tmp)\b|.{0,9}$', subject,
                                re.I), (path, ident, subject)
            assert not re.search(r'/tmp/|/home/|/work/|\bhelpers\b', subject), ident
    used = {ident for changes in real.values() for ident, _ in changes}
    for line in (ROOT / 'book/history.txt').read_text().splitlines():
        assert not line or line[0] == '#' or line.split()[0] in used, line
