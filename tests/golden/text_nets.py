#!/usr/bin/python3
"""Golden losses and gradients of text encoders and decoders, from PyTorch: writes text_nets.json beside this file.

Every sentence is read by itself, word by word, with torch.lstm_cell: no padding, no batches, no masks, nothing that is laid out
by time. Everything is in double precision. Weights are a formula of their name: number i is 0.5 sin(0.7 i + h), where h is
the sum of the bytes of the name modulo 97. A gradient g is kept as its norm and its sum of g[i] cos(0.3 i + 1).
Made with Debian 12's python3-torch 1.13.
"""
import json
import math
import os

import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
SMOOTHING, VOCABULARY = 0.1, 8
SOURCES = [[4, 5], [6, 4, 7, 5], [5, 6, 7]]
# Of each caption: its words from <start> to <end>, and which sentence it belongs to. The longest comes first.
CAPTIONS = [([1, 4, 5, 6, 2], 2), ([1, 7, 4, 2], 0), ([1, 6, 2], 1)]


def encoder(**settings):
    return {"vocabulary": VOCABULARY, "embedding": 3, "hidden": 2, "layers": 1, "bidirectional": False, "residual": False,
            "reverse": False, "dropout": 0, **settings}


def decoder(match, **settings):
    return {"features": 0, "vocabulary": VOCABULARY, "embedding": 3, "hidden": 4, "attention": 3, "projection": 0, "layers": 1,
            "match": match, "attend": "input", "start": "last", "output": "tied", "fixed_gain": False, "peek": False,
            "residual": False, "gate": False, "rectify": False, "dropout": 0, **settings}


CASES = [
    ("fixed context", encoder(hidden=4), decoder("none", start="copy", output="full")),
    ("reversed and peeky", encoder(hidden=4, reverse=True), decoder("none", start="copy", output="full", peek=True)),
    ("dot, the textbook's", encoder(hidden=4), decoder("dot", start="copy", output="full", attend="output")),
    ("additive into the LSTM", encoder(bidirectional=True), decoder("additive")),
    ("sigmoid, gated, projected", encoder(bidirectional=True), decoder("sigmoid", gate=True, projection=5, rectify=True, start="mean")),
    ("scaled dot", encoder(bidirectional=True), decoder("scaled-dot", attend="output")),
    ("general, three residual layers", encoder(bidirectional=True, layers=3, residual=True),
     decoder("general", layers=3, residual=True, attend="output")),
    ("additive, context to all layers", encoder(bidirectional=True, layers=2), decoder("additive", layers=2, residual=True, output="full")),
]


class Weights:
    def __init__(self):
        self.made = {}

    def __call__(self, name, *shape):
        if name not in self.made:
            at = torch.arange(math.prod(shape), dtype=torch.float64)
            value = 0.5 * torch.sin(0.7 * at + sum(name.encode()) % 97)
            self.made[name] = value.reshape(shape).requires_grad_()
        return self.made[name]


def cell(x, state, w, bias, recurrent):
    return torch.lstm_cell(x.unsqueeze(0), (state[0].unsqueeze(0), state[1].unsqueeze(0)), w.T, recurrent.T, bias, torch.zeros_like(bias))


def lstm(inputs, w, bias, recurrent):
    size = recurrent.shape[0]
    state, out = (torch.zeros(size), torch.zeros(size)), []
    for x in inputs:
        h, c = cell(x, state, w, bias, recurrent)
        state = (h[0], c[0])
        out.append(state)
    return out


def read(p, c, words):
    """Encoder states [L, D] of a sentence in its order, and (h, c) of every layer after the last word that it read."""
    x, last, hidden = p("encoder.embedding", VOCABULARY, c["embedding"])[words], [], c["hidden"]
    for i in range(c["layers"]):
        outs, ends = [], []
        for way in ("forward", "backward")[:1 + c["bidirectional"]]:
            name = f"encoder.lstm{i + 1}.{way}"
            turned = (way == "backward") != c["reverse"]
            inputs = x.flip(0) if turned else x
            states = lstm(inputs, p(name + ".input.weight", x.shape[1], 4 * hidden), p(name + ".bias", 4 * hidden),
                          p(name + ".state.weight", hidden, 4 * hidden))
            h = torch.stack([s[0] for s in states])
            outs.append(h.flip(0) if turned else h)
            ends.append(states[-1])
        y = torch.cat(outs, 1)
        x = y + x if i and c["residual"] else y
        last.append((torch.cat([e[0] for e in ends]), torch.cat([e[1] for e in ends])))
    return x, last


class Decoder:
    """Of one sentence."""

    def __init__(self, p, c, states, last):
        self.p, self.c, self.last = p, c, last
        values = states
        if c["projection"]:
            values = states @ self.w("regions.weight", states.shape[1], c["projection"]) + self.w("regions.bias", c["projection"])
            values = F.relu(values) if c["rectify"] else values
        self.values, self.mean = values, values.mean(0)
        self.fixed = self.mean if c["start"] == "mean" else last[-1][0]
        if c["match"] in ("sigmoid", "additive"):
            self.keys = values @ self.w("attention.key.weight", values.shape[1], c["attention"]) + self.w("attention.key.bias", c["attention"])

    def w(self, name, *shape):
        return self.p("decoder." + name, *shape)

    def start(self):
        first, hidden = [], self.c["hidden"]
        for i in range(self.c["layers"]):
            h, c = (self.mean, self.mean) if self.c["start"] == "mean" else self.last[min(i, len(self.last) - 1)]
            if self.c["start"] == "copy":
                first.append((h, torch.zeros(hidden)))
                continue
            name = "start" if i == 0 else f"start{i + 1}"
            first.append(tuple(torch.tanh(x @ self.w(f"{name}.{part}.weight", len(x), hidden) + self.w(f"{name}.{part}.bias", hidden))
                               for part, x in (("h", h), ("c", c))))
        return first

    def scores(self, h):
        kind, width, hidden = self.c["match"], self.values.shape[1], self.c["hidden"]
        if kind in ("dot", "scaled-dot"):
            return self.values @ h / (math.sqrt(width) if kind == "scaled-dot" else 1)
        if kind == "general":
            return self.values @ (h @ self.w("attention.query.weight", hidden, width))
        query = h @ self.w("attention.query.weight", hidden, self.c["attention"])
        score = torch.tanh(self.keys + query) @ self.w("attention.score.weight", self.c["attention"])
        if kind == "additive":
            return score
        return torch.exp(self.w("attention.log_gain", 1)) * torch.sigmoid(score + self.w("attention.score.bias", 1))

    def context(self, h):
        if self.c["match"] == "none":
            z = self.fixed if self.c["peek"] else None
        else:
            z = F.softmax(self.scores(h), 0) @ self.values
        if z is None or not self.c["gate"]:
            return z
        return z * torch.sigmoid(h @ self.w("gate.weight", len(h), len(z)) + self.w("gate.bias", len(z)))

    def layer(self, i, x, z, state):
        name, hidden = "lstm" if i == 0 else f"lstm{i + 1}", self.c["hidden"]
        w = self.w(name + (".word.weight" if i == 0 else ".input.weight"), len(x), 4 * hidden)
        if z is not None:
            x, w = torch.cat((x, z)), torch.cat((w, self.w(name + ".context.weight", len(z), 4 * hidden)))
        h, c = cell(x, state, w, self.w(name + ".bias", 4 * hidden), self.w(name + ".state.weight", hidden, 4 * hidden))
        return h[0], c[0]

    def step(self, word, states):
        early = self.c["attend"] == "input" or self.c["match"] == "none"
        z = self.context(states[0][0]) if early else None
        new, x = [], word
        for i, state in enumerate(states):
            new.append(self.layer(i, x, z, state))
            x = new[i][0] + x if i and self.c["residual"] else new[i][0]
        return new, x, z if early else self.context(x)

    def logits(self, h, z, word):
        full, table = self.c["output"] == "full", self.w("embedding", VOCABULARY, self.c["embedding"])
        wide = VOCABULARY if full else self.c["embedding"]
        y = h @ self.w("output.state.weight", len(h), wide)
        if z is not None:
            y = y + z @ self.w("output.context.weight", len(z), wide)
        if full:
            return y + self.w("output.bias", VOCABULARY)
        return (y + self.w("output.state.bias", wide) + word) @ table.T + self.w("output.bias", VOCABULARY)

    def loss(self, words):
        states, out, table = self.start(), [], self.w("embedding", VOCABULARY, self.c["embedding"])
        for previous in words[:-1]:
            states, h, z = self.step(table[previous], states)
            out.append(self.logits(h, z, table[previous]))
        return F.cross_entropy(torch.stack(out), torch.tensor(words[1:]), reduction="sum", label_smoothing=SMOOTHING)


def digest(g):
    g = g.flatten()
    return [g.norm().item(), (g * torch.cos(0.3 * torch.arange(len(g), dtype=torch.float64) + 1)).sum().item()]


def run(name, e, d):
    p = Weights()
    sources = [read(p, e, torch.tensor(s)) for s in SOURCES]
    total = sum(Decoder(p, d, *sources[which]).loss(words) for words, which in CAPTIONS)
    loss = total / sum(len(words) - 1 for words, _ in CAPTIONS)
    loss.backward()
    return {"name": name, "encoder": e, "decoder": {**d, "features": (1 + e["bidirectional"]) * e["hidden"]}, "loss": loss.item(),
            "gradients": {n: digest(w.grad) for n, w in sorted(p.made.items())}}


here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "text_nets.json"), "w") as f:
    json.dump({"smoothing": SMOOTHING, "cases": [run(*case) for case in CASES]}, f, indent=1)
    f.write("\n")
