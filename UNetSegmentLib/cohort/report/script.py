"""The page's own script: rows are made as one scrolls, so that ten thousand cases open as fast as ten.

``DATA`` is ``{labels: [[name, unit]], rows: [row]}``, a row ``[name, kind, picture, quality, lowest Dice, seconds,
[[label, size, dice]], cause, cure, [warning]]``. Texts become text nodes: nothing in them is taken for HTML.
"""

SCRIPT = r"""
(function () {
  const data = JSON.parse(document.getElementById('data').textContent);
  const body = document.querySelector('#cases tbody'), end = document.getElementById('end');
  const search = document.getElementById('filter'), chips = [...document.querySelectorAll('[data-kind]')];
  const sorter = document.getElementById('sort'), heads = [...document.querySelectorAll('th[data-key]')];
  const STEP = 60;
  let kind = '', key = '', down = false, shown = [], made = 0;

  const words = row => [row[0], row[1], row[7], row[8], ...row[9], ...row[6].map(s => data.labels[s[0]][0])]
    .join(' ').toLowerCase();
  const value = row => {
    if (key.startsWith('size-')) {
      const found = row[6].find(s => s[0] === +key.slice(5));
      return found ? found[1] : null;
    }
    return { name: row[0], kind: row[1], quality: row[3], dice: row[4], seconds: row[5] || null }[key];
  };
  const compare = (a, b) => {
    const x = value(a), y = value(b);
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === 'number' ? x - y : x.localeCompare(y, undefined, { numeric: true });
    return down ? -order : order;
  };
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  // What was found is never 0.00, however small.
  const number = x => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 0.1 || !x ? x.toFixed(2)
    : String(+x.toPrecision(2));

  function cells(row) {
    const line = make('tr'), picture = make('td', 'picture'), who = make('td', 'who');
    if (row[2]) {
      const link = make('a'), image = make('img');
      link.href = image.src = row[2];
      image.loading = 'lazy';
      image.alt = 'Preview of ' + row[0];
      link.append(image);
      picture.append(link);
    }
    who.append(make('div', 'name', row[0]), make('span', 'state ' + row[1].replace(' ', '-'), row[1]));
    const numbers = make('td', 'numbers');
    if (row[3] !== null) numbers.append(make('div', '', 'quality ' + row[3].toFixed(3)));
    if (row[5]) numbers.append(make('div', 'soft', row[5].toFixed(row[5] < 10 ? 1 : 0) + ' s'));
    const sizes = make('td', 'sizes');
    for (const [label, size, dice] of row[6].slice(0, 12)) {
      const part = make('div'), [name, unit] = data.labels[label];
      part.append(make('span', '', name + ' '), make('b', '', number(size)), make('span', 'soft', '\u00a0' + unit));
      if (dice !== null) part.append(make('span', dice < 0.7 ? 'bad' : 'soft', ', Dice ' + dice.toFixed(3)));
      sizes.append(part);
    }
    if (row[6].length > 12) sizes.append(make('div', 'soft', 'and ' + (row[6].length - 12) + ' more'));
    const notes = make('td', 'notes');
    if (row[7]) notes.append(make('b', '', row[7]), make('div', '', row[8]));
    row[9].forEach(text => notes.append(make('div', 'soft', text)));
    // A failure has nothing but its words.
    const empty = !numbers.hasChildNodes() && !sizes.hasChildNodes();
    if (empty) notes.colSpan = 3;
    line.append(picture, who, ...(empty ? [] : [numbers, sizes]), notes);
    return line;
  }
  function more(count) {
    const part = document.createDocumentFragment();
    for (const stop = Math.min(made + count, shown.length); made < stop; made++) part.append(cells(shown[made]));
    body.append(part);
    end.textContent = made < shown.length ? (shown.length - made) + ' more ...' : shown.length + ' shown';
  }
  function renew() {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = data.rows.filter(row => {
      if (kind && row[1] !== kind) return false;
      if (!asked.length) return true;
      const text = words(row);
      return asked.every(word => text.includes(word));
    });
    if (key) shown.sort(compare);
    body.replaceChildren();
    made = 0;
    more(STEP);
  }
  function sort(by) {
    down = by === key ? !down : false;
    key = by;
    for (const head of heads) {
      if (head.dataset.key === key) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
    renew();
  }
  heads.forEach(head => {
    head.tabIndex = 0;
    head.addEventListener('click', () => { sorter.value = head.dataset.key; sort(head.dataset.key); });
    head.addEventListener('keydown', event => { if (event.key === 'Enter') head.click(); });
  });
  sorter.addEventListener('change', () => { key = ''; sort(sorter.value); });
  search.addEventListener('input', renew);
  chips.forEach(chip => chip.addEventListener('click', () => {
    kind = chip.dataset.kind;
    chips.forEach(other => other.setAttribute('aria-pressed', other === chip));
    renew();
  }));
  new IntersectionObserver(found => { if (found[0].isIntersecting && made < shown.length) more(STEP); },
    { rootMargin: '1200px' }).observe(end);
  addEventListener('beforeprint', () => more(shown.length));
  document.getElementById('cases').classList.toggle('pictureless', !data.rows.some(row => row[2]));
  renew();
})();
"""
