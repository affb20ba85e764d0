"""The machine-independent C of the kernel, run on this computer.

The programs in tests/host/ are linked with the tangled files themselves,
with a small machine of their own (tests/host/machine, host.c), once for
each shape of page table.  They compare with simple models, in random
tests with a fixed seed; SEED=7 in the environment takes another.
"""
import os
import re
import shutil
import struct
import subprocess
from typing import NamedTuple

import pytest

import mentioned
import weft

HOST = weft.ROOT / 'tests/host'
LIMIT = 120             # seconds; a program needs a few

# What the programs are linked with.  Not stale.c, which reads through an
# MMU, nor what needs a real machine.
KERNEL = ['kernel/string.c', 'kernel/lock.c', 'kernel/lock_order.c',
          'kernel/console/format.c', 'kernel/process/program.c']
KERNEL += ['kernel/memory/%s.c' % name for name in (
    'map', 'frames', 'runs', 'check_frames', 'plant', 'plant_frames', 'walk',
    'vmprint', 'kvm', 'check_vm', 'plant_vm', 'cache', 'space', 'large',
    'mapping', 'sharing', 'shared')]
MIRROR = ['kernel/memory/mirror.c', 'kernel/memory/check_mirror.c']

# The file system, for programs that have one; the others have no_files.c.
FILES = ['kernel/files/%s.c' % name for name in (
    'page', 'inode', 'mount', 'change', 'commit', 'directory', 'names',
    'path', 'contents')]
WITH_FILES = {'mapping'}

FLAGS = ['-std=gnu11', '-O1', '-g', '-fno-omit-frame-pointer',
         '-fno-strict-aliasing', '-fno-pie', '-pthread', '-Wall', '-Wextra',
         '-fno-sanitize-recover=all']


class Variant(NamedTuple):
    compiler: str
    sanitizer: str
    machine: str        # whose page tables
    check: int          # a checked build?
    mirror: int = 0     # a second tree for each address space?

    def __str__(self):
        checked = ['unchecked', 'checked'][self.check]
        mirror = ['mirror'] * self.mirror
        return '-'.join([self.compiler, self.machine, checked] + mirror)


def variants(compiler='clang', sanitizer='address,undefined',
             machines=('riscv', 'i386'), checks=(0, 1), mirror=0):
    return [Variant(compiler, sanitizer, machine, check, mirror)
            for machine in machines for check in checks]


# Page tables differ between machines, and most of the rest does not.
PROGRAMS = [
    ('format', variants(machines=['riscv'], checks=[1])),
    ('string', variants(machines=['riscv'], checks=[1])),
    ('map', variants(machines=['riscv'], checks=[1])),
    ('frames', variants(machines=['riscv'])),
    ('runs', variants()),
    ('entries', variants(checks=[1])),
    ('tables', variants()),
    ('vmprint', variants(checks=[1])),
    ('kvm', variants()),
    ('program', variants(checks=[1])),
    ('cache', variants(machines=['riscv'])),
    ('space', variants() + variants(mirror=1)),
    ('large', variants()),
    ('mapping', variants(checks=[1])),
    ('threads', variants(sanitizer='thread', machines=['riscv'])),
]
PROGRAMS += [(name, variants('gcc', machines=['i386'], checks=[1]))
             for name in ('format', 'string', 'frames', 'runs', 'tables', 'kvm',
                          'program', 'cache', 'space')]


class Host:
    """The programs, compiled when they are first asked for."""

    def __init__(self, folder):
        self.tree = weft.Tree(folder / 'weft')
        self.tree.must('make', '-s', 'tangle')
        self.built = {}

    def compile(self, variant, *arguments):
        self.tree.must(
            variant.compiler, *FLAGS, '-fsanitize=' + variant.sanitizer,
            '-DCHECK=%d' % variant.check, '-DMIRROR=%d' % variant.mirror,
            '-iquote', HOST / 'machine',
            '-iquote', 'tangle/kernel', '-iquote', 'tangle/include',
            '-iquote', 'tangle/machine/' + variant.machine, *arguments)

    def objects(self, variant):
        """The kernel's, and those that all programs share."""
        if variant in self.built:
            return self.built[variant]
        folder = self.tree.folder / ('host-%d' % len(self.built))
        folder.mkdir()
        self.built[variant] = objects = []
        for path in KERNEL + MIRROR * variant.mirror:
            objects.append(self.kernel_object(variant, folder, path))
        for name in ['host.c', 'reference.c']:
            objects.append(self.object(variant, folder, name))
        return objects

    def kernel_object(self, variant, folder, path):
        made = folder / (path.replace('/', '-') + '.o')
        if not made.exists():
            self.compile(variant, '-ffreestanding', '-fno-builtin',
                         '-include', HOST / 'names.h', '-c', '-o', made,
                         'tangle/' + path)
        return made

    def object(self, variant, folder, name):
        made = folder / (name + '.o')
        if not made.exists():
            self.compile(variant, '-c', '-o', made, HOST / name)
        return made

    def files(self, variant, folder, name):
        """The file system, or what takes its place."""
        if name not in WITH_FILES:
            return [self.object(variant, folder, 'no_files.c')]
        return [self.kernel_object(variant, folder, path) for path in FILES]

    def parts(self, variant, name):
        """What a program is made of, but for its own object."""
        objects = self.objects(variant)
        return objects + self.files(variant, objects[0].parent, name)

    def program(self, variant, name):
        parts = self.parts(variant, name)
        program = parts[0].parent / name
        if not program.exists():
            self.compile(variant, '-no-pie', '-o', program,
                         HOST / ('test_%s.c' % name), *parts)
        return program

    def with_fault(self, variant, name, path, old, new):
        """The program with a fault in one of the kernel's files."""
        folder = self.objects(variant)[0].parent
        right = self.kernel_object(variant, folder, path)
        text = (self.tree.folder / 'tangle' / path).read_text()
        text = re.sub(r'^#line.*\n', '', text, flags=re.MULTILINE)
        assert text.count(old) == 1, '%s: %s' % (path, old)
        source, wrong = folder / 'fault.c', folder / 'fault.o'
        source.write_text(text.replace(old, new))
        self.compile(variant, '-w', '-ffreestanding', '-fno-builtin',
                     '-iquote', 'tangle/' + os.path.dirname(path),
                     '-include', HOST / 'names.h', '-c', '-o', wrong, source)
        self.compile(variant, '-no-pie', '-o', folder / 'with-fault',
                     self.object(variant, folder, 'test_%s.c' % name),
                     *[wrong if part == right else part
                       for part in self.parts(variant, name)])
        return folder / 'with-fault'

    def start(self, program, *tests, **variables):
        environment = dict(weft.ENVIRONMENT)
        for name in ['SEED', 'STEPS']:
            if name in os.environ:
                environment[name] = os.environ[name]
        return subprocess.run(
            [program, *tests], cwd=self.tree.folder,
            env=dict(environment, **variables), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, errors='replace', timeout=LIMIT)

    def run(self, variant, name, *tests, **variables):
        program = self.program(variant, name)
        done = self.start(program, *tests, **variables)
        assert done.returncode == 0, '%s\n%s' % (program, done.stdout)
        assert 'ok ' in done.stdout
        return done.stdout


@pytest.fixture(scope='session')
def host(tmp_path_factory):
    return Host(tmp_path_factory.mktemp('host'))


def parameters():
    for name, its_variants in PROGRAMS:
        for variant in its_variants:
            yield pytest.param(name, variant, id='%s-%s' % (name, variant))


def needs(compiler):
    if not shutil.which(compiler):
        pytest.skip('no ' + compiler)


@pytest.mark.parametrize('name, variant', parameters())
def test_program(host, name, variant, record_property):
    needs(variant.compiler)
    mentioned.record_host(record_property, name, host.run(variant, name))


# ---- Mappings for longer ---------------------------------------------

@pytest.mark.all
@pytest.mark.parametrize('seed', range(2, 8))
@pytest.mark.parametrize('machine', weft.MACHINES)
def test_mapping_for_long(host, machine, seed):
    """Some millions of steps."""
    needs('clang')
    variant = Variant('clang', 'address,undefined', machine, 1)
    host.run(variant, 'mapping', SEED=str(seed), STEPS='5')


# Is it noticed?  A file, what is in it, and what is wrong instead.
FAULTS = {
    'store while it is written': (
        'files/commit', 'mappings_protect(inode);', ';'),
    'old frame': (
        'files/page', 'mappings_move(page->inode, page->index, old);', ';'),
    'truncated, and there': (
        'files/change', 'mappings_drop(inode);', ';'),
    'bytes from behind the end': (
        'files/contents', '    clear_tail(inode))', '    0)'),
    'no flush elsewhere': (
        'memory/sharing', 'flush_everywhere(space);', ';'),
    'another page': (
        'memory/sharing', '(vaddr_t)(index - first) *',
        '(vaddr_t)index *'),
    'writers not counted': (
        'memory/sharing', 'if (is_writer(region) && inode_add_writer',
        'if (0 && inode_add_writer'),
    'claims of shared memory': (
        'memory/shared', 'frames_release(shared->claim);\n'
        '\tcache_free(&shared_cache, shared);\n}',
        'cache_free(&shared_cache, shared);\n}'),
    'cut in the wrong place': (
        'memory/mapping', 'rest->offset += before;', ';'),
    'claims after a cut': (
        'memory/mapping', 'space->promised -= claimed - claim_of(region);',
        '(void)claimed;'),
    'a right too many': (
        'memory/mapping', 'if (!(before & MAP_WRITE))',
        'if (0 && before)'),
    'no flush here': (
        'memory/mapping', 'space_changed(space);\n\tif (perm', 'if (perm'),
    'tables stay': (
        'memory/mapping',
        'free_empty_tables(space->root, start, end - 1);', ';'),
    'copies not claimed': (
        'memory/mapping', 'pages += (stop - start) / PAGE_SIZE;', ';'),
    'hidden pages stay': (
        'memory/space', 'if (*entry)\n\t\t\tdrop_page',
        'if (pte_present(*entry))\n\t\t\tdrop_page'),
    'hidden pages are not inherited': (
        'memory/space', 'if (!old)\n\t\t\tcontinue;',
        'if (!pte_present(old))\n\t\t\tcontinue;'),
    'no guard': (
        'memory/space', 'address < below + PAGE_SIZE)', '0)'),
    'waited for in vain': (
        'memory/space', 'if (space->stale & me)\n'
        '\t__atomic_and_fetch(&space->stale, ~me, __ATOMIC_ACQUIRE);\n'
        '\tcpu->space', 'cpu->space'),
}


@pytest.mark.all
@pytest.mark.parametrize('fault', FAULTS)
def test_mapping_notices(host, fault):
    needs('clang')
    path, old, new = FAULTS[fault]
    variant = Variant('clang', 'address,undefined', 'riscv', 1)
    program = host.with_fault(variant, 'mapping', 'kernel/%s.c' % path, old,
                              new)
    assert host.start(program).returncode != 0


# ---- Fuzzing ---------------------------------------------------------

def program_file(machine):
    """A small program with two segments, for the fuzzer to begin with."""
    if machine == 'riscv':
        header = struct.pack('<4sB11xHHIQQQIHHHHHH', b'\177ELF', 2, 2, 243,
                             1, 0x1000, 64, 0, 0, 64, 56, 2, 0, 0, 0)
        segments = [struct.pack('<IIQQQQQQ', 1, flags, offset, where, 0,
                                size, in_memory, 4096)
                    for flags, offset, where, size, in_memory in
                    [(5, 0, 0x1000, 200, 200), (6, 0, 0x2000, 8, 4096)]]
    else:
        header = struct.pack('<4sB11xHHIIIIIHHHHHH', b'\177ELF', 1, 2, 3, 1,
                             0x1000, 52, 0, 0, 52, 32, 2, 0, 0, 0)
        segments = [struct.pack('<IIIIIIII', 1, offset, where, 0, size,
                                in_memory, flags, 4096)
                    for flags, offset, where, size, in_memory in
                    [(5, 0, 0x1000, 200, 200), (6, 0, 0x2000, 8, 4096)]]
    return (header + b''.join(segments)).ljust(256, b'\0')


@pytest.mark.parametrize('machine', weft.MACHINES)
def test_fuzz_program(host, tmp_path, machine, request):
    """libFuzzer looks for a file that program_read() gets wrong."""
    needs('clang')
    seconds = 60 if request.config.getoption('--all') else 5
    variant = Variant('clang', 'fuzzer,address,undefined', machine, 1)
    objects = []
    for path in ['kernel/process/program.c', 'kernel/string.c']:
        objects.append(tmp_path / (path.replace('/', '-') + '.o'))
        host.compile(variant, '-ffreestanding', '-fno-builtin', '-include',
                     HOST / 'names.h', '-c', '-o', objects[-1],
                     'tangle/' + path)
    host.compile(variant, '-no-pie', '-o', tmp_path / 'fuzz',
                 HOST / 'fuzz_program.c', *objects)
    corpus = tmp_path / 'corpus'
    corpus.mkdir()
    (corpus / 'program').write_bytes(program_file(machine))
    done = subprocess.run(
        [tmp_path / 'fuzz', '-seed=1', '-max_len=4096', '-len_control=0',
         '-max_total_time=%d' % seconds, corpus],
        cwd=tmp_path, env=weft.ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, errors='replace', timeout=LIMIT + seconds)
    assert done.returncode == 0, done.stdout[-4000:]
    runs = int(re.search(r'Done (\d+) runs', done.stdout).group(1))
    assert runs > 10000, done.stdout[-1000:]
    # It has found its way in: more than one program was accepted.
    assert len(list(corpus.iterdir())) > 5


def test_everything_is_run():
    """Every test program is in the list above."""
    assert {'test_%s.c' % name for name, _ in PROGRAMS} == \
        {path.name for path in HOST.glob('test_*.c')}
