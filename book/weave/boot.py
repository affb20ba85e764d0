"""The kernel in the page: what the section Run it here is made of.

  boot.py sections OUT CHAPTER.nw ...    its text for each chapter
  boot.py script HTML                    boot.js, which knows what is there
  boot.py kernels HTML WEB [NN ...]      kernels, emulator, BIOS, licences

The kernel of chapters 1 to NN becomes HTML/boot/kernel-NN.js: its boot disk,
and the disk with files if it has a driver, packed with gzip and base64, for a
page that is opened from a disk can load scripts but no other files.  The first
line of it tells of which code it was made.
"""
import base64
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = 'build/boot'             # one tree of sources and objects for all
sys.path.insert(0, HERE)
import nw                       # noqa: E402


def fail(message):
    sys.exit('boot: ' + message)


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def write(path, data):
    """Writes a file unless it says so already: make looks at its time."""
    data = data.encode() if isinstance(data, str) else data
    if os.path.exists(path) and read(path) == data:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.new', 'wb') as file:
        file.write(data)
    os.replace(path + '.new', path)


# ------------------------------------------------------------ the chapters

class Prefix:
    """The chapters up to one that has a kernel."""

    def __init__(self, number, made, code):
        self.number = number            # two digits
        self.made = made                # changes when its code does
        self.keys = keys(code)
        self.has_files = '<<kernel/files/' in code
        self.has_disk = '<<kernel/disk/' in code
        self.asks_for_smap = '/* SMAP */' in code


def keys(code):
    """The control keys that a kernel with this code understands; A is for
    the arrows up and down."""
    return ''.join(key for key, name in [
        ('C', "'C' & 31"), ('D', "'D' & 31"), ('P', "'P' & 31"),
        ('U', "'U' & 31"), ('A', 'KEY_UP')] if name in code)


def prefixes():
    """One for each chapter with a transcript of a PC, in order."""
    digest, code, found = hashlib.sha256(), '', []
    for path in ['Makefile', 'tools/tangle', 'tools/noweb.py',
                 'tools/filesystem.mk']:
        digest.update(read(os.path.join(ROOT, path)))
    others = programs()
    folder = os.path.join(ROOT, 'book')
    for name in sorted(os.listdir(folder)):
        if not re.match(r'\d\d-.*\.nw$', name):
            continue
        path = os.path.join(folder, name)
        code += ''.join(nw.code_of(path))
        if not re.search(rb'^<<transcript/\d\d\.i386', read(path), re.M):
            continue
        prefix = Prefix(name[:2], '', code)
        made = digest.copy()
        made.update(code.encode())
        if prefix.has_files:
            made.update(others)
        prefix.made = made.hexdigest()
        found.append(prefix)
    return found


def programs():
    """What the archive of a kernel holds."""
    digest = hashlib.sha256(read(os.path.join(ROOT, 'README.md')))
    for folder, _, names in sorted(os.walk(os.path.join(ROOT, 'user'))):
        for name in sorted(names):
            if not name.endswith('.pyc'):
                digest.update(name.encode() + read(os.path.join(folder, name)))
    return digest.digest()


# ------------------------------------------------------------ the sections

SECTION = '''

::: run

## Run it here {{#run-{number}}}

The kernel of {chapters}, in a PC that your browser emulates, with {parts}.
Nothing of it is loaded before you start it.

::: {{.boot data-chapter="{number}"}}
Without JavaScript there is no such PC. `make qemu MACHINE=i386
CHAPTER={number}` starts the same kernel in QEMU.
:::

```{{=html}}
<script src="boot.js" defer></script>
```

:::

'''


def sections(out, chapters):
    from backend import markdown
    stems = {os.path.basename(path)[:2]: os.path.basename(path)[:-3]
             for path in chapters}
    for prefix in prefixes():
        if prefix.number not in stems:
            continue
        last = int(prefix.number)
        parts = ['one processor', '32 MiB of memory']
        if prefix.has_disk:
            parts.append('a disk without DMA')
        if prefix.asks_for_smap:
            parts.append('neither SMEP nor SMAP')
        text = SECTION.format(
            number=prefix.number,
            chapters='chapter 1' if last == 1 else
            f'chapters 1 {"to" if last > 2 else "and"} {last}',
            parts=', '.join(parts[:-1]) + ' and ' + parts[-1])
        write(f'{out}/{stems[prefix.number]}.boot',
              '\n'.join(markdown(text)) + '\n')


# -------------------------------------------------------------- the script

def made_of(path):
    """What the first line of a script says that it was made of, or None."""
    try:
        with open(path, 'rb') as file:
            found = re.match(rb'/\* made of (\S+) \*/\n', file.readline())
            return found and found[1].decode()
    except OSError:
        return None


def script(html):
    """boot.js, with the state of the kernel of each chapter in it."""
    there, emulator = {}, os.path.exists(f'{html}/boot/machine.js')
    for prefix in prefixes():
        made = made_of(f'{html}/boot/kernel-{prefix.number}.js')
        state = 'none' if not made or not emulator else \
            'there' if made == prefix.made else 'old'
        there[prefix.number] = {'state': state, 'keys': prefix.keys}
    text = read(os.path.join(HERE, 'boot.js')).decode()
    before, line, after = text.partition('const KERNELS = {};\n')
    assert line, 'boot.js: no place for the list of kernels'
    rows = ',\n'.join(f'  {json.dumps(number)}: {json.dumps(about)}'
                      for number, about in there.items())
    write(f'{html}/boot.js', f'{before}const KERNELS = {{\n{rows}\n}};\n{after}')


# ------------------------------------------------------------- the kernels

def packed(data):
    """Base64 of gzip of DATA without the zeros at its end; and its size."""
    return [base64.b64encode(gzip.compress(data.rstrip(b'\0'), 9, mtime=0))
            .decode(), len(data)]


def script_of(name, made, **files):
    return (f'/* made of {made} */\n'
            f'weftBoot.files[{json.dumps(name)}] = {json.dumps(files)};\n')


def run(*command):
    """A command that must succeed; what it prints is shown if it does not."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL',
                             'MAKEOVERRIDES')}
    done = subprocess.run(command, env=clean, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode:
        fail(' '.join(command) + ':\n' + (done.stderr or done.stdout).strip())


def build(prefix):
    """Its disks: of the kernel, and of files or None.  All kernels have one
    folder, so that of each only what the one before has not is compiled."""
    objects = WORK + '/i386'
    for name in ['kernel.elf', 'disk.img', 'fs.img']:
        if os.path.exists(f'{objects}/{name}'):
            os.remove(f'{objects}/{name}')
    run('tools/tangle', WORK + '/tangle', prefix.number)
    run('make', '-s', '-j2', 'kernel', 'MACHINE=i386',
        'CHAPTER=' + prefix.number, f'T={WORK}/tangle', 'O=' + objects)
    disk, files = objects + '/disk.img', objects + '/fs.img'
    return read(disk), read(files) if os.path.exists(files) else None


def kernels(html, web, wanted):
    os.chdir(ROOT)
    os.makedirs(WORK, exist_ok=True)
    lock = open(WORK + '/lock', 'w')
    fcntl.flock(lock, fcntl.LOCK_EX)
    everything = prefixes()
    for number in wanted:
        if number not in [prefix.number for prefix in everything]:
            fail(f'chapter {number} has no kernel of its own')
    machine(html, web)
    for prefix in everything:
        path = f'{html}/boot/kernel-{prefix.number}.js'
        if wanted and prefix.number not in wanted or \
                made_of(path) == prefix.made:
            continue
        print(f'  BOOT    {path}', flush=True)
        disk, files = build(prefix)
        write(path, script_of(
            'kernel-' + prefix.number, prefix.made, disk=packed(disk),
            **({'files': packed(files)} if files else {})))
    script(html)


# ------------------------------------------------- the emulator, and rights

BIOS = ['/usr/share/seabios', '/usr/share/qemu', '/usr/local/share/qemu',
        '/opt/homebrew/share/qemu']
LICENCES = ['/usr/share/common-licenses', '/usr/share/licenses/spdx',
            '/usr/share/licenses/seabios-bin', '/usr/share/licenses/common']

NOTICE = '''\
What is in this folder
======================

kernel-NN.js   the kernel of the first NN chapters of Weft and the programs on
               its disk: the MIT License, see LICENSE in the sources of Weft.

v86.js         the emulator v86 {v86}, as npm has it, and its code
machine.js     v86.wasm, packed; https://github.com/copy/v86.
               The 2-clause BSD licence, with the notices of what it contains,
               in LICENSE-v86.txt.

machine.js     also holds bios.bin and vgabios-stdvga.bin, packed: SeaBIOS
               {seabios}, unchanged.
               The GNU Lesser General Public License, version 3, in
               LICENSE-seabios.txt. Source: https://www.seabios.org,
               or on Debian `apt-get source seabios`.
'''


def first_of(folders, *names):
    """The file that is there, or None."""
    return next((path for folder in folders for name in names
                 if os.path.isfile(path := os.path.join(folder, name))), None)


def install(web):
    """v86 in WEB, of the version that tools/web asks for; its folder."""
    lock = os.path.join(ROOT, 'tools/web/package-lock.json')
    wanted = json.loads(read(lock))['packages']['node_modules/v86']['version']
    folder = os.path.join(web, 'node_modules/v86')
    try:
        found = json.loads(read(folder + '/package.json'))['version']
        found = found.partition('+')[0]         # the commit
    except (OSError, ValueError):
        found = None
    if found == wanted:
        return folder, wanted
    if not shutil.which('npm'):
        fail(f'v86 {wanted} is missing, and npm, which gets it: '
             'try `make setup-book`')
    os.makedirs(web, exist_ok=True)
    for name in ['package.json', 'package-lock.json']:
        shutil.copy(os.path.join(ROOT, 'tools/web', name), web)
    print(f'  NPM     {web}', flush=True)
    run('npm', 'ci', '--prefix', web, '--ignore-scripts', '--no-audit',
        '--no-fund')
    return folder, wanted


def machine(html, web):
    """The emulator and the BIOS, and what must be said about them."""
    folder, version = install(web)
    bios = first_of(BIOS, 'bios.bin')
    vga = first_of(BIOS, 'vgabios-stdvga.bin')
    if not bios or not vga:
        fail('bios.bin and vgabios-stdvga.bin of SeaBIOS are missing: '
             'on Debian, apt-get install seabios')
    rights = [first_of(LICENCES, 'LGPL-3', 'LGPL-3.0-or-later.txt',
                       'LGPL-3.0-only.txt', 'COPYING.LESSER',
                       'LGPL3/license.txt'),
              first_of(LICENCES, 'GPL-3', 'GPL-3.0-or-later.txt',
                       'GPL-3.0-only.txt', 'COPYING', 'GPL3/license.txt')]
    if not all(rights):
        fail('SeaBIOS may be passed on only with the GNU LGPL and GPL, '
             'version 3, which are in none of ' + ', '.join(LICENCES))
    name = re.search(rb'\0(?:rel-)?(\d+\.\d+\.\d+-[\w.+~-]+)\0', read(bios))
    texts = [os.path.join(folder, name) for name in sorted(os.listdir(folder))
             if name.startswith('LICENSE')]
    texts.append(os.path.join(HERE, 'boot-licences.txt'))
    out = html + '/boot'
    write(out + '/v86.js', read(folder + '/build/libv86.js'))
    made = hashlib.sha256()
    files = {'wasm': read(folder + '/build/v86.wasm'),
             'bios': read(bios), 'vga': read(vga)}
    for data in files.values():
        made.update(data)
    if made_of(out + '/machine.js') != made.hexdigest():
        write(out + '/machine.js', script_of(
            'machine', made.hexdigest(),
            **{name: packed(data) for name, data in files.items()}))
    write(out + '/LICENSE-v86.txt', b'\n'.join(map(read, texts)))
    write(out + '/LICENSE-seabios.txt', b'\n'.join(map(read, rights)))
    write(out + '/NOTICE.txt', NOTICE.format(
        v86=version, seabios=name[1].decode() if name else ''))


def main(command, *words):
    if command == 'sections':
        sections(words[0], words[1:])
    elif command == 'script':
        script(words[0])
    else:
        kernels(words[0], words[1], words[2:])


if __name__ == '__main__':
    main(*sys.argv[1:])
