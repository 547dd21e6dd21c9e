// The page of photos: cards from the data in the page, words that show where they looked, filter, order, one photo large.
// Each photo is two blocks: what is said of it, and behind it its pixels, which are read when they are looked at.
const photos = [], failures = [];
for (const block of document.querySelectorAll('script.item')) {
  const photo = JSON.parse(block.textContent);
  if (photo.error) {
    failures.push(photo);
  } else {
    photo.pixels = block.nextElementSibling;
    photo.number = photos.length;
    photos.push(photo);
  }
}

let overlay = 'heat';

// ---- a photo with what lies over it ----

function picture(photo, eager) {
  const best = photo.said[0];
  const image = make('img', { alt: best ? best.text : 'photo', width: photo.shown[0], height: photo.shown[1], decoding: 'async' });
  const p = make('span', { class: 'picture', '--ratio': photo.shown[0] / photo.shown[1] }, image, make('canvas', { 'aria-hidden': 'true' }));
  image.load = () => {
    if (!image.src) image.src = 'data:image/jpeg;base64,' + photo.pixels.textContent;
  };
  if (eager) image.load();
  return p;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    entry.target.querySelector('img').load();
    seen.unobserve(entry.target);
  }
}, { rootMargin: '800px' });

function frameBox(p, box, name) {
  const part = (v) => 100 * Math.min(Math.max(v, 0), 1) + '%';
  const b = make('span', { class: 'box' + (box[1] < 0.1 ? ' high' : '') + (box[0] > 0.6 ? ' right' : ''), 'aria-hidden': 'true' },
    make('b', {}, name));
  b.style.left = part(box[0]);
  b.style.top = part(box[1]);
  b.style.width = part(box[2] - box[0]);
  b.style.height = part(box[3] - box[1]);
  p.append(b);
}

function clearPicture(p) {
  for (const b of p.querySelectorAll('.box')) b.remove();
}

function showWord(p, photo, word) {
  const object = word.object === undefined ? null : photo.concepts[word.object];
  const canvas = p.querySelector('canvas');
  clearPicture(p);
  p.querySelector('img').load();
  canvas.hidden = object ? overlay === 'boxes' : !word.look;
  p.classList.toggle('paled', !canvas.hidden && overlay !== 'veil'); // colours of its own would be taken for heat
  if (!canvas.hidden) paintHeat(canvas, photo, word.look, overlay === 'boxes' ? 'heat' : overlay, about.ramp, overlay === 'veil' && object && object.box);
  if (object) frameBox(p, object.box, object.name + ' ' + percent(word.named[word.object] / 1e4));
}

// What a word looked at, in a few words: what is framed first, then most first.
function lookedAt(photo, word) {
  const parts = [], all = word.look ? word.look.reduce((a, b) => a + b, 0) : 0;
  if (all) parts.push([all / 1e4, 'the photo, ' + whereInWords(photo, word.look)]);
  (word.named || []).forEach((share, i) => {
    const c = photo.concepts[i];
    parts.push([share / 1e4, (i === word.object ? 'the box \u201c' : c.box ? 'the object \u201c' : 'the word \u201c') + c.name + '\u201d', i === word.object]);
  });
  return parts.filter(([share, , boxed]) => boxed || share >= 0.01).sort((a, b) => Boolean(b[2]) - Boolean(a[2]) || b[0] - a[0]);
}

function shortLook(photo, word) {
  if (word.object !== undefined) return 'the box: ' + photo.concepts[word.object].name;
  return whereInWords(photo, word.look);
}

// The right end of the scale: the largest share of its look that a region has, or what would count as a peak.
function peakOf(word) {
  return word.look ? Math.max(...word.look, 3 * word.look.reduce((a, b) => a + b, 0) / word.look.length) / 1e4 : 0;
}

// ---- a sentence whose words can be pointed at ----

// host gets the class "looking" while a word is shown; tell(word or null) says so.
function sentence(photo, said, host, p, tell) {
  const list = make('span', { class: 'said', role: 'group', 'aria-label': 'Words of the caption' });
  let fixed = null, shown = null;
  const show = (b) => {
    if (shown === b) return;
    shown = b;
    host.classList.toggle('looking', Boolean(b));
    if (b) showWord(p, photo, b.word);
    else clearPicture(p);
    tell(b ? b.word : null);
  };
  const fix = (b) => {
    if (fixed) fixed.setAttribute('aria-pressed', 'false');
    fixed = fixed === b ? null : b;
    if (fixed) fixed.setAttribute('aria-pressed', 'true');
    show(fixed);
  };
  const buttons = said.words.map((word, i) => {
    const where = shortLook(photo, word);
    const b = make('button', { class: 'word' + (word.small ? ' small' : ''), type: 'button', tabindex: i ? '-1' : '0', 'aria-pressed': 'false',
      '--sure': word.t === undefined ? word.p : word.t,
      'aria-label': word.w + ', probability ' + percent(word.p) + (where ? ', looked at: ' + where : '') }, word.w);
    b.word = word;
    b.addEventListener('pointerenter', (e) => { if (e.pointerType === 'mouse') show(b); });
    b.addEventListener('pointerleave', (e) => { if (e.pointerType === 'mouse') show(fixed); });
    b.addEventListener('focus', () => { if (b.matches(':focus-visible')) show(b); });
    b.addEventListener('blur', () => show(fixed));
    b.addEventListener('click', () => fix(b));
    return b;
  });
  list.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && (fixed || shown)) {
      fix(fixed);
      e.preventDefault();
      e.stopPropagation();
    }
    moveAmong(buttons, e);
  });
  buttons.forEach((b, i) => list.append(...(i ? [' ', b] : [b])));
  return list;
}

function sureness(value, label) {
  return make('span', { class: 'sure', title: label }, make('i', { '--sure': value, 'aria-hidden': 'true' }),
    make('span', { class: 'hidden' }, label + ' '), percent(value));
}

function scale(most) {
  return make('span', { class: 'scale' }, '0', make('i', { 'aria-hidden': 'true' }), most);
}

// ---- cards ----

function card(photo) {
  const said = photo.said[0];
  const p = picture(photo);
  const word = make('b'), where = make('span', { class: 'where' }), most = make('span');
  const host = make('article', { class: 'card' + (photo.unsure ? ' unsure' : ''), 'aria-label': photo.path });
  const frame = make('button', { class: 'frame', type: 'button', 'aria-label': 'Open ' + photo.path + ': ' + said.text }, p);
  frame.addEventListener('click', () => openLarge(photo));
  const tell = (w) => {
    if (!w) return;
    word.textContent = w.w + ' ' + percent(w.p);
    where.textContent = w.object === undefined ? shortLook(photo, w) : ''; // else the box has its name on it
    most.textContent = finer(peakOf(w));
  };
  host.append(frame, make('div', { class: 'text' },
    make('p', { class: 'card-said' }, sentence(photo, said, host, p, tell)),
    make('div', { class: 'foot' },
      make('div', { class: 'file' }, make('bdi', { class: 'name', title: photo.path }, nameOf(photo)),
        photo.unsure || photo.blank ? make('span', { class: 'badge' }, photo.blank || 'unsure') : null, sureness(photo.confidence, 'confidence')),
      make('div', { class: 'look', 'aria-hidden': 'true' }, word, where, scale(most)))));
  seen.observe(frame);
  photo.card = host;
  return host;
}

// ---- one photo, large ----

const large = byId('large');
let shownPhotos = photos;

function openLarge(photo) {
  const at = shownPhotos.indexOf(photo), move = (by) => {
    const next = shownPhotos[at + by];
    if (next) openLarge(next);
  };
  const p = picture(photo, true), reading = make('div', { class: 'reading', role: 'status' });
  const quiet = () => {
    reading.replaceChildren(make('span', {}, 'Point at a word to see where the model looked when it said it. The more its line is coloured, the surer the word.'));
  };
  const tell = (w) => {
    if (!w) return quiet();
    const trust = w.t === undefined ? '' : ', trust ' + percent(w.t);
    reading.replaceChildren(make('span', {}, make('b', {}, w.w), ' \u2013 probability ' + percent(w.p) + trust), scale(finer(peakOf(w))));
    for (const [share, what] of lookedAt(photo, w).slice(0, 3)) reading.append(make('span', {}, percent(share) + ' of its look at ' + what));
  };
  quiet();
  const [best, ...others] = photo.said;
  const previous = make('button', { type: 'button', 'aria-label': 'Previous photo', 'aria-keyshortcuts': 'PageUp', disabled: at <= 0 }, '\u2190');
  const next = make('button', { type: 'button', 'aria-label': 'Next photo', 'aria-keyshortcuts': 'PageDown', disabled: at < 0 || at + 1 >= shownPhotos.length }, '\u2192');
  const close = make('button', { type: 'button' }, 'Close');
  previous.addEventListener('click', () => move(-1));
  next.addEventListener('click', () => move(1));
  close.addEventListener('click', () => large.close());
  const line = (said) => sentence(photo, said, large, p, tell);
  const parts = [
    make('div', { class: 'moves' }, previous, next, make('span', {}, at < 0 ? '' : at + 1 + ' of ' + shownPhotos.length), close),
    make('p', {}, line(best)),
    reading,
  ];
  if (others.length) {
    parts.push(make('section', { class: 'others' }, make('h3', {}, 'Other sentences'),
      make('ol', {}, ...others.map((s) => make('li', {}, line(s), make('span', { class: 'sure' }, likelier(s.likely - best.likely)))))));
  }
  if (photo.concepts.length) parts.push(named(photo, p));
  parts.push(facts(photo));
  large.classList.remove('looking');
  large.replaceChildren(make('div', { class: 'frame' }, p), make('div', { class: 'panel' }, ...parts));
  large.onkeydown = (e) => {
    if (e.key === 'PageDown') move(1);
    else if (e.key === 'PageUp') move(-1);
    else return;
    e.preventDefault();
  };
  if (!large.open) large.showModal();
  large.photo = photo;
  large.querySelector('.word').focus({ preventScroll: true });
}

// Against the sentence above, with a log-probability that is so much higher.
function likelier(by) {
  const times = Math.exp(by);
  return (times < 0.095 ? times.toPrecision(1) : times.toFixed(1)) + '\u00a0\u00d7 as likely';
}

function named(photo, p) {
  const items = photo.concepts.map((c) => {
    const label = make('span', {}, c.name);
    const item = make('li', {}, c.box ? make('button', { class: 'word', type: 'button', '--sure': c.sure }, c.name) : label, sureness(c.sure, 'confidence'));
    const b = item.querySelector('button');
    if (b) {
      const show = () => { clearPicture(p); frameBox(p, c.box, c.name); };
      b.addEventListener('pointerenter', show);
      b.addEventListener('focus', show);
      b.addEventListener('pointerleave', () => clearPicture(p));
      b.addEventListener('blur', () => clearPicture(p));
    }
    return item;
  });
  return make('section', { class: 'named' }, make('h3', {}, 'Named in the photo'), make('ul', {}, ...items));
}

function facts(photo) {
  return make('section', { class: 'facts' }, make('h2', { id: 'large-name' }, make('bdi', {}, photo.path)),
    make('p', {}, photo.side[0] + ' \u00d7 ' + photo.side[1] + ' pixels, confidence ' + percent(photo.confidence) + (photo.unsure ? ', unsure' : '') + (photo.blank ? '; all there is to see is ' + photo.blank : '')),
    photo.keywords ? make('p', {}, 'Keywords: ' + photo.keywords.join(', ')) : null,
    photo.warning ? make('p', { class: 'warning' }, photo.warning) : null);
}

large.addEventListener('close', () => {
  if (large.photo && large.photo.card) large.photo.card.querySelector('.frame').focus();
  large.replaceChildren();
});
large.addEventListener('click', (e) => { if (e.target === large) large.close(); });

// ---- filter and order ----

const filter = byId('filter');

const nameOf = (photo) => photo.path.split('/').pop();

function wordsOf(photo) {
  if (!photo.found) photo.found = photo.said[0].words.map((w) => w.w.toLowerCase());
  return photo.found;
}

// Every part of the wish must begin a word of the caption, or be in the name of the file if it has three letters or more.
function fits(photo, wishes) {
  return wishes.every((wish) => wordsOf(photo).some((w) => w.startsWith(wish)) || (wish.length > 2 && nameOf(photo).toLowerCase().includes(wish)));
}

const orders = {
  given: (a, b) => a.number - b.number,
  surest: (a, b) => b.confidence - a.confidence || a.number - b.number,
  unsurest: (a, b) => a.confidence - b.confidence || a.number - b.number,
  name: (a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }) || a.number - b.number,
};

// Cards are made a few at a time, so that the first ones are seen at once; `finishCards` makes all that are missing.
let drawings = 0, finishCards = () => {};

function draw(wishes) {
  const grid = byId('photos'), mine = ++drawings, list = shownPhotos, few = 48;
  let at = 0;
  const more = (count) => {
    const next = list.slice(at, at + count).map((p) => p.card || card(p));
    for (const c of next) for (const b of c.querySelectorAll('.word')) b.classList.toggle('found', wishes.some((w) => b.word.w.toLowerCase().startsWith(w)));
    at += next.length;
    grid.append(...next);
  };
  const goOn = () => {
    if (mine !== drawings || at >= list.length) return;
    more(few);
    setTimeout(goOn);
  };
  grid.replaceChildren();
  more(few);
  setTimeout(goOn);
  finishCards = () => more(list.length);
}

function refresh() {
  const wishes = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  shownPhotos = photos.filter((p) => fits(p, wishes)).sort(orders[byId('sort').value]);
  draw(wishes);
  const all = photos.length === 1 ? '1 photo' : photos.length + ' photos';
  byId('count').textContent = wishes.length ? shownPhotos.length + ' of ' + all : '';
  for (const b of document.querySelectorAll('#common button')) b.setAttribute('aria-pressed', String(wishes.includes(b.value)));
}

// The commonest words that mean something, in how many photos each is.
function common() {
  const count = new Map();
  for (const p of photos) {
    for (const w of new Set(p.said[0].words.filter((v) => !v.small).map((v) => v.w))) count.set(w, (count.get(w) || 0) + 1);
  }
  const words = [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  byId('words').append(...words.slice(0, 500).map(([w]) => make('option', { value: w })));
  for (const [w, n] of words.filter(([, k]) => k > 1).slice(0, 16)) {
    byId('common').append(make('button', { type: 'button', value: w, 'aria-pressed': 'false', onclick: () => {
      filter.value = filter.value.trim() === w ? '' : w;
      refresh();
    } }, w + ' ', make('span', {}, String(n))));
  }
}

// ---- the page ----

const ramp = about.ramp.map(([r, g, b]) => 'rgb(' + r + ' ' + g + ' ' + b + ')').join(', ');
document.documentElement.style.setProperty('--ramp', 'linear-gradient(to right, ' + ramp + ')');
document.title = byId('title').textContent = photos.length === 1 ? '1 photo, described' : photos.length + ' photos, described';
startPage(failures);
filter.addEventListener('input', refresh);
byId('sort').addEventListener('change', refresh);
byId('overlay').addEventListener('change', (e) => {
  overlay = e.target.value;
  document.documentElement.style.setProperty('--ramp', overlay === 'veil'
    ? 'linear-gradient(to right, #1a1b20, #f4f4f4)' : 'linear-gradient(to right, ' + ramp + ')');
});
addEventListener('beforeprint', () => {
  finishCards();
  for (const p of shownPhotos) p.card.querySelector('img').load();
});
common();
refresh();
