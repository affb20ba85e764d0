/* Walk it yourself: page tables that a kernel has printed (vmdump), and
   the translation of addresses with them.  Nothing here needs a page, so a
   test can run it alone; walk-page.js shows what comes out. */
'use strict';

var walker = (function () {

const PAGE = 4096n;

/* ---- The machines --------------------------------------------------------
   An entry is a BigInt.  fields() are its numbers and flags() its single
   bits, from the highest down: name, bit, what 1 means, what 0 means. */

const MACHINES = {
  riscv64: {
    name: 'riscv64', title: 'RISC-V, Sv39', register: 'satp',
    digits: 16, size: 8n, levels: 3, bits: 9, addressBits: 39,
    valid: 'V',
    number() { return 'PPN × 4 KiB'; },
    fields(entry) {
      return [bitField('unused', entry, 63, 54), bitField('PPN', entry, 53, 10),
              bitField('RSW', entry, 9, 8)];
    },
    flags() {
      return [
        ['D', 7, 'marked as written', 'not marked as written'],
        ['A', 6, 'marked as used', 'not marked as used'],
        ['G', 5, 'the same in every address space', 'of this address space'],
        ['U', 4, 'for user mode', 'not for user mode'],
        ['X', 3, 'can be executed', 'cannot be executed'],
        ['W', 2, 'can be written', 'cannot be written'],
        ['R', 1, 'can be read', 'cannot be read'],
        ['V', 0, 'something is here', 'nothing is here'],
      ];
    },
    address(entry) { return (entry >> 10n & (1n << 44n) - 1n) << 12n; },
    present(entry) { return bit(entry, 0); },
    leaf(entry, level) { return level === 0 || (entry & 14n) !== 0n; },
    permissions(entry) { return entry >> 1n & 31n; },
  },
  i386: {
    name: 'i386', title: 'i386, two levels', register: 'cr3',
    digits: 8, size: 4n, levels: 2, bits: 10, addressBits: 32,
    valid: 'P',
    number(entry, level) {
      return level && bit(entry, 7) ? 'Frame × 4 MiB' : 'Frame × 4 KiB';
    },
    fields(entry, level) {
      return (level && bit(entry, 7)
        ? [bitField('frame', entry, 31, 22), bitField('unused', entry, 21, 13),
           bitField('PAT', entry, 12, 12)]
        : [bitField('frame', entry, 31, 12)])
        .concat(bitField('AVL', entry, 11, 9));
    },
    flags(level) {
      return [
        ['G', 8, 'the same in every address space', 'of this address space'],
        level ? ['PS', 7, 'a large page', 'a table']
          : ['PAT', 7, 'another way of caching', 'the usual way of caching'],
        ['D', 6, 'was written', 'was not written'],
        ['A', 5, 'was used', 'was not used'],
        ['PCD', 4, 'not cached', 'cached'],
        ['PWT', 3, 'written through', 'written back'],
        ['U/S', 2, 'for user mode', 'not for user mode'],
        ['R/W', 1, 'can be written', 'cannot be written'],
        ['P', 0, 'something is here', 'nothing is here'],
      ];
    },
    address(entry) { return entry & 0xfffff000n; },
    present(entry) { return bit(entry, 0); },
    leaf(entry, level) { return level === 0 || bit(entry, 7); },
    permissions(entry) {
      return 5n | entry & 2n | (entry & 4n) << 1n | (entry & 256n) >> 4n;
    },
  },
};

function bit(number, n) { return (number >> BigInt(n) & 1n) === 1n; }

/* The bits HIGH to LOW of a number. */
function cut(number, high, low) {
  return number >> BigInt(low) & (1n << BigInt(high - low + 1)) - 1n;
}

function bitField(name, number, high, low) {
  return {name, high, low, value: cut(number, high, low)};
}

function hex(machine, number) {
  return '0x' + number.toString(16).padStart(machine.digits, '0');
}

/* The kernel's five letters: R is bit 0. */
function letters(permissions) {
  return [...'rwxug'].map((c, i) => bit(permissions, i) ? c : '-').join('');
}

function sizeText(bytes) {
  const [unit, name] = bytes >> 30n ? [1n << 30n, 'GiB'] :
    bytes >> 20n ? [1n << 20n, 'MiB'] : [1n << 10n, 'KiB'];
  return `${bytes / unit} ${name}`;
}

/* ---- Reading ------------------------------------------------------------- */

/* What `vmprint -r` or `monitor vmdump` has printed; lines of other
   commands may stand around it.  Throws an Error that says what is wrong. */
function readDump(text) {
  const dump = {entries: 0, tables: new Map(), regions: [], areas: []};
  let ended = false;

  for (const raw of text.split('\n')) {
    const line = raw.trim();
    let found;
    if ((found = /^vmdump (\w+) levels (\d+) bits (\d+) root (0x\w+)$/.exec(line)))
      startDump(dump, ...found.slice(1));
    else if ((found = /^vmdump ends after (\d+) entries$/.exec(line)))
      ended = Number(found[1]);
    else if ((found = /^(\d) (0x[0-9a-f]+) (\d+) (0x[0-9a-f]+)$/.exec(line)))
      addEntry(dump, ...found.slice(1));
    else if ((found = /^region (0x\w+) to (0x\w+) (\S+)$/.exec(line)))
      addRegion(dump, ...found.slice(1));
    else if ((found = /^map: (0x\w+) \S+ (.*), (\d+) KiB$/.exec(line)))
      dump.areas.push({start: BigInt(found[1]), name: found[2],
                       end: BigInt(found[1]) + BigInt(found[3]) * 1024n});
  }
  if (!dump.machine)
    throw Error('There is no line that begins with “vmdump”.');
  if (ended === false)
    throw Error('The last line, “vmdump ends after …”, is missing.');
  if (ended !== dump.entries)
    throw Error(`The last line speaks of ${ended} entries; ` +
                `there are ${dump.entries}.`);
  return dump;
}

function startDump(dump, name, levels, bits, root) {
  const machine = MACHINES[name];
  if (!machine || machine.levels !== Number(levels) ||
      machine.bits !== Number(bits))
    throw Error(`This page does not know the machine ${name} with ` +
                `${levels} levels of ${bits} bits.`);
  Object.assign(dump, {machine, root: BigInt(root), entries: 0,
                       tables: new Map()});
}

/* A process's regions are printed before its tables. */
function addRegion(dump, start, end, rights) {
  if (!dump.machine)
    dump.regions.push({start: BigInt(start), end: BigInt(end), rights});
}

function addEntry(dump, level, table, index, entry) {
  if (!dump.machine)
    throw Error('An entry comes before the line that begins with “vmdump”.');
  table = BigInt(table);
  if (!dump.tables.has(table))
    dump.tables.set(table, {level: Number(level), entries: new Map()});
  dump.tables.get(table).entries.set(Number(index), BigInt(entry));
  dump.entries++;
}

/* The address that somebody has typed, as the kernel's monitor reads it:
   decimal, or hexadecimal after 0x.  Throws an Error for people. */
function readAddress(machine, typed) {
  const text = typed.trim();
  const shown = text.length > 30 ? text.slice(0, 30) + '…' : text;

  if (text === '')
    throw Error('Type an address, such as 0x1000 or 4096.');
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text))
    throw Error(`“${shown}” is not a number: write it in hexadecimal after ` +
                '0x, or in decimal.');
  const significant = text.replace(/^0x/i, '').replace(/^0+/, '');
  const width = machine.digits * 4;
  if (significant.length > 20 || BigInt(text) >> BigInt(width))
    throw Error(`${shown} has more than ${width} bits: it is not an ` +
                `address of ${machine.name}.`);
  return BigInt(text);
}

/* ---- Walking ------------------------------------------------------------- */

function shift(machine, level) { return 12 + machine.bits * level; }

/* Bit 38 repeated above on Sv39; all 32 bits count on i386. */
function extend(machine, address) {
  const kept = BigInt.asIntN(machine.addressBits, address);
  return BigInt.asUintN(machine.digits * 4, kept);
}

/* The bits of an address that are translated, in pieces. */
function split(machine, address) {
  const pieces = [];
  for (let level = machine.levels - 1; level >= 0; level--)
    pieces.push(bitField(`index ${level}`, address,
                         shift(machine, level + 1) - 1, shift(machine, level)));
  pieces.push(bitField('offset', address, 11, 0));
  return pieces;
}

/* {address, steps, end}: a step for each entry that the walk reads, and
   end.kind is 'page', 'empty' (an entry without V or P) or 'hole'. */
function walk(dump, address) {
  const machine = dump.machine;
  const result = {address, steps: [], end: {kind: 'hole'}};
  let table = dump.root;

  if (extend(machine, address) !== address)
    return result;
  for (let level = machine.levels - 1;; level--) {
    const low = shift(machine, level);
    const index = Number(cut(address, low + machine.bits - 1, low));
    const entry = entryAt(dump, table, index);
    result.steps.push({level, table, index, entry,
                       at: table + BigInt(index) * machine.size});
    if (!machine.present(entry)) {
      result.end = {kind: 'empty', level, span: 1n << BigInt(low)};
      return result;
    }
    table = machine.address(entry);
    if (machine.leaf(entry, level)) {
      const span = 1n << BigInt(low);
      const offset = address & span - 1n;
      result.end = {kind: 'page', level, span, frame: table, offset,
                    physical: table + offset,
                    permissions: machine.permissions(entry)};
      return result;
    }
  }
}

/* A table that has no line is one of zeros only. */
function entryAt(dump, table, index) {
  const found = dump.tables.get(table);
  return found && found.entries.get(index) || 0n;
}

/* What the kernel's command `walk` prints, to the letter. */
function kernelText(dump, result) {
  const show = number => hex(dump.machine, number);
  const lines = [`walk of ${show(result.address)}:`];

  if (result.end.kind === 'hole')
    lines.push('  not an address of this machine');
  for (const step of result.steps) {
    const last = step === result.steps[result.steps.length - 1];
    let what = `table at ${show(dump.machine.address(step.entry))}`;
    if (last && result.end.kind === 'empty')
      what = 'nothing there';
    else if (last)
      what = `page at ${show(result.end.frame)} ` +
        letters(result.end.permissions);
    lines.push(`  level ${step.level}, index ${step.index}: ${what}`);
  }
  if (result.end.kind === 'page')
    lines.push(`  offset ${result.end.offset}: ${show(result.end.physical)}`);
  return lines.join('\n');
}

/* ---- What follows from a walk -------------------------------------------- */

/* Who may do what with a page: {user, kernel} as text like 'rw-', and
   `gate`, what the kernel has to do before it uses a page of user mode. */
function access(dump, result) {
  const riscv = dump.machine === MACHINES.riscv64;
  let {permissions} = result.end;

  if (!riscv)             // both levels must allow it
    for (const step of result.steps)
      permissions &= dump.machine.permissions(step.entry) | 16n;
  const all = letters(permissions).slice(0, 3);
  if (!bit(permissions, 3))
    return {user: '---', kernel: all, gate: ''};
  return {user: all, kernel: all.slice(0, 2) + '-',
          gate: riscv ? 'while SUM is set' : 'while AC is set (SMAP)'};
}

function containing(ranges, address) {
  return ranges.find(r => r.start <= address && address < r.end);
}

function upperHalf(machine, address) {
  return bit(address, machine.addressBits - 1);
}

/* A sentence on what the kernel knows about ADDRESS and the tree does not
   say; '' if there is nothing. */
function comment(dump, result) {
  const {address, end} = result;
  const region = containing(dump.regions, address);
  const area = containing(dump.areas, address);

  if (end.kind === 'hole')
    return '';
  if (upperHalf(dump.machine, address)) {
    if (area && area.name === 'stacks' && end.kind === 'empty')
      return 'It is in the area of kernel stacks, where every stack has ' +
        'unmapped pages below it: a guard, or a stack that is not in use.';
    return area ? `The kernel’s map calls this part “${area.name}”.` : '';
  }
  if (!region)
    return noRegion(dump, address);
  if (end.kind === 'empty')
    return `The process has a region ${region.rights} here, so this is no ` +
      'mistake of the program: at the first touch the kernel finds a ' +
      'frame, writes this entry, and has the instruction done again.';
  if (region.rights[1] === 'w' && !bit(end.permissions, 1))
    return 'The region allows writing and the entry does not: ' +
      'copy-on-write. The first store faults, and the kernel gives the ' +
      'process a page of its own, or this one if nobody else has it any ' +
      'more. (Where a file is mapped to be shared it only takes note of ' +
      'the change.)';
  return `The process has a region ${region.rights} here.`;
}

function noRegion(dump, address) {
  if (!dump.regions.length)
    return '';
  if (address < PAGE)
    return 'Page 0 is never mapped for our own programs: the fault ends ' +
      'a program that follows a null pointer.';
  const above = dump.regions.find(r => r.start > address);
  return 'No region of the process has this address: a fault here ends the ' +
    'program.' + (above && above.start - address <= PAGE ?
      ' It is the page below the region that begins at ' +
      hex(dump.machine, above.start) + '.' : '');
}

/* ---- Examples ------------------------------------------------------------ */

/* [{address, name}]: addresses of this dump that are worth a walk. */
function examples(dump) {
  const riscv = dump.machine === MACHINES.riscv64;
  const found = [];
  const add = (name, address) => {
    if (address !== undefined && address >= 0n)
      found.push({name, address});
  };
  const area = name => dump.areas.find(a => a.name === name);
  const text = dump.regions.find(r => r.rights === 'r-x');
  const stack = text && dump.regions.find(r => r.end === text.start);
  const pages = [...eachPage(dump)];
  const inRegion = (page, right) =>
    (containing(dump.regions, page.address) || {rights: ''})
      .rights[1] === right;

  add('UART0 of the notebook', 0x10000000n);
  if (area('UART'))
    add('the UART here, its line status', area('UART').start + 5n);
  if (area('low memory'))
    add('a device: video memory', area('low memory').start + 0xb8000n);
  if (area('text'))
    add('the kernel’s text', area('text').start + 0x123n);
  add('a large page', (pages.find(p => p.level > 0) || {}).address);
  if (text)
    add('the program’s text', text.start);
  add('a copy-on-write page', (pages.find(p => inRegion(p, 'w') &&
    !bit(p.permissions, 1)) || {}).address);
  if (stack) {
    add('the program’s stack', stack.end - 16n);
    add('a page not touched yet', untouched(dump, stack));
    add('the guard below the stack', stack.start - 8n);
  }
  if (area('stacks'))
    add('the guard of a kernel stack', kernelGuard(pages, area('stacks')));
  add('a null pointer', 0n);
  if (riscv)
    add('the hole of Sv39', 1n << 38n);
  return found;
}

/* Every leaf, in the order of addresses: {address, level, permissions}. */
function* eachPage(dump, table = dump.root,
                   level = dump.machine.levels - 1, base = 0n) {
  const {machine} = dump;
  const found = dump.tables.get(table);

  for (const [index, entry] of found ? found.entries : []) {
    const address = base + (BigInt(index) << BigInt(shift(machine, level)));
    if (!machine.present(entry))
      continue;
    if (machine.leaf(entry, level))
      yield {address: extend(machine, address), level,
             permissions: machine.permissions(entry)};
    else
      yield* eachPage(dump, machine.address(entry), level - 1, address);
  }
}

/* An address of REGION that no page has. */
function untouched(dump, region) {
  for (let at = region.end - PAGE; at >= region.start; at -= PAGE)
    if (walk(dump, at).end.kind === 'empty')
      return at;
  return undefined;
}

/* Just below the lowest page of the stack area. */
function kernelGuard(pages, area) {
  const lowest = pages.find(p => p.address >= area.start);
  return lowest && lowest.address - 8n;
}

return {MACHINES, readDump, readAddress, extend, split, walk, kernelText,
        access, comment, examples, hex, bit, sizeText,
        dumps: {}, reasons: {}};      // set by walk-data.js
})();

if (typeof module !== 'undefined')
  module.exports = walker;
