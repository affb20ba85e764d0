#!/usr/bin/env python3
"""The history of every chapter, from version control.

    history.py OUTDIR BOOK/NN-name.nw ...

writes for each chapter OUTDIR/NN-name.history: the last section of its page,
in the tokens that backend.py uses. A file is written only where its text
changed, so a commit weaves the pages of its own chapters and no others. What
was found out about a commit is kept in OUTDIR/history.json: it stays true.

Where git has no answer the section says so in a sentence. That is never an
error, for the book has to be woven from an archive too.
"""
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
from backend import markdown, write

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
CORRECTIONS = 'history.txt'     # beside the chapters
SHOWN, LISTED = 5, 5            # changes open to view; and folded ones


class Silent(Exception):
    """Why there is no history: a sentence for the reader."""


NO_GIT = ('The changes of this chapter are recorded by git, a program that was '
          'not there when this page was made.')
ELSEWHERE = ('This page was made from a copy of the book outside its '
             'repository, which is where its changes are recorded.')
SHALLOW = ('This page was made from a clone that has only the last part of the '
           'history, a shallow one. `git fetch --unshallow` gets the rest.')
REFUSED = ('The changes of this chapter are recorded by git, which could not '
           'read them when this page was made.')
NEW = ('This chapter is not yet committed: it was not in the repository when '
       'this page was made.')


# ---------------------------------------------------------------------- git

# Whatever the user has set: the same output for the same commit.
PATCH = ['-p', '-U1000000', '-M50%', '-l1000', '--text', '--no-color',
         '--no-ext-diff', '--no-textconv', '--diff-algorithm=myers',
         '--indent-heuristic', '--src-prefix=a/', '--dst-prefix=b/']
CHAPTERS = ['--', ':(top,glob)**/*.nw']     # all, as they may have moved
FORMAT = '--format=%x01%H%x02%at%x02%ad%x02%s%x02%b%x02'
# Of git's variables; others, which a hook sets, may name another repository.
KEPT = ('GIT_CONFIG', 'GIT_EXEC_PATH', 'GIT_CEILING_DIRECTORIES')


def git(*arguments, text=''):
    """What git prints; '' where it fails quietly, else Silent."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith('GIT_') or k.startswith(KEPT)}
    env.update(LC_ALL='C', GIT_OPTIONAL_LOCKS='0', GIT_NO_REPLACE_OBJECTS='1')
    try:
        done = subprocess.run(['git', '-c', 'core.quotePath=false', *arguments],
                              cwd=ROOT, env=env, input=text.encode(),
                              capture_output=True)
    except OSError:
        raise Silent(NO_GIT) from None
    message = done.stderr.decode(errors='replace')
    if 'not a git repository' in message:
        raise Silent(ELSEWHERE)
    if done.returncode and message:
        print('weave: no history:', message.strip(), file=sys.stderr)
        raise Silent(REFUSED)
    return done.stdout.decode(errors='replace')


def check_repository():
    """Is this the whole repository of the book, and not one around it?"""
    top, shallow = git('rev-parse', '--show-toplevel',
                       '--is-shallow-repository').splitlines()
    if not os.path.samefile(top, ROOT):
        raise Silent(ELSEWHERE)
    if shallow == 'true':
        raise Silent(SHALLOW)


# -------------------------------------------------------------------- diffs

LINE = re.compile(r'^(?:diff --git .*|rename from .*|new file .*|@@.*|[+-].*|'
                  r' <<.*| @(?= |$).*)', re.M)
WORD = re.compile(r"[^\W\d_][\w'-]*")


def read_patch(patch):
    """What a patch does to each chapter: its path and the one before, whether
    it is new, and what it has more and less, in words of prose and lines of
    code. The only hunk of a file is all of it, so what is code can be told."""
    touched, header = [], True
    for line in (m.group() for m in LINE.finditer(patch)):
        if line[0] == 'd':
            path, header = re.search(' "?b/(.*?)"?$', line)[1], True
            in_code = {'+': False, '-': False}
            words, code = {'+': [], '-': []}, {'+': 0, '-': 0}
            touched.append({'path': path, 'before': path, 'created': False,
                            'words': words, 'code': code})
        elif line[0] == 'r':
            touched[-1]['before'] = line[len('rename from '):]
        elif line[0] == 'n':
            touched[-1]['created'] = True
        elif line[0] == '@':
            header = False
        elif not header:
            read_line(line[0], line[1:], in_code, words, code)
    for t in touched:
        t['words'] = words_changed(t['words']['-'], t['words']['+'])
        t['code'] = t['code']['+'], t['code']['-']
    return touched


def read_line(sign, text, in_code, words, code):
    """Count a line that was added (+), removed (-) or stayed ( )."""
    starts = text.startswith('<<') and text.rstrip().endswith('>>=')
    if starts or re.match('@( |$)', text):
        for side in '+-' if sign == ' ' else sign:
            in_code[side] = starts
    if sign == ' ':
        return
    if in_code[sign]:
        code[sign] += bool(text.strip())
    else:
        words[sign] += WORD.findall(text)


def words_changed(before, after):
    """How many words came and went. Lines that are only broken elsewhere
    have the same words in the same order, and count for nothing."""
    matcher = difflib.SequenceMatcher(None, before, after)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return len(after) - same, len(before) - same


def read_log(log):
    """Commits by id, as lists [time, day, subject, body, chapters]."""
    found = {}
    for record in ('\n' + log).split('\n\x01')[1:]:
        head, _, patch = record.partition('\x02\n')
        ident, time, day, subject, body = head.split('\x02')
        found[ident] = [int(time), day, subject, body, read_patch(patch)]
    return found


def all_commits(cache):
    """Every commit that changed a chapter, the newest first: (id, commit).
    What the cache does not know is asked for in one go."""
    with open(__file__, 'rb') as f:
        version = hashlib.sha256(f.read()).hexdigest()
    known = {}
    try:
        with open(cache) as f:
            stored = json.load(f)
        known = stored['commits'] if stored['version'] == version else {}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if not git('rev-parse', '--quiet', '--verify', 'HEAD'):
        return []
    order = git('log', '--no-merges', '--full-history', '--topo-order',
                '--no-follow', '--no-show-signature', '--format=%H', 'HEAD',
                *CHAPTERS).split()
    missing = [ident for ident in order if ident not in known]
    if missing:
        known.update(read_log(git(
            'log', '--no-walk=unsorted', '--stdin', '--root', '--no-follow',
            '--no-show-signature', '--encoding=UTF-8', '--date=short', FORMAT,
            *PATCH, *CHAPTERS, text='\n'.join(missing) + '\n')))
        folder, name = os.path.split(cache)
        known = {ident: known[ident] for ident in order}
        write(folder, name, json.dumps({'version': version, 'commits': known}))
    return [(ident, known[ident]) for ident in order]


# ----------------------------------------------------------------- chapters

class Change:
    """What one commit did to one chapter; of the book it changed WHOLE."""

    def __init__(self, ident, commit, touched, whole):
        self.id, self.whole = ident, whole
        self.time, self.day, self.subject, self.body, _ = commit
        self.path, self.before = touched['path'], touched['before']
        self.created = touched['created']
        self.words, self.code = touched['words'], touched['code']

    @property
    def is_minor(self):
        """Was this chapter touched in passing? The lines of the chapter that
        changed (ten words are one) are fewer than ten and fewer than a tenth
        of what the commit changed in the book; or it is less than one."""
        here = lines(self.words, self.code)
        return self.before == self.path and not self.created and (
            here < 1 or here < min(10, self.whole / 10))


def lines(words, code):
    return sum(words) / 10 + sum(code)


def by_chapter(commits, pending, paths):
    """Path of a chapter -> its Changes, the newest first, through renames.
    Looking back from today, a path belongs to the chapter that it became."""
    owner = {path: path for path in paths}
    found = {path: [] for path in paths}
    early = []          # on a path that is renamed further down, in a branch
    for ident, commit in [('', [0, '', '', '', pending]), *commits]:
        whole = sum(lines(t['words'], t['code']) for t in commit[-1])
        for t in commit[-1]:
            change = Change(ident, commit, t, whole)
            chapter = owner.get(change.path)
            if chapter:
                owner[change.before] = chapter
                found[chapter].append(change)
            else:
                early.append(change)
    for change in early:
        if change.path in owner:
            found[owner[change.path]].append(change)
    return {path: in_order(changes) for path, changes in found.items()}


def in_order(changes):
    """By day, the newest first. What was committed twice, on two branches,
    appears once."""
    once = {}
    for change in changes:
        once.setdefault((change.time, change.subject), change)
    return sorted(once.values(), reverse=True,
                  key=lambda c: (not c.id, c.day, c.time))


# --------------------------------------------------------------------- text

MONTHS = ('January February March April May June July August September '
          'October November December').split()


def date(day):
    year, month, number = day.split('-')
    return f'{int(number)} {MONTHS[int(month) - 1]} {year}'


def literal(text):
    """Plain text as Markdown; `this` becomes code, quotes and hyphens stay."""
    out = []
    text = re.sub('[\x00-\x08\x0b-\x1f\x7f\ue000-\uf8ff]', '', text)
    for i, part in enumerate(re.split(r'`([^`\n]+)`', text)):
        out.append('`' + part + '`' if i % 2 else
                   re.sub(r'([!#-&(-/:-@\[-`{-~])', r'\\\1', part))
    return ''.join(out)


def paragraphs(body):
    """The rest of a commit's message as lines of Markdown: paragraphs and
    lists, without lines like Reviewed-by."""
    lines = [line for line in body.splitlines()
             if not re.match(r'[A-Z][\w-]+-[Bb]y: ', line)]
    for text in re.split(r'\n\s*\n', '\n'.join(lines).strip()):
        for item in re.split(r'\n(?=\s*[-*] )', text):
            bullet, rest = re.match(r'\s*([-*] )?(.*)', item, re.S).groups()
            if rest.strip():
                yield ('- ' if bullet else '') + literal(' '.join(rest.split()))
                yield ''


def amount(change):
    """How much changed, for the end of a line."""
    parts = []
    if change.created:
        parts.append('created')
    elif change.before != change.path:
        parts.append('renamed from ' + os.path.basename(change.before))
    for what, unit, (more, less) in (('prose', 'words', change.words),
                                     ('code', 'lines', change.code)):
        figures = [f'+{more:,}'] * bool(more) + [f'−{less:,}'] * bool(less)
        if figures:
            unit = unit[:-1] if more + less == 1 else unit
            parts.append(f'{what} {" ".join(figures)} {unit}')
    return ', '.join(parts) or 'no word and no line of code'


def entry(change):
    """A change as Markdown, to stand behind the colon of a definition."""
    first = f'{literal(change.subject)} [{literal(amount(change))}]{{.amount}}'
    body = list(paragraphs(change.body))
    return [':   ' + first] if not body else [
        ':   ::: fold', '    ' + first, '',
        *('    ' + line for line in body), '    :::']


def fold(summary, lines):
    """Markdown that a page shows only when it is asked to."""
    return ['', '::: fold', summary, '', *lines, ':::', '']


def brief(changes):
    """Changes as a list of subjects, and how many there are beyond that."""
    beyond = len(changes) - LISTED
    return [f'- {literal(c.subject)} [{literal(amount(c))}]{{.amount}}'
            for c in changes[:LISTED]] + (
        ['', f'and {beyond} before these.'] if beyond > 0 else []) + ['']


def count(n, noun='change'):
    words = 'no one two three four five six seven eight nine ten'.split()
    return f'{words[n] if n < len(words) else n} {noun}{"s" * (n != 1)}'


def section(path, changes):
    """The section of the chapter at PATH as lines of Markdown."""
    if not changes:
        return [ELSEWHERE if path.startswith('..') else NEW]
    pending = [c for c in changes if not c.id]
    major = [c for c in changes if c.id and not c.is_minor]
    minor = [c for c in changes if c.id and c.is_minor]
    out, day = [], ''
    for change in pending:
        change.subject = 'Changes since the last commit'
        out += ['', 'Not yet committed', *entry(change)]
    for change in major[:SHOWN]:
        if change.day != day:
            day = change.day
            out += ['', date(day)]
        out += entry(change)
    out.append('')
    if major[SHOWN:]:
        out += fold(count(len(major) - SHOWN, 'earlier change').capitalize(),
                    brief(major[SHOWN:]))
    if minor:
        out += fold('Also touched, in a few words or lines, by '
                    + count(len(minor)), brief(minor))
    return out + ['::: small', 'Words that only moved to another line are not '
                  f'counted. `git log -p --follow {path}` shows every line.',
                  ':::', '']


def tokens(lines):
    return '\n'.join(markdown('\n'.join(
        ['', '', '::: {#history .history}', '## History {#history}', '',
         *lines, ':::', '']))) + '\n'


def corrections(path):
    """Commit -> what to print instead of its subject."""
    try:
        with open(path) as f:
            return dict(line.split(None, 1) for line in f.read().splitlines()
                        if re.match('[0-9a-f]{40} ', line))
    except OSError:
        return {}


def changes(cache, chapters):
    """Path of each chapter from the top of the repository -> its Changes."""
    names = [os.path.relpath(os.path.realpath(c), ROOT) for c in chapters]
    check_repository()
    commits = all_commits(cache)
    pending = read_patch(git('diff', *PATCH, 'HEAD', *CHAPTERS) if commits else '')
    found = by_chapter(commits, pending, names)
    better = corrections(os.path.join(os.path.dirname(chapters[0]), CORRECTIONS))
    for change in (c for some in found.values() for c in some):
        change.subject = better.get(change.id, change.subject)
    return found


def main(folder, *chapters):
    try:
        found = changes(os.path.join(folder, 'history.json'), chapters)
        sections = [section(path, some) for path, some in found.items()]
    except Silent as reason:
        sections = [[str(reason)]] * len(chapters)
    for chapter, lines in zip(chapters, sections):
        stem = os.path.basename(chapter).removesuffix('.nw')
        write(folder, stem + '.history', tokens(lines))


if __name__ == '__main__':
    main(*sys.argv[1:])
