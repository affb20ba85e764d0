/* Run it here: the kernel of a chapter, in a PC that the browser emulates.
   The emulator is v86; it and the kernels are in the folder boot/, made by
   `make boot`, and are loaded when somebody presses the button. */
'use strict';

if (!window.weftBoot) (function () {

const boot = window.weftBoot = {files: {}};

/* By the number of a chapter: is its kernel 'there', 'old' (made of another
   text of the book) or 'none'; and the control keys that it understands. */
const KERNELS = {};

const MEMORY = 32 << 20;
const LINES = 2000;             // kept on a screen
const SAID = 100;               // lines kept for screen readers
const PANIC = 99;               // the status of a kernel that gave up
const IDLE = 100;               // milliseconds until the emulator looks again

/* Ports of QEMU's PC by which a kernel switches it off.  v86 has neither. */
const DEBUG_EXIT = 0xf4, ACPI_CONTROL = 0x604;

/* An element: make('p', {class: 'x'}, 'text', other element). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* ---- Loading ------------------------------------------------------------- */

const loads = {};               // promises, by the name of a script

/* A script of the folder boot/, which is loaded once. */
function load(name) {
  loads[name] = loads[name] || new Promise((done, failed) => {
    const script = make('script', {src: `boot/${name}.js`});
    script.onload = done;
    script.onerror = () => {
      delete loads[name];
      failed(Error(`The file boot/${name}.js is not there.`));
    };
    document.head.append(script);
  });
  return loads[name];
}

/* The bytes of what boot.py has packed; an ArrayBuffer. */
async function unpack([text, size]) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream()
    .pipeThrough(new DecompressionStream('gzip'));
  const whole = new Uint8Array(size);
  whole.set(new Uint8Array(await new Response(stream).arrayBuffer()));
  return whole.buffer;
}

function checkBrowser() {
  if (!window.WebAssembly || !window.DecompressionStream)
    throw Error('This browser is too old: it lacks WebAssembly or ' +
                'DecompressionStream.');
}

/* ---- The machine --------------------------------------------------------- */

/* A PC with the kernel of CHAPTER.  print() gets what comes out of its serial
   port, a string; ended() is called once with a sentence and, if the kernel
   has switched the machine off, its status. */
async function start(chapter, print, ended) {
  checkBrowser();
  await load('v86');
  await Promise.all([load('machine'), load('kernel-' + chapter)]);
  const {wasm, bios, vga} = boot.files.machine;
  const {disk, files} = boot.files['kernel-' + chapter];
  const code = await unpack(wasm);
  let over = false;
  const utf8 = new TextDecoder();

  /* Not at once: this may be called out of the emulator. */
  function end(sentence, status) {
    if (over)
      return;
    over = true;
    setTimeout(() => { emulator.destroy(); ended(sentence, status); }, 0);
  }

  /* The emulator's imports are where its ports can be watched. */
  async function instantiate(imports) {
    const {io_port_write8: out8, io_port_write16: out16} = imports.env;
    imports.env.io_port_write8 = (port, value) => {
      if (port === DEBUG_EXIT)
        end('The kernel has switched the machine off', value - 1 & 0xff);
      else
        out8(port, value);
    };
    imports.env.io_port_write16 = (port, value) => {
      if (port === ACPI_CONTROL)
        end('The kernel has switched the machine off', 0);
      else
        out16(port, value);
    };
    const {instance} = await WebAssembly.instantiate(code, imports);
    return {...instance.exports, main_loop: guarded(instance.exports.main_loop)};
  }

  /* What the emulator cannot do throws out of its loop. */
  function guarded(loop) {
    return () => {
      try {
        return over ? IDLE : loop();
      } catch (error) {
        end('The emulator has given up, as it does at a double fault. QEMU does not');
        return IDLE;
      }
    };
  }

  const emulator = new V86({
    wasm_fn: instantiate, memory_size: MEMORY, acpi: true, fastboot: true,
    bios: {buffer: await unpack(bios)}, vga_bios: {buffer: await unpack(vga)},
    hda: {buffer: await unpack(disk)},
    ...(files ? {hdb: {buffer: await unpack(files)}} : {}),
    screen_dummy: true, disable_keyboard: true, disable_mouse: true,
    disable_speaker: true, autostart: true});

  emulator.add_listener('serial0-output-byte', byte => {
    if (!over)
      print(utf8.decode(Uint8Array.of(byte), {stream: true}));
  });
  emulator.add_listener('cpu-event-halt',
    () => end('The kernel has halted the processor for good'));
  return {
    send(text) { emulator.serial0_send(text); },
    stop() { end('The machine was switched off'); },
  };
}

/* ---- The screen ---------------------------------------------------------- */

/* What a terminal shows that knows line feed, carriage return, backspace and
   nothing else. */
function makeScreen() {
  let lines = [''], column = 0;

  function put(c) {
    const last = lines.length - 1;
    if (c === '\n') {
      lines[last] = lines[last].trimEnd();
      lines.push('');
      column = 0;
      if (lines.length > LINES)
        lines = lines.slice(-LINES);
    } else if (c === '\r') {
      column = 0;
    } else if (c === '\b') {
      column = Math.max(0, column - 1);
    } else if (c >= ' ') {
      lines[last] = lines[last].slice(0, column) + c +
        lines[last].slice(column + 1);
      column++;
    }
  }

  return {
    put(text) { for (const c of text) put(c); },
    /* Spaces behind the cursor are letters that were rubbed out. */
    text() {
      const last = lines[lines.length - 1];
      const rest = last.slice(column).trim() ? last : last.slice(0, column);
      return lines.slice(0, -1).concat(rest).join('\n');
    },
  };
}

/* ---- One section --------------------------------------------------------- */

const PROMPT = /^weft[>$] /;

/* The woven transcript of a chapter on a machine: its text, or null. */
function transcript(chapter, machine) {
  const found = [...document.querySelectorAll('.transcript')].find(
    e => e.id.includes(`transcript/${chapter}.${machine}`));
  const code = found && found.querySelector('pre');
  return code && code.cloneNode(true);
}

/* What the transcript types, line by line. */
function typedIn(pre) {
  return pre ? pre.textContent.split('\n').filter(line => PROMPT.test(line))
    .map(line => line.replace(PROMPT, '')) : [];
}

function buildSection(place) {
  const chapter = place.dataset.chapter;
  const about = KERNELS[chapter] || {state: 'none', keys: ''};
  const number = String(Number(chapter));
  let machine = null, screen = null, shown = '', commands = [], timer = null;

  const button = make('button', {type: 'button'}, 'Start the kernel');
  const status = make('p', {role: 'status'});
  const terminal = make('textarea', {rows: 24, readonly: '', hidden: '',
    'aria-label': `Terminal of the kernel of chapter ${number}`,
    'aria-describedby': `boot-keys-${chapter}`,
    spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off',
    autocorrect: 'off'});
  const said = make('div', {class: 'boot-said', role: 'log',
                            'aria-label': 'What the kernel prints'});
  const keys = make('p', {class: 'boot-keys', id: `boot-keys-${chapter}`,
                          hidden: ''});
  const next = make('button', {type: 'button', hidden: ''});
  const controls = make('p', {class: 'boot-controls'}, button, ' ', next);

  /* ---- Keys ---- */

  const CONTROL = {
    C: ['\x03', 'ends the program'], D: ['\x04', 'ends the input'],
    P: ['\x10', 'lists the processes'], U: ['\x15', 'rubs out the line'],
  };

  function buildKeys() {
    const names = [...about.keys].filter(key => key in CONTROL);
    keys.append('Tab leaves the terminal.');
    for (const key of names) {
      const press = make('button', {type: 'button'}, 'Ctrl-' + key);
      press.addEventListener('click', () => send(CONTROL[key][0]));
      keys.append(' ', press, ` ${CONTROL[key][1]}.`);
    }
  }

  function send(text) {
    if (machine)
      machine.send(text);
  }

  /* Keys that are no text.  Control-C copies if something is selected; what
     the kernel does not know stays with the browser. */
  function keyDown(event) {
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const arrow = {ArrowUp: '\x1b[A', ArrowDown: '\x1b[B'}[key];
    const selected = terminal.selectionStart !== terminal.selectionEnd;
    let text = null;

    if (!machine || event.altKey || event.metaKey || event.isComposing)
      return;
    if (event.ctrlKey && !event.shiftKey && about.keys.includes(key) &&
        key in CONTROL && !(key === 'C' && selected))
      text = CONTROL[key][0];
    else if (!event.ctrlKey && !event.shiftKey && arrow &&
             about.keys.includes('A'))
      text = arrow;
    if (text) {
      event.preventDefault();
      send(text);
    }
  }

  /* Text, however it is typed or pasted: the kernel gets it, and the terminal
     shows what the kernel makes of it. */
  const EDITS = {
    insertLineBreak: '\r', insertParagraph: '\r',
    deleteContentBackward: '\x7f',
    deleteWordBackward: '\x15', deleteSoftLineBackward: '\x15',
  };

  function beforeInput(event) {
    const text = event.inputType in EDITS ? EDITS[event.inputType] :
      event.inputType.startsWith('insert') && event.data;

    if (event.inputType === 'insertCompositionText')
      return;
    event.preventDefault();
    if (text)
      send(text.replace(/\r?\n/g, '\r'));
  }

  terminal.addEventListener('keydown', keyDown);
  terminal.addEventListener('beforeinput', beforeInput);
  terminal.addEventListener('compositionend', event => {
    send(event.data);
    show();
  });

  /* ---- Output ---- */

  function print(text) {
    screen.put(text);
    timer = timer || setTimeout(show, 30);
  }

  function show() {
    const text = screen.text();
    const {selectionStart: from, selectionEnd: to} = terminal;
    const following = terminal.scrollTop + terminal.clientHeight >
      terminal.scrollHeight - 40;

    timer = null;
    terminal.value = text;
    if (from === to)
      terminal.setSelectionRange(text.length, text.length);
    else
      terminal.setSelectionRange(from, to);
    if (following)
      terminal.scrollTop = terminal.scrollHeight;
    say(text);
    offerNext(text);
  }

  /* Whole lines that are new, for those who do not see the terminal. */
  function say(text) {
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.startsWith(shown))
      for (const line of whole.slice(shown.length).split('\n').slice(0, -1))
        said.append(make('div', {}, line));
    while (said.childElementCount > SAID)
      said.firstChild.remove();
    shown = whole;
  }

  /* At a prompt: what the transcript types next. */
  function offerNext(text) {
    const last = text.slice(text.lastIndexOf('\n') + 1);
    next.hidden = !(machine && commands.length && PROMPT.test(last) &&
                    last.replace(PROMPT, '') === '');
    if (!next.hidden)
      next.replaceChildren('Type ', make('code', {}, commands[0]));
  }

  next.addEventListener('click', () => {
    send(commands.shift() + '\r');
    terminal.focus();
  });

  /* ---- On and off ---- */

  function ended(sentence, code) {
    if (timer)
      clearTimeout(timer);
    show();
    machine = null;
    terminal.readOnly = true;
    next.hidden = true;
    button.textContent = 'Start it again';
    status.textContent = sentence + (
      code === undefined ? '.' :
      code === PANIC ? `, after a panic: its status is ${code}.` :
      `: its status is ${code}.`);
  }

  async function begin() {
    button.setAttribute('aria-disabled', 'true');
    status.textContent = 'The machine is being loaded …';
    screen = makeScreen();
    shown = terminal.value = '';
    said.replaceChildren();
    commands = typedIn(transcript(chapter, 'i386'));
    try {
      machine = await start(chapter, print, ended);
      status.textContent = 'The machine is running.';
      button.textContent = 'Switch it off';
      terminal.readOnly = terminal.hidden = keys.hidden = false;
      terminal.focus();
    } catch (error) {
      status.textContent = error.message;
    }
    button.removeAttribute('aria-disabled');
  }

  button.addEventListener('click', () => {
    if (button.hasAttribute('aria-disabled'))
      return;
    if (machine)
      machine.stop();
    else
      begin();
  });

  /* ---- What is there ---- */

  const other = transcript(chapter, 'riscv');
  const left = make('div', {class: 'riscv'},
    make('div', {class: 'label'}, 'riscv: the transcript'));
  const right = make('div', {class: 'i386'},
    make('div', {class: 'label'}, 'i386: this page'), controls, status,
    terminal, said, keys);

  if (other) {
    other.setAttribute('tabindex', '0');
    other.setAttribute('role', 'group');
    other.setAttribute('aria-label', `Transcript of chapter ${number}, riscv`);
    left.append(make('div', {class: 'transcript'}, other));
  }
  if (about.state === 'there') {
    buildKeys();
    place.classList.add('boot-here');
    place.replaceChildren(make('div', {class: 'pair'}, left, right));
  } else {
    place.replaceChildren(make('p', {},
      about.state === 'old'
        ? 'The kernel that was made for this page is of an older text of ' +
          'the book: '
        : 'This page was made without its kernel: ',
      make('code', {}, 'make boot'),
      about.state === 'old' ? ' makes a new one, and ' : ' makes it, and ',
      make('code', {}, `make qemu MACHINE=i386 CHAPTER=${chapter}`),
      ' starts it in QEMU.'));
  }
}

function buildAll() {
  document.head.append(make('link', {rel: 'stylesheet', href: 'boot.css'}));
  for (const place of document.querySelectorAll('.boot'))
    buildSection(place);
}

if (document.readyState === 'loading')
  document.addEventListener('DOMContentLoaded', buildAll);
else
  buildAll();

}());
