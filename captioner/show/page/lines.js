// The page of translations: pairs of lines whose words show where they looked, filter, order, all weights as a table.
const lines = [], failures = [];
for (const block of document.querySelectorAll('script.item')) {
  const item = JSON.parse(block.textContent);
  if (item.error) failures.push(item);
  else lines.push(item);
}

const share = (w) => w / 1e4;
const mean = (line) => Math.exp(line.target.reduce((sum, t) => sum + Math.log(Math.max(t.p, 1e-9)), 0) / Math.max(1, line.target.length));

// ---- a pair of lines ----

// Colours each button by its weight, the largest the strongest; nothing for null.
function colourAll(buttons, weights) {
  const most = weights ? Math.max(...weights, 1) : 1;
  buttons.forEach((b, i) => {
    const w = weights ? weights[i] / most : 0;
    b.style.setProperty('--look', Math.round(45 * w) + '%');
    b.classList.toggle('best', w === 1);
  });
}

function rowOfWords(words, name, label, show) {
  const buttons = words.map((w, i) => make('button', { class: 'token', type: 'button', tabindex: i ? '-1' : '0', 'aria-pressed': 'false',
    'aria-label': label(i) }, w || '\u00a0'));
  let fixed = -1;
  const fix = (i) => {
    fixed = fixed === i ? -1 : i;
    buttons.forEach((b, k) => b.setAttribute('aria-pressed', String(k === fixed)));
    show(fixed);
  };
  buttons.forEach((b, i) => {
    b.addEventListener('pointerenter', (e) => { if (e.pointerType === 'mouse') show(i); });
    b.addEventListener('pointerleave', (e) => { if (e.pointerType === 'mouse') show(fixed); });
    b.addEventListener('focus', () => { if (b.matches(':focus-visible')) show(i); });
    b.addEventListener('blur', () => show(fixed));
    b.addEventListener('click', () => fix(i));
  });
  const row = make('p', { class: 'tokens', role: 'group', 'aria-label': name });
  buttons.forEach((b, i) => row.append(...(i ? [' ', b] : [b])));
  row.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && fixed >= 0) fix(fixed);
    moveAmong(buttons, e);
  });
  return [row, buttons];
}

const indexOfMost = (weights) => weights.indexOf(Math.max(...weights));

function pair(line) {
  const column = (s) => line.weights.map((row) => row[s]);
  let source = [], target = [];
  const best = (t) => line.source[indexOfMost(line.weights[t])];
  const [sourceRow, sourceButtons] = rowOfWords(line.source, 'Source', (i) => line.source[i],
    (i) => colourAll(target, i < 0 ? null : column(i)));
  const [targetRow, targetButtons] = rowOfWords(line.target.map((t) => t.w), 'Translation',
    (i) => line.target[i].w + ', probability ' + percent(line.target[i].p) + ', looked at: ' + best(i),
    (i) => colourAll(source, i < 0 ? null : line.weights[i]));
  source = sourceButtons;
  target = targetButtons;
  source.forEach((b, i) => b.classList.toggle('ending', Boolean(line.end && line.end.includes(i))));
  const all = make('details', {}, make('summary', {}, 'All weights'));
  all.addEventListener('toggle', () => { if (all.open && !all.querySelector('table')) all.append(table(line)); });
  return make('article', { class: 'pair', 'aria-label': 'Line ' + line.number }, make('span', { class: 'number', 'aria-hidden': 'true' }, String(line.number)),
    make('div', {}, sourceRow, targetRow, all),
    make('span', { class: 'sure', title: 'mean probability of a word' }, make('i', { '--sure': mean(line), 'aria-hidden': 'true' }), percent(mean(line))));
}

function table(line) {
  const head = make('tr', {}, make('td'), ...line.source.map((s) => make('th', { scope: 'col' }, s)));
  const rows = line.target.map((t, i) => make('tr', {}, make('th', { scope: 'row' }, t.w),
    ...line.weights[i].map((w) => make('td', { '--look': Math.round(45 * share(w)) + '%' }, w ? String(Math.round(w / 100)) : ''))));
  return make('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'Weights in per cent' },
    make('table', {}, make('caption', {}, 'Per cent of its look that each word of the translation (rows) spent on each word of the source.'), head, ...rows));
}

// ---- filter and order ----

const orders = {
  given: (a, b) => a.number - b.number,
  surest: (a, b) => mean(b) - mean(a) || a.number - b.number,
  unsurest: (a, b) => mean(a) - mean(b) || a.number - b.number,
  longest: (a, b) => b.target.length - a.target.length || a.number - b.number,
};

function refresh() {
  const wish = byId('filter').value.trim().toLowerCase();
  const shown = lines.filter((l) => (l.source.join(' ') + '\n' + l.text).toLowerCase().includes(wish)).sort(orders[byId('sort').value]);
  byId('lines').replaceChildren(...shown.map((l) => l.card || (l.card = pair(l))));
  byId('count').textContent = wish ? shown.length + ' of ' + lines.length + ' lines' : '';
}

document.title = byId('title').textContent = lines.length === 1 ? '1 line, translated' : lines.length + ' lines, translated';
startPage(failures);
byId('filter').addEventListener('input', refresh);
byId('sort').addEventListener('change', refresh);
refresh();
