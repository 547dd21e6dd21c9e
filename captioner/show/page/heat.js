'use strict';
// Where a word looked, painted as captioner/show/overlay_heat.c does it: weights of regions become a smooth field, and
// the field colours. A photo is { grid: [rows, columns], view: [x0, y0, x1, y1] in parts of the photo }.

// The cubic B-spline: smooth, never negative, its shifts sum to 1.
function spline(x) {
  x = Math.abs(x);
  if (x < 1) return (4 - 6 * x * x + 3 * x * x * x) / 6;
  return x < 2 ? (2 - x) ** 3 / 6 : 0;
}

// For each pixel of a line whose view from..to is divided into regions: which four count, and how much.
function blends(pixels, from, to, regions) {
  const line = [];
  for (let i = 0; i < pixels; i++) {
    const at = (i + 0.5 - from * pixels) / ((to - from) * pixels) * regions - 0.5;
    if (at < -0.5 || at > regions - 0.5) { line.push(null); continue; }
    const four = [];
    for (let k = -1; k < 3; k++) {
      const r = Math.floor(at) + k;
      four.push([Math.min(Math.max(r, 0), regions - 1), spline(at - r)]);
    }
    line.push(four);
  }
  return line;
}

// Weights in multiples of an even one, width x height of them, and the largest.
function field(photo, weights, width, height) {
  const [rows, columns] = photo.grid, [x0, y0, x1, y1] = photo.view;
  const across = blends(width, x0, x1, columns), down = blends(height, y0, y1, rows);
  const values = new Float32Array(width * height), total = weights.reduce((a, b) => a + b, 0) || 1;
  let peak = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!down[y] || !across[x]) continue;
      let sum = 0;
      for (const [r, v] of down[y]) for (const [c, h] of across[x]) sum += weights[r * columns + c] * v * h;
      sum *= rows * columns / total;
      values[y * width + x] = sum;
      if (sum > peak) peak = sum;
    }
  }
  return { values, peak };
}

// How much a weight shows, 0..1: an even one half when all are even, the less the higher the peak is.
function openness(weight, peak) {
  peak = Math.max(peak, 3);
  const even = 0.5 * Math.sqrt(3 / peak);
  return weight <= 1 ? even * weight : even + (1 - even) * ((weight - 1) / (peak - 1)) ** 0.8;
}

// ramp: [[red, green, blue, cover 0..1], ...] from not looked at to looked at most.
function colour(ramp, open) {
  const at = Math.min(Math.max(open, 0), 1) * (ramp.length - 1), i = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[i].map((v, c) => v + (at - i) * (ramp[i + 1][c] - v));
}

function veil(open) {
  return [24, 25, 30, 0.86 * (1 - open)];
}

// `open` is a box in parts of the photo, which is looked at as a whole, or null.
function paintHeat(canvas, photo, weights, style, ramp, open) {
  const ratio = photo.shown[0] / photo.shown[1], side = 112;
  const width = canvas.width = Math.max(1, Math.round(ratio > 1 ? side : side * ratio));
  const height = canvas.height = Math.max(1, Math.round(ratio > 1 ? side / ratio : side));
  const context = canvas.getContext('2d'), pixels = context.createImageData(width, height);
  const { values, peak } = weights && photo.grid[0] ? field(photo, weights, width, height)
    : { values: new Float32Array(width * height), peak: 1 };
  const table = [];
  for (let i = 0; i < 256; i++) table.push(style === 'heat' ? colour(ramp, i / 255) : veil(i / 255));
  for (let i = 0; i < values.length; i++) {
    const [r, g, b, a] = table[Math.round(255 * Math.min(1, openness(values[i], peak)))];
    pixels.data.set([r, g, b, 255 * a], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  if (open) context.clearRect(open[0] * width, open[1] * height, (open[2] - open[0]) * width, (open[3] - open[1]) * height);
}

// In words, for those who cannot see it.
function whereInWords(photo, weights) {
  const [rows, columns] = photo.grid, sums = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  if (!weights || !rows) return '';
  let total = 0;
  weights.forEach((w, i) => {
    const y = (Math.floor(i / columns) + 0.5) / rows, x = (i % columns + 0.5) / columns;
    sums[3 * Math.floor(3 * y) + Math.floor(3 * x)] += w;
    total += w;
  });
  const names = ['upper left', 'top', 'upper right', 'left', 'middle', 'right', 'lower left', 'bottom', 'lower right'];
  const most = sums.indexOf(Math.max(...sums));
  return total && sums[most] / total > 0.2 ? 'mostly ' + names[most] : 'spread over the photo';
}
