#!/usr/bin/env python3
"""page.py PROGRAM MODELS PHOTOS: the page of `caption --page` in a browser. A word that is pointed at changes the picture,
keys do what the mouse does, filter and order work, texts are readable in light and dark, narrow screens need no sideways
scrolling, nothing is loaded from anywhere, and the console has nothing to say. Skipped (exit code 77) without Chromium."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser as web  # noqa: E402

program, models, photos = (os.path.abspath(p) for p in sys.argv[1:4])


def expect(truth, what):
    if not truth:
        raise AssertionError(what)


def settle(b, script, what, patience=10):
    """Waits until the script gives something true, and gives that."""
    end = time.time() + patience
    while time.time() < end:
        value = b.run(script)
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(what)


def make_page(folder):
    """Photos of odd names, and one that is none."""
    inside = os.path.join(folder, 'photos').encode()
    os.mkdir(inside)
    names = [b'a.jpg', b'<!--<script>alert(1)<b>"\'&.jpg', b'\xff\xfe.jpg', b'line\nbreak.jpg', b'e.jpg']
    for name, photo in zip(names, ['astronaut.jpg', 'chelsea.jpg', 'coffee.jpg', 'rocket.jpg', 'hubble.jpg']):
        shutil.copy(os.path.join(photos, photo), os.path.join(inside, name))
    with open(os.path.join(inside, b'broken.jpg'), 'w') as f:
        f.write('no photo')
    page = os.path.join(folder, 'page')
    done = subprocess.run([program, '--model', os.path.join(models, 'random_named.safetensors'), '--n-best', '3', '--page', page,
                           inside], capture_output=True, check=False)
    expect(done.returncode == 1, f'exit code {done.returncode}: {done.stderr}')  # of the broken one
    return os.path.join(page, 'index.html')


HEAT = '''const c = document.querySelector(arguments[0] + ' canvas'), s = getComputedStyle(c);
if (!c.width || s.opacity < 0.99 || s.display === 'none') return 0;
const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, colours = new Set();
for (let i = 0; i < d.length; i += 4) colours.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
return colours.size;'''


def test_words(b):
    expect(b.run('return document.querySelectorAll(".card").length') == 5, 'not every photo has a card')
    expect(b.run('return document.querySelectorAll("#failures li").length') == 1, 'the photo that failed is not told')
    settle(b, 'return [...document.querySelectorAll(".card img")].slice(0, 3).every((i) => i.naturalWidth > 0)', 'photos are not shown')
    before = b.screenshot()
    b.hover('.card .word', 1)
    settle(b, HEAT.replace('arguments[0]', '".card"') + '', 'a word that is pointed at shows no heat')
    colours = b.run(HEAT, '.card')
    expect(colours > 20, f'the heat has {colours} colours')
    expect(b.screenshot() != before, 'the picture has not changed')
    foot = b.run('return document.querySelector(".card .look").textContent')
    expect('%' in foot, f'the word is not told: {foot}')
    b.away()
    settle(b, 'return !document.querySelector(".looking")', 'the heat stays')
    b.tap('.card .word', 0)
    settle(b, 'return document.querySelector(".card").classList.contains("looking")', 'a tap shows nothing')
    expect(b.run('return document.querySelector(".card .word").getAttribute("aria-pressed")') == 'true', 'a tap is not told')
    b.tap('.card .word', 0)
    settle(b, 'return !document.querySelector(".looking")', 'a second tap does not end it')


def test_keys(b):
    b.run('document.querySelector(".card .frame").focus()')
    b.type([web.TAB])
    expect(b.run('return document.activeElement === document.querySelector(".card .word")'), 'Tab does not reach the words')
    settle(b, 'return document.querySelector(".card").classList.contains("looking")', 'the focus shows nothing')
    b.type([web.RIGHT])
    expect(b.run('return document.activeElement === document.querySelectorAll(".card .word")[1]'), 'the arrow moves nothing')
    b.type([web.LEFT, web.TAB])
    expect(b.run('return document.activeElement.classList.contains("frame")'), 'words are more than one stop of Tab')
    b.type([web.ENTER])
    settle(b, 'return document.getElementById("large").open', 'Enter opens no photo')
    first = b.run('return document.getElementById("large-name").textContent')
    b.type([web.PAGE_DOWN])
    expect(b.run('return document.getElementById("large-name").textContent') != first, 'PageDown stays')
    b.type([web.PAGE_UP])
    expect(b.run('return document.getElementById("large-name").textContent') == first, 'PageUp stays')
    expect(b.run('return document.querySelectorAll("#large .others li").length') == 2, 'the other sentences are not there')
    b.hover('#large .others .word', 1)
    settle(b, HEAT.replace('arguments[0]', '"#large"'), 'words of other sentences show nothing')
    b.run('document.querySelector("#large .word").focus()')
    b.type([web.ESCAPE, web.ESCAPE])
    settle(b, 'return !document.getElementById("large").open', 'Escape closes nothing')
    expect(b.run('return document.activeElement.classList.contains("frame")'), 'the focus is lost')


def test_filter(b):
    word = b.run('return document.querySelector(".card .word").textContent')
    said = f'[...document.querySelectorAll(".card")].filter((c) => [...c.querySelectorAll(".word")].some((w) => w.textContent.startsWith("{word}")))'
    many = b.run(f'return {said}.length')
    b.type(['/'])
    expect(b.run('return document.activeElement.id') == 'filter', "'/' does not lead to the filter")
    b.keys('#filter', word)
    has = b.run('return [...document.querySelectorAll(".card")].map((c) => [...c.querySelectorAll(".word.found")].length)')
    expect(len(has) == many and all(has), f"not the {many} photos that have '{word}': {has}")
    b.run('const f = document.getElementById("filter"); f.value = "no such word"; f.dispatchEvent(new Event("input"))')
    expect(b.run('return document.querySelectorAll(".card").length') == 0, 'a word of no photo leaves some')
    expect(b.run('return document.getElementById("count").textContent') == '0 of 5 photos', 'the number is wrong')
    b.run('const f = document.getElementById("filter"); f.value = ""; f.dispatchEvent(new Event("input"))')
    expect(b.run('return document.querySelectorAll(".card").length') == 5, 'photos are lost')
    choose = 'const s = document.getElementById("sort"); s.value = arguments[0]; s.dispatchEvent(new Event("change"))'
    sure = 'return [...document.querySelectorAll(".card .sure i")].map((i) => Number(i.style.getPropertyValue("--sure")))'
    b.run(choose, 'surest')
    falling = b.run(sure)
    expect(falling == sorted(falling, reverse=True) and len(set(falling)) > 1, f'not by confidence: {falling}')
    b.run(choose, 'unsurest')
    expect(b.run(sure) == sorted(falling), 'not by rising confidence')
    b.run(choose, 'given')
    expect(b.run(sure) != falling or falling == sorted(falling), 'the order does not come back')


CONTRAST = '''const rgb = (s) => {
  const c = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  c.fillStyle = s; c.fillRect(0, 0, 1, 1);
  return [...c.getImageData(0, 0, 1, 1).data];
};
const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => {
  const v = c[i] / 255;
  return sum + w * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
}, 0);
const under = (e) => {
  for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] === 255) return c;
  }
  return [255, 255, 255, 255];
};
return arguments[0].map((selector) => {
  const e = document.querySelector(selector);
  if (!e) return [selector, 0];
  const [a, b] = [light(rgb(getComputedStyle(e).color)), light(under(e))];
  return [selector, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
});'''


def test_looks(b):
    texts = ['h1', '.hint', '.field span', '#filter', '#sort', '.card .word', '.card .word.small', '.card .name', '.card .sure',
             '#failures li', '.made p', '#common button', '#common button span']
    b.run('document.querySelector("#common").append(...(document.querySelector("#common button") ? [] : [Object.assign('
          'document.createElement("button"), { innerHTML: "dog <span>2</span>" })]))')
    b.run('document.querySelectorAll(".card .word").forEach((w, i) => w.classList.toggle("small", i % 2 === 1))')
    for dark in (False, True):
        b.dark(dark)
        for selector, ratio in b.run(CONTRAST, texts):
            expect(ratio >= 4.5, f"'{selector}' has a contrast of {ratio:.2f} in {'dark' if dark else 'light'}")
    paper = b.run('return getComputedStyle(document.body).backgroundColor')
    b.run('const s = document.getElementById("theme"); s.value = "light"; s.dispatchEvent(new Event("change"))')
    expect(b.run('return getComputedStyle(document.body).backgroundColor') != paper, 'the colours cannot be chosen')
    b.dark(False)
    bare = b.run('return [...document.querySelectorAll("input, select, button, img")].filter((e) => '
                 '!(e.labels && e.labels.length) && !e.getAttribute("aria-label") && !e.alt && !e.textContent.trim()).length')
    expect(bare == 0, f'{bare} controls or pictures have no name')
    for width in (320, 390, 768, 1400, 2560):
        b.resize(width, 900)
        settle(b, 'return document.documentElement.scrollWidth <= document.documentElement.clientWidth', f'too wide at {width}')
    b.resize(1400, 1000)


def test_alone(b):
    loaded = b.run('return performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"))')
    expect(not loaded, f'the page loads {loaded}')
    expect(not b.complaints(), 'the console complains')


def make_lines(folder):
    page = os.path.join(folder, 'lines.html')
    done = subprocess.run([program, 'translate', '--model', os.path.join(models, 'random_text_sigmoid.safetensors'), '--alignment', page],
                          input=b'one two three\nthree two\nno \xff text\n', capture_output=True, check=False)
    expect(done.returncode == 1, f'exit code {done.returncode}: {done.stderr}')  # of the line that is no text
    return page


COLOURED = '''return [...document.querySelectorAll('.pair')[0].querySelectorAll('.tokens')[arguments[0]].querySelectorAll('.token')]
  .filter((t) => parseInt(t.style.getPropertyValue('--look') || '0') > 0).length'''


def test_lines(b):
    """Of a page of lines."""
    expect(b.run('return document.querySelectorAll(".pair").length') == 2, 'not every line is there')
    expect(b.run('return document.querySelectorAll("#failures li").length') == 1, 'the line that failed is not told')
    source = b.run('return document.querySelector(".pair .tokens").querySelectorAll(".token").length')
    b.hover('.pair .tokens + .tokens .token')
    expect(b.run(COLOURED, 0) > 0, 'a word that is pointed at colours no word of the source')
    b.away()
    expect(b.run(COLOURED, 0) == 0, 'the colours stay')
    b.hover('.pair .tokens .token')
    expect(b.run(COLOURED, 1) > 0, 'a word of the source colours nothing')
    b.tap('.pair .tokens + .tokens .token')
    b.away()
    expect(b.run(COLOURED, 0) > 0, 'a tap does not stay')
    b.run('document.querySelector(".pair .token").focus()')
    b.type([web.RIGHT])
    expect(b.run('return document.activeElement === document.querySelectorAll(".pair .token")[1]') == (source > 1), 'the arrow moves nothing')
    b.click('.pair summary')
    settle(b, f'return document.querySelectorAll(".pair table tr th[scope=col]").length === {source}', 'the table is not there')
    b.keys('#filter', 'three two')
    expect(b.run('return document.querySelectorAll(".pair").length') == 1, 'the filter lets other lines through')
    for dark in (False, True):
        b.dark(dark)
        for selector, ratio in b.run(CONTRAST, ['h1', '.hint', '.token', '.pair .number', '.pair .sure', '.pair summary']):
            expect(ratio >= 4.5, f"'{selector}' has a contrast of {ratio:.2f}")
    for width in (320, 1400):
        b.resize(width, 900)
        settle(b, 'return document.documentElement.scrollWidth <= document.documentElement.clientWidth', f'too wide at {width}')


def test_many(b, page, folder):
    """A thousand photos: five of the page again and again."""
    with open(page, encoding='utf-8') as f:
        lines = f.read().split('\n')
    at = [i for i, line in enumerate(lines) if 'class="item"' in line and 'type="text/plain"' in line]
    many = os.path.join(folder, 'many.html')
    with open(many, 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines[:at[0]] + [lines[i] for i in at] * 200 + lines[at[-1] + 1:]))
    size = os.path.getsize(many)
    expect(size < 60e6, f'1,000 photos take {size / 1e6:.1f} MB')
    b.open(many)
    settle(b, 'return document.querySelectorAll(".card").length === 1000', 'photos are lost', 60)
    took = b.run('const t = performance.getEntriesByType("navigation")[0]; return t.loadEventEnd - t.startTime') / 1000
    expect(took < 8, f'1,000 photos open in {took:.1f} s')  # 1 to 2 s on a machine that does nothing else
    print(f'1,000 photos: {size / 1e6:.1f} MB, open in {took:.2f} s')


def main():
    with tempfile.TemporaryDirectory() as folder:
        try:
            b = web.Browser()
        except web.Absent as e:
            print(f'skipped: {e}')
            return 77
        with b:
            page = make_page(folder)
            for test in (test_words, test_keys, test_filter, test_looks, test_alone):
                b.open(page)
                b.away()
                test(b)
                complaints = b.complaints()
                expect(not complaints, f'{test.__name__}: the console says {complaints}')
            b.open(make_lines(folder))
            b.away()
            test_lines(b)
            test_alone(b)
            test_many(b, page, folder)
    return 0


if __name__ == '__main__':
    sys.exit(main())
