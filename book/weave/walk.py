"""The page tables of the page Walk it yourself.

  walk.py made MACHINE      a line that says of which code a dump would be
  walk.py run MACHINE BUILD DUMP      runs the kernel in BUILD, writes DUMP
  walk.py none DUMP REASON            there is no dump, and why
  walk.py page TEXT.md OUT.tok OUT.js DUMP...     what the page is made of

A dump is what the kernel printed on its console while commands were typed,
with a line `== NAME` above each answer.  One without answers has a line
`none: REASON` instead.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import nw

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
NAMES = {'riscv': 'riscv64', 'i386': 'i386'}
# Something to look at on each machine: the status register of the serial
# port, and the first letter on the screen.
DEVICE = {'riscv': 0xffffffc010000005, 'i386': 0x800b8000}
PROGRAM = 'sh'          # whose page tables they are


def machine_of(dump):
    return os.path.splitext(os.path.basename(dump))[0]


# ------------------------------------------------------------------ dumping

def code_of_the_book():
    """The lines of all chunks that are part of a kernel."""
    folder = os.path.join(ROOT, 'book')
    for name in sorted(os.listdir(folder)):
        if re.match(r'\d.*\.nw$', name):
            yield from nw.code_of(os.path.join(folder, name))


def made(machine):
    """What changes when a kernel or a program does, and not with prose."""
    digest = hashlib.sha256()
    for line in code_of_the_book():
        digest.update(line.encode())
    others = [os.path.join(folder, name)
              for folder, _, names in os.walk(os.path.join(ROOT, 'user'))
              for name in names]
    others += [os.path.join(ROOT, name)
               for name in ('Makefile', 'tools/run', 'book/weave/walk.py')]
    for path in sorted(others):
        with open(path, 'rb') as file:
            digest.update(file.read())
    return f'{machine} {digest.hexdigest()}'


def console(machine, build, commands):
    """What the kernel prints when COMMANDS are typed, line by line."""
    done = subprocess.run(
        [os.path.join(ROOT, 'tools/run'), '--machine', machine, '--build',
         build, '--commands', commands], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip().split('\n')[0] or
                      f'the kernel ended with status {done.returncode}')
    return done.stdout.split('\n')


def run(machine, build, dump):
    """Two runs: the first tells which number the shell has."""
    try:
        rows = [line.split() for line in console(machine, build, 'ps')]
        pid = next((row[0] for row in rows if row[-1:] == [PROGRAM]), None)
        if pid is None:
            raise OSError(f'ps does not list {PROGRAM}')
        commands = [('mem', 'monitor mem'),
                    ('raw', f'vmprint -r {pid}'),
                    ('notebook', f'monitor walk 0x10000004 {pid}'),
                    ('device', f'monitor walk {DEVICE[machine]:#x} {pid}')]
        lines = console(machine, build, '; '.join(
            f'echo == {name}; {command}' for name, command in commands)
            + '; true')
    except OSError as error:
        return none(dump, str(error))
    start = lines.index('== mem')
    end = next(i for i in range(start, len(lines))
               if lines[i].startswith('weft$ poweroff'))
    write(dump, '\n'.join(lines[start:end]) + '\n')
    return 0


def none(dump, reason):
    """A line for who made the book; the page says it to the reader."""
    print(f'walk: no page tables of {machine_of(dump)}: {reason}',
          file=sys.stderr)
    write(dump, f'none: {reason}\n')
    return 1


def write(path, text):
    """Writes a file unless it says so already: make looks at its time."""
    if os.path.exists(path):
        with open(path) as file:
            if file.read() == text:
                return
    with open(path + '.new', 'w') as file:
        file.write(text)
    os.replace(path + '.new', path)


# ----------------------------------------------------------------- the page

def answers(dump):
    """{name: the lines below `== name`}, and why there are none."""
    found, reason, name = {}, '', None
    with open(dump) as file:
        for line in file.read().split('\n'):
            if line.startswith('== '):
                name = line[3:]
                found[name] = []
            elif line.startswith('none: '):
                reason = line[6:]
            elif name:
                found[name].append(line)
    return {n: '\n'.join(lines).strip('\n') for n, lines in found.items()}, \
        reason


def page(text, tokens, script, dumps):
    """The Markdown of the page, with answers where it says
    <!-- kernel: MACHINE NAME -->, and the dumps as a script."""
    told = {machine_of(dump): answers(dump) for dump in dumps}

    def answer(match):
        found, reason = told[match[1]]
        return f'```\n{found[match[2]]}\n```' if match[2] in found else \
            f'(There is no run of this machine to show: {reason})'

    with open(text) as file:
        markdown = re.sub(r'<!-- kernel: (\w+) (\w+) -->', answer, file.read())
    write(tokens, ''.join(f'@text\t{line}\n@nl\n'
                          for line in markdown.split('\n')))
    write(script, '/* What the kernels have printed: see walk.py. */\n'
          "'use strict';\n" + ''.join(
              f'walker.dumps.{NAMES[machine]} = ' +
              json.dumps(found['mem'] + '\n' + found['raw']) + ';\n'
              if found else
              f'walker.reasons.{NAMES[machine]} = {json.dumps(reason)};\n'
              for machine, (found, reason) in told.items()))


def main(command, *words):
    if command == 'made':
        print(made(*words))
        return 0
    if command == 'run':
        return run(*words)
    if command == 'none':
        return none(*words)
    return page(words[0], words[1], words[2], words[3:])


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
