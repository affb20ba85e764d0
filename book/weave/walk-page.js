/* The page of Walk it yourself: shows what walk.js finds out. */
'use strict';

(function () {

const place = document.getElementById('walk');
const dumps = {};               // by the machine's name, as far as they can be read
let current = null;             // the machine's name
let typed = {};                 // what is in the field, for each machine

/* An element: make('p', {class: 'x'}, 'text', other element). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== null)
      element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function code(text) { return make('code', {}, text); }

function shown(number) {
  return code(walker.hex(dumps[current].machine, number));
}

/* ---- The form ------------------------------------------------------------ */

const field = make('input', {
  id: 'walk-address', type: 'text', autocomplete: 'off', spellcheck: 'false',
  autocapitalize: 'off', 'aria-describedby': 'walk-hint walk-error'});
const error = make('p', {id: 'walk-error', role: 'alert'});
const summary = make('p', {id: 'walk-summary', role: 'status'});
const result = make('div', {id: 'walk-result'});
const examples = make('ul', {id: 'walk-examples'});
const machines = make('fieldset', {id: 'walk-machines'},
                      make('legend', {}, 'Machine'));
const form = make('form', {id: 'walk-form', novalidate: ''},
  machines,
  make('p', {},
       make('label', {for: 'walk-address'}, 'Virtual address'), ' ', field, ' ',
       make('button', {type: 'submit'}, 'Walk')),
  make('p', {id: 'walk-hint'}, 'Hexadecimal after 0x, or decimal.'),
  error);

function buildMachines() {
  for (const machine of Object.values(walker.MACHINES)) {
    const there = machine.name in dumps;
    const radio = make('input', {type: 'radio', name: 'machine',
      id: 'walk-' + machine.name, value: machine.name,
      disabled: there ? null : ''});
    radio.addEventListener('change', () => go(machine.name, typed[machine.name]));
    machines.append(make('span', {}, radio, make('label',
      {for: radio.id}, machine.title)), ' ');
    if (!there)
      machines.append(make('p', {class: 'walk-missing'},
        `There are no tables of ${machine.name}: ` +
        (walker.reasons[machine.name] || 'none were made.')));
  }
}

/* The address is in the fragment: #riscv64:0x1000. So it can be linked to,
   and the browser's way back leads to the one before. */
function go(name, text) {
  const wanted = '#' + name + ':' + encodeURIComponent(text.trim());
  if (location.hash === wanted)
    show();
  else
    location.hash = wanted;
}

/* [machine, address] from the fragment, or null. */
function fragment() {
  const found = /^#(\w+):(.*)$/.exec(location.hash);
  if (!found || !(found[1] in dumps))
    return null;
  try {
    return [found[1], decodeURIComponent(found[2])];
  } catch (e) {
    return [found[1], found[2]];
  }
}

function show() {
  const [name, text] = fragment() || [current, typed[current]];

  if (name !== current || !examples.firstChild)
    select(name);
  typed[name] = text;
  field.value = text;
  result.replaceChildren();
  summary.textContent = '';
  try {
    showWalk(dumps[name],
             walker.readAddress(dumps[name].machine, text));
    error.textContent = '';
    field.removeAttribute('aria-invalid');
  } catch (e) {
    error.textContent = e.message;
    field.setAttribute('aria-invalid', 'true');
  }
}

function select(name) {
  current = name;
  document.getElementById('walk-' + name).checked = true;
  examples.replaceChildren(...walker.examples(dumps[name]).map(e =>
    make('li', {}, make('a', {href: '#' + name + ':' +
      walker.hex(dumps[name].machine, e.address)}, e.name))));
}

/* ---- One walk ------------------------------------------------------------ */

function showWalk(dump, address) {
  const walk = walker.walk(dump, address);

  result.append(make('h3', {}, 'The address, cut'), ...cutAddress(dump, walk));
  for (const step of walk.steps)
    result.append(...showStep(dump, walk, step));
  result.append(make('h3', {}, 'Where it leads'), ...showEnd(dump, walk),
    make('h3', {}, 'What the kernel’s command “walk” prints'),
    make('div', {class: 'transcript'}, make('pre', {tabindex: '0'},
      make('code', {id: 'walk-text'}, walker.kernelText(dump, walk)))));
  summary.textContent = oneSentence(dump, walk);
}

function oneSentence(dump, walk) {
  const {end} = walk;
  const where = walker.hex(dump.machine, walk.address);

  if (end.kind === 'hole')
    return `${where} is in the hole of Sv39: no address of this machine.`;
  if (end.kind === 'empty')
    return `${where} is not mapped: the walk stops at level ${end.level}.`;
  const {user, kernel} = walker.access(dump, walk);
  return `${where} is the physical address ` +
    `${walker.hex(dump.machine, end.physical)}; a program may ` +
    `${inWords(user)}, the kernel may ${inWords(kernel)}.`;
}

function inWords(rights) {
  const words = [['r', 'read'], ['w', 'write'], ['x', 'execute']]
    .filter(([letter]) => rights.includes(letter)).map(([, word]) => word);
  return words.join(', ').replace(/, (?=\w+$)/, ' and ') || 'do nothing';
}

/* A table that may be wider than the page. */
function wide(label, ...rows) {
  return make('div', {class: 'scroll', tabindex: '0', role: 'group',
                      'aria-label': label}, make('table', {}, ...rows));
}

function row(head, cells, attributes = () => ({})) {
  return make('tr', {}, make('th', {scope: 'row'}, head),
              ...cells.map((cell, i) => make('td', attributes(i), cell)));
}

/* '38–30', or '7'. */
function bitRange(piece) {
  return piece.high === piece.low ? String(piece.low)
    : `${piece.high}–${piece.low}`;
}

function binary(piece) {
  return piece.value.toString(2).padStart(piece.high - piece.low + 1, '0');
}

function cutAddress(dump, walk) {
  const pieces = walker.split(dump.machine, walk.address);
  const colour = i => ({class: 'walk-' + pieces[i].name.split(' ')[0]});
  const terms = pieces.map(p => p.low
    ? `${p.value} × ${walker.sizeText(1n << BigInt(p.low))}`
    : `${p.value} ${p.value === 1n ? 'byte' : 'bytes'}`);

  return [wide('The address in pieces',
      row('part', pieces.map(p => p.name), colour),
      row('bits', pieces.map(bitRange), colour),
      row('binary', pieces.map(p => code(binary(p))), colour),
      row('value', pieces.map(p => p.value.toString()), colour)),
    make('p', {}, upperBits(dump.machine, walk.address),
         `As a number of ${dump.machine.addressBits} bits it is `,
         `${terms.join(' + ')}. `, division(dump, walk))];
}

/* A sentence on bits that are not translated; Sv39 only. */
function upperBits(machine, address) {
  const top = machine.digits * 4 - 1, sign = machine.addressBits - 1;
  if (top === sign)
    return '';
  const copy = walker.bit(address, sign) ? 1 : 0;
  return `Bits ${top} to ${sign + 1} are ` +
    (walker.extend(machine, address) === address
      ? `all ${copy}, as bit ${sign} is. `
      : `not all ${copy}, although bit ${sign} is. `);
}

/* How many bits find the frame: fewer if the page is large. */
function division(dump, walk) {
  const {machine} = dump;
  const used = walk.end.kind === 'page' ? walk.steps.length : machine.levels;
  const indices = used * machine.bits;
  const offset = machine.addressBits - indices;

  return `${indices} + ${offset} bits: ${indices} in ` +
    `${used === 1 ? 'one index' : used + ' indices'} find the frame, ` +
    `${offset} pick the byte in it.`;
}

function showStep(dump, walk, step) {
  const {machine} = dump;
  const first = step === walk.steps[0];
  const last = step === walk.steps[walk.steps.length - 1];
  const elements = [make('h3', {}, `Level ${step.level}: entry ${step.index}`)];

  elements.push(make('p', {}, first ? 'The root is at ' : 'The table is at ',
    shown(step.table), first ? `, says ${machine.register}. ` : '. ',
    `An entry has ${machine.size} bytes, so number ${step.index} is at `,
    shown(step.table), ` + ${step.index} × ${machine.size} = `,
    shown(step.at), ', and holds ', shown(step.entry), '.'),
    strip(dump, step));
  elements.push(wide('The entry, bit by bit', ...entryRows(machine, step)));
  elements.push(make('p', {class: 'walk-verdict'},
                     ...verdict(dump, walk, step, last)));
  return elements;
}

/* An entry as columns; flags that are set stand out. */
function entryRows(machine, step) {
  const columns = machine.fields(step.entry, step.level).map(f =>
    ({name: f.name, bits: bitRange(f), value: '0x' + f.value.toString(16),
      set: f.value !== 0n}));
  for (const [name, n] of machine.flags(step.level)) {
    const set = walker.bit(step.entry, n);
    columns.push({name, bits: String(n), value: set ? '1' : '0', set});
  }
  const attributes = i => ({class: columns[i].set ? 'walk-set' : 'walk-clear'});

  return [row('field', columns.map(c => c.name), attributes),
          row('bits', columns.map(c => c.bits), attributes),
          row('value', columns.map(c => code(c.value)), attributes)];
}

/* What the flags of an entry mean together. */
function verdict(dump, walk, step, last) {
  const {machine} = dump;
  const next = [`${machine.number(step.entry, step.level)} = `, shown(machine.address(step.entry)), '.'];

  if (!machine.present(step.entry))
    return [`${machine.valid} is 0: nothing is here, and the walk stops. `,
            `The ${walker.sizeText(walk.end.span)} of addresses that this `,
            'entry stands for are not mapped.',
            step.entry ? ' The other bits are ignored.' : ''];
  if (!last)
    return [`${machine.valid} is 1, and `, machine.name === 'riscv64'
              ? 'R, W and X are 0' : 'PS is 0',
            ': the entry names a table. ', ...next];
  return [`${machine.valid} is 1, and `, leafReason(machine, step),
          `: the entry maps a page of ${walker.sizeText(walk.end.span)}. `,
          ...next, ' Flags: ', meanings(machine, step), '.'];
}

function leafReason(machine, step) {
  if (step.level === 0)
    return 'this is the lowest level';
  return machine.name === 'riscv64' ? 'one of R, W and X is 1' : 'PS is 1';
}

function meanings(machine, step) {
  return machine.flags(step.level)
    .filter(([name]) => name !== machine.valid && name !== 'PS')
    .map(([name, n, yes, no]) =>
      `${name} ${walker.bit(step.entry, n) ? `1, ${yes}` : `0, ${no}`}`)
    .join('; ');
}

/* A drawing of the table: where it has entries, and which one is taken. */
function strip(dump, step) {
  const count = 1 << dump.machine.bits;
  const found = dump.tables.get(step.table);
  const used = found ? [...found.entries.keys()].sort((a, b) => a - b) : [];
  const drawing = svg('svg', {viewBox: `0 0 ${count} 34`,
    preserveAspectRatio: 'none', class: 'walk-strip', role: 'img',
    'aria-label': `${used.length} of the table's ${count} entries are in ` +
                  `use; the walk reads entry ${step.index}.`},
    svg('rect', {class: 'fig-box', x: 0, y: 8, width: count, height: 18}));

  for (let i = 0, n; i < used.length; i += n) {
    for (n = 1; used[i + n] === used[i] + n;)
      n++;
    drawing.append(svg('rect', {class: 'fig-accent', x: used[i], y: 8,
                                width: Math.max(n, 2), height: 18}));
  }
  drawing.append(svg('rect', {class: 'walk-mark', x: step.index - 1, y: 0,
                              width: 3, height: 34}));
  return drawing;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes))
    element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* ---- The end of a walk --------------------------------------------------- */

function showEnd(dump, walk) {
  const {end} = walk;
  const known = walker.comment(dump, walk);
  const more = known ? [make('p', {}, known)] : [];

  if (end.kind === 'hole')
    return [make('p', {}, 'Nowhere, and not even to a table. Bits 63 to 39 ' +
      'must all be copies of bit 38, and these are not: the address is in ' +
      'the hole between the two halves of Sv39. Using it is a page fault.')];
  if (end.kind === 'empty')
    return [make('p', {}, `Nowhere: the walk stopped at level ${end.level}. ` +
      'Using the address is a page fault.'), ...more];
  return [make('p', {}, 'The frame is at ', shown(end.frame),
    ` and the offset is ${end.offset}: `, shown(end.frame),
    ` + 0x${end.offset.toString(16)} = `, shown(end.physical), '.',
    end.level ? ` In a large page the offset has ${12 + end.level *
      dump.machine.bits} bits: the indices below have become a part of it.`
      : ''), ...showAccess(dump, walk), ...more];
}

function showAccess(dump, walk) {
  const {user, kernel, gate} = walker.access(dump, walk);
  const cells = rights => [...'rwx'].map(c => rights.includes(c) ? 'yes' : 'no');
  const head = make('tr', {}, make('td'), ...['read', 'write', 'execute'].map(
    word => make('th', {scope: 'col'}, word)));

  return [wide('Who may do what', head,
    row('a program may', cells(user)),
    row('the kernel may', cells(kernel).map(word =>
      gate && word === 'yes' ? `yes, ${gate}` : word)))]
    .concat(dump.machine.name === 'i386' ? [make('p', {},
      'Both levels have to allow writing, and both have to allow user mode. ' +
      'Reading and executing cannot be refused to whoever may use the page' +
      (gate ? ', but for the kernel’s executing: SMEP.' : '.'))] : []);
}

/* ---- Tables of one's own ------------------------------------------------- */

const pasted = make('textarea', {id: 'walk-pasted', rows: '6',
  spellcheck: 'false', 'aria-describedby': 'walk-pasted-error'});
const pastedError = make('p', {id: 'walk-pasted-error', role: 'alert'});
const load = make('button', {type: 'button', id: 'walk-load'},
                  'Walk in these tables');

load.addEventListener('click', () => {
  try {
    const dump = walker.readDump(pasted.value);
    const {name} = dump.machine;
    dumps[name] = dump;
    document.getElementById('walk-' + name).disabled = false;
    pastedError.textContent = '';
    examples.replaceChildren();
    typed[name] = typed[name] || '0x10000000';
    go(name, typed[name]);
    field.focus();
  } catch (e) {
    pastedError.textContent = e.message;
  }
});

/* ---- Starting ------------------------------------------------------------ */

for (const [name, text] of Object.entries(walker.dumps)) {
  dumps[name] = walker.readDump(text);
  typed[name] = '0x10000000';
}
current = Object.keys(dumps)[0] || null;
buildMachines();
form.addEventListener('submit', event => {
  event.preventDefault();
  if (current)
    go(current, field.value);
  else
    error.textContent = 'There are no page tables here to walk in.';
});
window.addEventListener('hashchange', () => {
  if (fragment())
    show();
});
place.replaceChildren(form,
  make('p', {class: 'label', id: 'walk-examples-label'}, 'Addresses to try'),
  examples, summary, result,
  make('details', {}, make('summary', {}, 'Tables of a kernel of your own'),
    make('p', {}, make('label', {for: 'walk-pasted'}, 'Paste what ',
      code('vmprint -r'), ' or ', code('monitor vmdump'), ' has printed, ' +
      'with the regions above it if there are any:')),
    pasted, pastedError, load));
if (current)
  show();
})();
