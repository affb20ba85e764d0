/* What the pages of the book can do when scripts run: links that shrink.py has
   left out, permanent links, chunks that unfold where they are used, search.
   Texts of chunks and of the book come from chunks.js and search.js, which are
   loaded as scripts when they are first needed; that works from a disk too. */
'use strict';

const weft = (() => {
  const here = document.currentScript.src.replace(/[^/]*$/, '');
  const file = location.pathname.replace(/.*\//, '');

  function element(tag, attributes, ...content) {
    const made = document.createElement(tag);
    for (const name in attributes) made.setAttribute(name, attributes[name]);
    made.append(...content);
    return made;
  }

  // ---- Data that comes as a script --------------------------------------

  const data = {};              // name: {value, waiting}

  // Calls USE with what NAME.js holds, or with nothing if there is none.
  function need(name, use) {
    if (!data[name]) {
      data[name] = {waiting: []};
      const script = element('script', {src: here + name + '.js'});
      script.onerror = () => got(name, null);
      document.head.append(script);
    }
    if ('value' in data[name]) use(data[name].value);
    else data[name].waiting.push(use);
  }

  function got(name, value) {
    const entry = data[name] ||= {waiting: []};
    entry.value = value;
    for (const use of entry.waiting.splice(0)) use(value);
  }

  // ---- Links that shrink.py has left out --------------------------------

  function slug(name) {
    return name.replace(/[^\p{L}\p{N}_./]+/gu, '-').replace(/^-+|-+$/g, '');
  }

  // The piece before or after one on the same page.
  function neighbour(id, step) {
    const [, chunk, number] = /^(.*?)(?::(\d+))?$/.exec(id);
    const other = (+number || 1) + step;
    return '#' + chunk + (other > 1 ? ':' + other : '');
  }

  function restoreNotes() {
    for (const piece of document.querySelectorAll('.piece')) {
      const head = piece.firstElementChild;
      if (head.textContent.endsWith('+≡'))
        head.append(' ', element('small', {}, 'Continues from ',
                                 element('a', {}, 'above'), '.'));
      const next = document.getElementById(neighbour(piece.id, 1).slice(1));
      if (next?.firstElementChild.textContent.includes('+≡') &&
          !/Continued [^.]*\bbelow\b/.test(piece.lastElementChild.textContent)) {
        const foot = piece.querySelector('pre + p') ??
                     piece.appendChild(element('p', {}));
        foot.prepend('Continued ', element('a', {}, 'below'), '. ');
      }
      const names = [...piece.querySelectorAll('dfn')].map(n => n.textContent);
      const foot = piece.querySelector('pre + p');
      if (!names.length || foot?.textContent.includes('Defines ')) continue;
      const list = element('code', {});
      for (const name of names) {
        if (name !== names[0]) list.append(', ');
        list.append(element('a', {}, name));
      }
      (foot ?? piece.appendChild(element('p', {})))
        .append(foot ? ' Defines ' : 'Defines ', list, '.');
    }
  }

  function restoreLinks() {
    const last = new Map();
    const left = 'pre a, code a, .piece > p a, pre + p a, td > a';
    for (const a of document.querySelectorAll(left)) {
      if (a.className) continue;
      const text = a.textContent;
      if (a.hasAttribute('href')) last.set(text, a.getAttribute('href'));
      else if (a.parentNode.matches('.piece > p > code'))
        a.href = 'identifiers.html#id:' + slug(text);
      else if (text === 'above' || text === 'below')
        a.setAttribute('href', neighbour(a.closest('.piece').id,
                                         text === 'below' ? 1 : -1));
      else if (a.matches('td > a'))
        a.href = 'files/' + text.replaceAll('/', '-') + '.html';
      else if (last.has(text)) a.setAttribute('href', last.get(text));
    }
  }

  const KEYWORDS = new RegExp('\\b(?:auto|break|case|char|const|continue|' +
    'default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|' +
    'register|restrict|return|short|signed|sizeof|static|struct|switch|' +
    'typedef|union|unsigned|void|volatile|while|_Bool|_Noreturn|' +
    '_Static_assert|__attribute__|__asm__|asm|bool)\\b', 'g');

  // In C; assembler has its own words in <b>.
  function colourKeywords(pre) {
    if (pre.querySelector('b')) return;
    for (const node of [...pre.childNodes]) {
      if (node.nodeType !== Node.TEXT_NODE) continue;
      const text = node.data, parts = [];
      let end = 0;
      for (const found of text.matchAll(KEYWORDS)) {
        parts.push(text.slice(end, found.index), element('b', {}, found[0]));
        end = found.index + found[0].length;
      }
      if (end) node.replaceWith(...parts, text.slice(end));
    }
  }

  // ---- Permanent links --------------------------------------------------

  function permalink(id, what) {
    return element('a', {class: 'permalink', href: '#' + id,
                         'aria-label': 'Link to ' + what}, '#');
  }

  function addPermalinks() {
    const headings = 'h1[id], h2[id], h3[id], section[id] > h2:first-child';
    for (const heading of document.querySelectorAll(headings))
      heading.append(' ', permalink(heading.id || heading.parentNode.id,
                                    'this section'));
    for (const piece of document.querySelectorAll('.piece[id]'))
      piece.firstElementChild.append(' ', permalink(piece.id, 'this chunk'));
    for (const caption of document.querySelectorAll('figcaption, caption')) {
      const id = caption.closest('[id]').id;
      if (/^(fig|tbl):/.test(id))
        caption.append(' ', permalink(id, caption.matches('caption') ?
                                      'this table' : 'this figure'));
    }
    for (const exercise of document.querySelectorAll('.exercise[id] > .label'))
      exercise.append(' ', permalink(exercise.parentNode.id, 'this exercise'));
    for (const name of document.querySelectorAll('dfn[id]')) {
      const link = element('a', {href: '#' + name.id,
                                 title: 'Link to this definition'});
      link.append(...name.childNodes);
      name.append(link);
    }
  }

  // ---- Unfolding --------------------------------------------------------

  // The pieces of a chunk that a reader of CHAPTER has, or the first to come.
  function pieces(all, chapter) {
    const alive = all.filter(([, , until]) => !until || until > chapter);
    const earlier = alive.filter(([, number]) => number <= chapter);
    return earlier.length ? earlier : (alive.length ? alive : all).slice(0, 1);
  }

  function chapterOf(place) {
    const section = place.closest('[data-chapter]');
    return section ? +section.dataset.chapter : parseInt(file, 10) || 99;
  }

  function unfolded(use, chunks) {
    const anchor = use.getAttribute('href').replace(/.*#/, '');
    const chunk = anchor.replace(/:until-\d+|:\d+$/g, '');
    const all = chunks && chunks[chunk];
    const text = use.previousSibling ? use.previousSibling.previousSibling : null;
    const before = text && text.nodeType === Node.TEXT_NODE ? text.data : '';
    const indent = /[ \t]*$/.exec(before)[0];
    const box = element('span', {class: 'unfolded'});
    if (!all) {
      box.append(indent + '(The text of this chunk is not here.)');
      return box;
    }
    const shown = pieces(all, chapterOf(use));
    for (const [href, number, , code] of shown) {
      const part = element('span', {});
      part.innerHTML = code.replace(/^(?=.)/gm, indent);
      for (const name of part.querySelectorAll('dfn')) name.removeAttribute('id');
      if (document.querySelector('body.whole'))
        for (const a of part.querySelectorAll('a[href]'))
          a.setAttribute('href', a.getAttribute('href').replace(/^\d[^#]*(?=#)/, ''));
      const where = element('a', {class: 'where', href: href},
                            'chapter ' + number);
      box.append(indent, where, '\n', part, '\n');
      addButtons(part);
    }
    const rest = all.length - shown.length;
    if (rest)
      box.append(indent, element('span', {class: 'where'}, rest === 1 ?
        'another piece belongs to other chapters' :
        rest + ' other pieces belong to other chapters'), '\n');
    box.lastChild.remove();
    return box;
  }

  function fold(button) {
    const use = button.nextSibling, box = use.nextSibling;
    box.remove();
    if (use.nextSibling && use.nextSibling.nodeType === Node.TEXT_NODE)
      use.nextSibling.data = '\n' + use.nextSibling.data;
    button.setAttribute('aria-expanded', 'false');
  }

  function unfold(button) {
    const use = button.nextSibling;
    button.setAttribute('aria-expanded', 'true');
    need('chunks', chunks => {
      if (use.nextSibling && use.nextSibling.nodeType === Node.TEXT_NODE)
        use.nextSibling.data = use.nextSibling.data.replace(/^\n/, '');
      use.after(unfolded(use, chunks));
    });
  }

  function addButtons(place) {
    for (const use of place.querySelectorAll('a.use')) {
      const button = element('button', {class: 'unfold', type: 'button',
        'aria-expanded': 'false', 'aria-label': 'Unfold ' + use.textContent});
      button.onclick = () =>
        button.getAttribute('aria-expanded') === 'true' ?
          fold(button) : unfold(button);
      use.before(button);
    }
  }

  // ---- Search -----------------------------------------------------------

  const SHOWN = 60;

  // What is looked for: words, or what stands between quotation marks.
  function terms(query) {
    return [...query.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)]
      .map(found => found[1] || found[2]);
  }

  function score(entry, words) {
    let sum = 0;
    for (const word of words) {
      const inTitle = entry.title.includes(word);
      const first = entry.text.indexOf(word);
      if (!inTitle && first < 0) return 0;
      if (entry.title === word) sum += 100;
      if (inTitle) sum += 20;
      let at = first;
      for (let n = 0; at >= 0 && n < 8; n++) {
        const whole = !/\w/.test(entry.text[at - 1] || ' ') &&
          !/\w/.test(entry.text[at + word.length] || ' ');
        sum += whole ? 3 : 1;
        at = entry.text.indexOf(word, at + 1);
      }
    }
    return sum + [6, 0, 0][entry.kind];
  }

  let entries = null;

  function prepare(pages) {
    entries = [];
    for (const [file, label, title, parts] of pages || [])
      for (const [anchor, heading, text, kind] of parts)
        entries.push({href: here + file + '#' + anchor, kind: kind,
          chapter: (label && label + ' ') + title, shown: heading, full: text,
          title: heading.toLowerCase(), text: text.toLowerCase()});
  }

  function find(query) {
    const words = terms(query);
    if (!words.length) return [];
    return entries.map(entry => [score(entry, words), entry])
      .filter(([points]) => points)
      .sort((a, b) => b[0] - a[0]).map(([, entry]) => entry);
  }

  // TEXT with the words that were found marked.
  function marked(text, words) {
    const out = element('span', {}), lower = text.toLowerCase();
    let at = 0;
    while (at < text.length) {
      let first = -1, length = 0;
      for (const word of words) {
        const place = lower.indexOf(word, at);
        if (place >= 0 && (first < 0 || place < first)) {
          first = place;
          length = word.length;
        }
      }
      if (first < 0) break;
      out.append(text.slice(at, first),
                 element('mark', {}, text.slice(first, first + length)));
      at = first + length;
    }
    out.append(text.slice(at));
    return out;
  }

  function excerpt(entry, words) {
    const places = words.map(word => entry.text.indexOf(word))
      .filter(place => place >= 0);
    let start = Math.max(0, Math.min(...places, entry.full.length) - 60);
    if (!places.length) start = 0;
    while (start > 0 && entry.full[start - 1] !== ' ') start--;
    const end = start + 190;
    return (start ? '… ' : '') + entry.full.slice(start, end) +
      (end < entry.full.length ? ' …' : '');
  }

  const KINDS = ['', 'chunk', 'definition'];

  function result(entry, words) {
    const link = element('a', {href: entry.href},
      element('b', {}, marked(entry.shown, words)), ' ',
      element('small', {}, (KINDS[entry.kind] && KINDS[entry.kind] + ' in ') +
              entry.chapter));
    if (entry.full) {
      const text = element(entry.kind ? 'code' : 'span', {class: 'excerpt'},
                           marked(excerpt(entry, words), words));
      link.append(text);
    }
    return element('li', {}, link);
  }

  function makeSearch() {
    const side = document.querySelector('.side') ||
      document.querySelector('body > nav');
    if (!side || !window.HTMLDialogElement) return;
    const open = element('button', {class: 'search', type: 'button'},
                         'Search ', element('kbd', {}, '/'));
    const input = element('input', {type: 'search', id: 'search-for',
      autocomplete: 'off', spellcheck: 'false', placeholder:
      'words, or a name of the code'});
    const status = element('p', {role: 'status'});
    const list = element('ol', {});
    const close = element('button', {type: 'button'}, 'Close');
    const dialog = element('dialog', {class: 'search', 'aria-label': 'Search'},
      element('label', {for: 'search-for'}, 'Search the book'), input, close,
      status, list);

    function update() {
      const words = terms(input.value);
      if (!entries) {
        status.textContent = 'The index is being loaded.';
        return;
      }
      const found = find(input.value);
      list.replaceChildren(...found.slice(0, SHOWN)
                           .map(entry => result(entry, words)));
      status.textContent = !words.length ? '' : !entries.length ?
        'There is no index: search.js is missing.' :
        found.length > SHOWN ? `${found.length} places, the first ${SHOWN}:` :
        found.length === 1 ? '1 place' : `${found.length} places`;
    }

    function show() {
      need('search', pages => {
        if (!entries) prepare(pages);
        update();
      });
      dialog.showModal();
      input.select();
    }

    // Up and down lead through the box and the results.
    function move(event) {
      const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
      if (event.key === 'Enter' && event.target === input) {
        const first = list.querySelector('a');
        if (first) first.click();
      } else if (step) {
        const places = [input, ...list.querySelectorAll('a')];
        const next = places[places.indexOf(document.activeElement) + step];
        if (next) next.focus();
        event.preventDefault();
      }
    }

    open.onclick = show;
    close.onclick = () => dialog.close();
    input.oninput = update;
    dialog.onkeydown = move;
    list.onclick = event => event.target.closest('a') && dialog.close();
    document.addEventListener('keydown', event => {
      if (event.key === '/' && !event.ctrlKey && !event.metaKey &&
          !event.altKey && !dialog.open &&
          !event.target.closest('input, textarea, select, [contenteditable]')) {
        event.preventDefault();
        show();
      }
    });
    side.prepend(open);
    document.body.append(dialog);
  }

  // ---- Code that is wider than its place ---------------------------------

  // It is scrolled by the arrows once it has the focus.
  function letScroll() {
    const wide = [...document.querySelectorAll('pre')]  // all before a change
      .map(pre => [pre, pre.scrollWidth > pre.clientWidth]);
    for (const [pre, scrolls] of wide)
      if (scrolls) pre.tabIndex = 0;
      else pre.removeAttribute('tabindex');
  }

  // ---- All of it --------------------------------------------------------

  restoreNotes();
  restoreLinks();
  for (const pre of document.querySelectorAll('.piece:not(.transcript) > pre, .tangled pre'))
    colourKeywords(pre);
  addPermalinks();
  for (const pre of document.querySelectorAll('.piece > pre')) addButtons(pre);
  makeSearch();
  letScroll();
  addEventListener('resize', letScroll);
  return {got};
})();
