// Measures rows of compare.py in ONNX Runtime. Reads a row's name a line, answers with a JSON object a line.
//   node onnx_worker.js FOLDER THREADS SECONDS     a server; FOLDER has the networks and node_modules
//   node onnx_worker.js FOLDER THREADS cold        one caption of drawn pixels, as a program that ends afterwards
'use strict';
const path = require('path');
const readline = require('readline');

const [folder, threads, mode] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const modules = path.resolve(folder, 'node_modules', 'onnxruntime-node');
const ort = require(modules);
const WORDS = 20, START = 1n;

function open(name) {
  return ort.InferenceSession.create(path.join(folder, name + '.onnx'),
    { intraOpNumThreads: threads, interOpNumThreads: 1, graphOptimizationLevel: 'all', executionProviders: ['cpu'] });
}

function drawn(...shape) {
  const data = new Float32Array(shape.reduce((a, b) => a * b));
  for (let i = 0, x = 1; i < data.length; i++) {
    x = (x * 48271) % 2147483647;
    data[i] = x / 1073741824 - 1;
  }
  return new ort.Tensor('float32', data, shape);
}

// Rows of a tensor [n, ...], by their numbers.
function rows(tensor, numbers) {
  const width = tensor.data.length / tensor.dims[0], data = new Float32Array(numbers.length * width);
  numbers.forEach((n, i) => data.set(tensor.data.subarray(n * width, (n + 1) * width), i * width));
  return new ort.Tensor('float32', data, [numbers.length, ...tensor.dims.slice(1)]);
}

const words = list => new ort.Tensor('int64', BigInt64Array.from(list), [list.length]);

function largest(data, from, to) {
  let best = from;
  for (let i = from + 1; i < to; i++) if (data[i] > data[best]) best = i;
  return best - from;
}

async function greedy(net, map) {
  let { values, keys, h, c } = await net.start.run({ map });
  const count = values.dims[0], said = [];
  let word = words(Array(count).fill(START));
  for (let t = 0; t < WORDS; t++) {
    const r = await net.step.run({ values, keys, word, h, c }), size = r.logits.dims[1], next = [];
    for (let i = 0; i < count; i++) next.push(BigInt(largest(r.logits.data, i * size, (i + 1) * size)));
    [h, c, word] = [r.next_h, r.next_c, words(next)];
    said.push(next);
  }
  return said;
}

function logSum(data, from, to) {
  const top = data[from + largest(data, from, to)];
  let sum = 0;
  for (let i = from; i < to; i++) sum += Math.exp(data[i] - top);
  return top + Math.log(sum);
}

// The `width` best continuations: [total, beam, word], the best first.
function best(logits, totals, width) {
  const size = logits.dims[1], data = logits.data, found = [];
  totals.forEach((total, beam) => {
    const shift = total - logSum(data, beam * size, (beam + 1) * size);
    for (let i = 0; i < size; i++) {
      const p = shift + data[beam * size + i];
      if (found.length === width && p <= found[width - 1][0]) continue;
      let at = found.findIndex(f => f[0] < p);
      found.splice(at < 0 ? found.length : at, 0, [p, beam, i]);
      found.length = Math.min(found.length, width);
    }
  });
  return found;
}

async function beam(net, map, width) {
  let { values, keys, h, c } = await net.start.run({ map }), totals = [0], word = words([START]), said = [[]];
  for (let t = 0; t < WORDS; t++) {
    const r = await net.step.run({ values, keys, word, h, c }), found = best(r.logits, totals, width);
    const from = found.map(f => f[1]);
    [h, c] = [rows(r.next_h, from), rows(r.next_c, from)];
    if (t === 0) [values, keys] = [rows(values, from), rows(keys, from)];
    totals = found.map(f => f[0]);
    word = words(found.map(f => BigInt(f[2])));
    said = found.map(f => [...said[f[1]], f[2]]);
  }
  return said[0];
}

async function main() {
  const net = { encoder: await open('encoder'), start: await open('start'), step: await open('step') };
  const encode = async pixels => (await net.encoder.run({ pixels })).map;
  const one = drawn(1, 3, 224, 224), sixteen = drawn(16, 3, 224, 224);
  if (mode === 'cold') return console.log((await beam(net, await encode(one), 3)).join(' '));
  const map = await encode(one);
  const run = {
    encoder: [() => encode(one), 0],
    greedy: [() => greedy(net, map), 0],
    beam: [() => beam(net, map, 5), 0],
    many: [async () => greedy(net, await encode(sixteen)), 16],
  };
  const warm = new Set();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (line === 'version') {
      console.log(JSON.stringify({ version: require(path.join(modules, 'package.json')).version }));
      continue;
    }
    const [work, things] = run[line], times = [], end = performance.now() + 1e3 * Number(mode);
    if (!warm.has(line)) await work();
    warm.add(line);
    while (!times.length || performance.now() < end) {
      const start = performance.now();
      await work();
      times.push(performance.now() - start);
    }
    const median = times.sort((a, b) => a - b)[times.length >> 1];
    console.log(JSON.stringify({ figure: things ? 1e3 * things / median : median }));
  }
}

main();
