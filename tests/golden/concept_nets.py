#!/usr/bin/python3
"""Golden losses and gradients of decoders of concepts, from PyTorch: writes concept_nets.json beside this file.

Every photo is described by itself, word by word, with torch.lstm_cell: no padding, no batches, no masks. Everything is in
double precision but the confidences and boxes, which are read as single. Weights are those of text_nets.py: number i is
0.5 sin(0.7 i + h), where h is the sum of the bytes of the name modulo 97. A gradient g is kept as its norm and its sum of
g[i] cos(0.3 i + 1). Made with Debian 12's python3-torch 1.13.
"""
import json
import math
import os
import struct

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
SMOOTHING, VOCABULARY, FEATURES, NAMERS = 0.1, 8, 3, 2
REGIONS = torch.sin(0.9 * torch.arange(18) + 2).reshape(3, 2, FEATURES)
OBJECTS, WORDS = 0, 1
# First and last word, who named it, confidence, box.
NAMED = [[(4, 4, OBJECTS, 0.9, (0.125, 0.25, 0.625, 0.75)), (6, 6, WORDS, 0.3, None)],
         [],
         [(5, 7, OBJECTS, 0.5, (0, 0, 1, 0.5)), (6, 6, WORDS, 0.8, None), (4, 4, WORDS, 0.2, None)]]
STYLE = [2, 0, 1]
# Of each caption: its words from <start> to <end>, and which photo it belongs to. The longest comes first.
CAPTIONS = [([1, 4, 5, 6, 2], 2), ([1, 7, 4, 2], 0), ([1, 6, 2], 1)]


def decoder(**settings):
    return {"features": FEATURES, "vocabulary": VOCABULARY, "embedding": 4, "hidden": 6, "attention": 4, "projection": 6,
            "layers": 1, "match": "sigmoid", "attend": "output", "start": "mean", "output": "tied", "fixed_gain": False,
            "peek": False, "residual": False, "gate": True, "rectify": True, "dropout": 0, "heads": 1, "glance": 0,
            "concepts": True, "styles": 0, "sharpness": 1, "softmax": "one", **settings}


CASES = [
    ("the mean of all states", True, decoder()),
    ("no regions", False, decoder(gate=False)),
    ("a glance with styles, two heads, sharpened", True, decoder(glance=5, styles=2, heads=2, sharpness=2.5)),
    ("a glance without regions", False, decoder(glance=5, styles=2, match="scaled-dot", heads=3)),
    ("a glance, the context into two layers", True,
     decoder(glance=5, match="general", heads=2, attend="input", layers=2, output="full", sharpness=0.5)),
    ("no attention", True, decoder(glance=5, styles=2, match="none")),
    ("a softmax for each kind", True, decoder(glance=5, styles=2, heads=2, softmax="each")),
    ("a softmax for each kind, without regions", False, decoder(heads=3, match="scaled-dot", softmax="each")),
    ("no concepts, but a glance", True, decoder(glance=5, styles=2, concepts=False)),
]


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


class Weights:
    def __init__(self):
        self.made = {}

    def __call__(self, name, *shape):
        name = "decoder." + name
        if name not in self.made:
            at = torch.arange(math.prod(shape), dtype=torch.float64)
            value = 0.5 * torch.sin(0.7 * at + sum(name.encode()) % 97)
            self.made[name] = value.reshape(shape).requires_grad_()
        return self.made[name]


def linear(w, name, x, out):
    return x @ w(name + ".weight", x.shape[-1], out) + w(name + ".bias", out)


def concept(w, c, first, last, namer, confidence, box):
    width, confidence = c["projection"], single(confidence)
    table = w("embedding", VOCABULARY, c["embedding"])
    name = (table[first] + table[last]) / 2 * math.sqrt(c["embedding"])
    traits = [1, confidence, math.sqrt(confidence), 0, 0, 0, 0]
    if box:
        left, top, right, bottom = box
        traits[3:] = [math.sqrt((right - left) * (bottom - top)), (left + right) / 2, (top + bottom) / 2, 1]
    of_namer = w("concepts.traits.weight", NAMERS * 7, width)[namer * 7:namer * 7 + 7]
    return F.relu(name @ w("concepts.word.weight", c["embedding"], width) + torch.tensor(traits) @ of_namer)


class Photo:
    def __init__(self, w, c, regions, named, style):
        self.w, self.c, width = w, c, c["projection"]
        seen = None if regions is None else F.relu(linear(w, "regions", regions, width))
        states = [] if seen is None else list(seen)
        things = [concept(w, c, *n) for n in named] if c["concepts"] else []
        if c["concepts"]:
            states += [w("concepts.null", width)] + things
        self.states, self.glance, self.seen = torch.stack(states), None, 0 if seen is None else len(seen)
        self.summary = self.states.mean(0)
        if c["glance"]:
            self.summary = self.glance = self.look(seen, things, named, style)
        if c["match"] in ("sigmoid", "additive"):
            self.keys = linear(w, "attention.key", self.states, c["attention"])
        else:
            self.keys = self.states

    def look(self, seen, things, named, style):
        w, c, width, size = self.w, self.c, self.c["projection"], self.c["glance"]
        parts = [torch.zeros(width) if seen is None else seen.mean(0)]
        if c["concepts"]:
            sure = [math.sqrt(single(n[3])) for n in named]
            parts.append(sum((s * x for s, x in zip(sure, things)), torch.zeros(width)) / (sum(sure) + 0.5))
        g = torch.cat(parts) @ w("glance.weight", len(parts) * width, size)
        seeing, blind = w("glance.bias", size), w("glance.blind", size)
        g = g + (blind if seen is None else seeing)
        return torch.tanh(g + w("glance.style", c["styles"] + 1, size)[style] if c["styles"] else g)

    def weights(self, scores, h, head):
        w, c = self.w, self.c
        if c["softmax"] == "one":
            return F.softmax(scores, 0)
        share = torch.sigmoid(linear(w, "attention.balance", h, c["heads"])[head]) if self.seen else 0
        return torch.cat([share * F.softmax(scores[:self.seen], 0), (1 - share) * F.softmax(scores[self.seen:], 0)])

    def context(self, h):
        w, c, heads = self.w, self.c, self.c["heads"]
        if c["match"] == "none":
            return None
        query = h @ w("attention.query.weight", len(h), self.keys.shape[1]) if c["match"] in ("sigmoid", "general") else h
        found = []
        for i, (k, q, v) in enumerate(zip(self.keys.chunk(heads, 1), query.chunk(heads), self.states.chunk(heads, 1))):
            if c["match"] == "sigmoid":
                s = torch.tanh(k + q) @ w("attention.score.weight", c["attention"]).chunk(heads)[i]
                s = torch.exp(w("attention.log_gain", heads)[i]) * torch.sigmoid(s + w("attention.score.bias", heads)[i])
            else:
                s = k @ q / (math.sqrt(len(q)) if c["match"] == "scaled-dot" else 1)
            found.append(self.weights(s, h, i) @ v)
        z = torch.cat(found)
        return torch.sigmoid(linear(w, "gate", h, len(z))) * z if c["gate"] else z

    def step(self, word, states):
        w, c, hidden = self.w, self.c, self.c["hidden"]
        z = self.context(states[0][0]) if c["attend"] == "input" else None
        x, new = word, []
        for i, (h, cell) in enumerate(states):
            name = "lstm" if i == 0 else f"lstm{i + 1}"
            gates = w(name + ".bias", 4 * hidden) + x @ w(name + (".input" if i else ".word") + ".weight", len(x), 4 * hidden)
            if i == 0 and c["glance"]:
                gates = gates + self.glance @ w("lstm.glance.weight", c["glance"], 4 * hidden)
            if z is not None:
                gates = gates + z @ w(name + ".context.weight", len(z), 4 * hidden)
            zero = torch.zeros(4 * hidden, 4 * hidden)
            h, cell = torch.lstm_cell(gates[None], (h[None], cell[None]), torch.eye(4 * hidden),
                                      w(name + ".state.weight", hidden, 4 * hidden).T, zero[0], zero[0])
            new.append((h[0], cell[0]))
            x = h[0]
        z = self.context(x) if c["attend"] == "output" else z
        full = c["output"] == "full"
        wide = VOCABULARY if full else c["embedding"]
        y = x @ w("output.state.weight", hidden, wide)
        if z is not None:
            y = y + z @ w("output.context.weight", len(z), wide)
        if not full:
            y = (y + w("output.state.bias", wide) + word) @ w("embedding", VOCABULARY, c["embedding"]).T
        return new, c["sharpness"] * (y + w("output.bias", VOCABULARY))

    def loss(self, words):
        table, hidden, states, out = self.w("embedding", VOCABULARY, self.c["embedding"]), self.c["hidden"], [], []
        for i in range(self.c["layers"]):
            name = "start" if i == 0 else f"start{i + 1}"
            states.append(tuple(torch.tanh(linear(self.w, f"{name}.{part}", self.summary, hidden)) for part in "hc"))
        for previous in words[:-1]:
            states, logits = self.step(table[previous], states)
            out.append(logits)
        return F.cross_entropy(torch.stack(out), torch.tensor(words[1:]), reduction="sum", label_smoothing=SMOOTHING)


def digest(g):
    g = g.flatten()
    return [g.norm().item(), (g * torch.cos(0.3 * torch.arange(len(g), dtype=torch.float64) + 1)).sum().item()]


def run(name, regions, c):
    w = Weights()
    photos = [Photo(w, c, REGIONS[i] if regions else None, NAMED[i], STYLE[i]) for i in range(3)]
    total = sum(photos[which].loss(words) for words, which in CAPTIONS)
    loss = total / sum(len(words) - 1 for words, _ in CAPTIONS)
    loss.backward()
    return {"name": name, "regions": regions, "decoder": c, "loss": loss.item(),
            "gradients": {n: digest(p.grad) for n, p in sorted(w.made.items()) if p.grad is not None}}


here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "concept_nets.json"), "w") as f:
    json.dump({"smoothing": SMOOTHING, "cases": [run(*case) for case in CASES]}, f, indent=1)
    f.write("\n")
