// What all pages share. Every text from outside is put in as text, never as markup.
const about = JSON.parse(document.getElementById('about').textContent);
const byId = (id) => document.getElementById(id);
const percent = (x) => (x > 0 && x < 0.005 ? '<1' : Math.round(100 * x)) + '\u00a0%';
const finer = (x) => (100 * x).toFixed(x < 0.0995 ? 1 : 0) + '\u00a0%';

function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('--')) e.style.setProperty(name, value);
    else if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

// Arrows, Home and End among buttons that are one stop of the Tab key together.
function moveAmong(buttons, event) {
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined || !buttons[to]) return;
  buttons[at].tabIndex = -1;
  buttons[to].tabIndex = 0;
  buttons[to].focus();
  event.preventDefault();
}

// The foot of the page, what could not be shown, colours, and '/' for the filter.
function startPage(failures) {
  byId('made').textContent = 'Made by ' + about.program + ' with ' + about.model + '. Everything is in this file; nothing is loaded from elsewhere.';
  byId('failed').hidden = !failures.length;
  byId('failures').append(...failures.map((f) => make('li', {}, make('bdi', {}, f.path), ': ' + f.error)));
  byId('tools').addEventListener('submit', (e) => e.preventDefault());
  byId('theme').addEventListener('change', (e) => {
    if (e.target.value === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.dataset.theme = e.target.value;
  });
  document.addEventListener('keydown', (e) => {
    if (e.key === '/' && !/INPUT|SELECT/.test(document.activeElement.tagName) && !document.querySelector('dialog[open]')) {
      byId('filter').focus();
      e.preventDefault();
    }
  });
}
