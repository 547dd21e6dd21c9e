#!/usr/bin/python3
"""Golden losses and gradients of language models, from PyTorch: writes language_nets.json beside this file.

A decoder that reads nothing: an LSTM from zeros (torch.lstm_cell), or a Transformer under the causal mask
(torch.nn.TransformerEncoderLayer, which is a decoder's layer without a memory). Every text is read by itself: no padding, no
batches. Weights, texts and the digest of gradients are those of text_nets.py and transformer_nets.py.
Made with PyTorch 2.15 (in double precision, so that any will do).
"""
import json
import math
import os

import torch
from torch.func import functional_call
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
SMOOTHING, VOCABULARY = 0.1, 8
TEXTS = [[1, 4, 5, 6, 2], [1, 7, 4, 2], [1, 6, 2]]


def lstm_settings(**other):
    return {"kind": "lstm", "features": 0, "vocabulary": VOCABULARY, "embedding": 3, "hidden": 4, "attention": 3, "projection": 0,
            "layers": 1, "match": "none", "attend": "output", "start": "zero", "output": "tied", "fixed_gain": False, "peek": False,
            "residual": False, "gate": False, "rectify": False, "dropout": 0, **other}


def transformer_settings(**other):
    return {"kind": "transformer", "match": "scaled-dot", "features": 0, "vocabulary": VOCABULARY, "hidden": 6, "heads": 2,
            "layers": 2, "feed_forward": 5, "norm": "pre", "self_attention": "qkv", "activation": "relu", "dropout": 0, **other}


CASES = [("an LSTM, tied", lstm_settings()),
         ("an LSTM with a matrix for the output", lstm_settings(output="full")),
         ("three residual LSTMs", lstm_settings(layers=3, residual=True)),
         ("a Transformer, pre-norm, ReLU", transformer_settings()),
         ("a Transformer, post-norm, GELU, three heads", transformer_settings(norm="post", activation="gelu", heads=3))]


class Weights:
    def __init__(self):
        self.made = {}

    def __call__(self, name, *shape):
        name = "decoder." + name
        if name not in self.made:
            at = torch.arange(math.prod(shape), dtype=torch.float64)
            value = 0.5 * torch.sin(0.7 * at + sum(name.encode()) % 97)
            if name.endswith(".gamma"):
                value = 1 + value
            self.made[name] = value.reshape(shape).requires_grad_()
        return self.made[name]


def lstm_logits(p, s, words):
    hidden, layers = s["hidden"], s["layers"]
    state = [(torch.zeros(1, hidden), torch.zeros(1, hidden)) for _ in range(layers)]
    table, bias, out = p("embedding", VOCABULARY, s["embedding"]), p("output.bias", VOCABULARY), []
    for word in words:
        embedded = table[word].unsqueeze(0)
        x = embedded
        for i in range(layers):
            name = f"lstm{i + 1}" if i else "lstm"
            w = p(f"{name}.input.weight" if i else "lstm.word.weight", x.shape[1], 4 * hidden)
            b = p(f"{name}.bias", 4 * hidden)
            state[i] = torch.lstm_cell(x, state[i], w.T, p(f"{name}.state.weight", hidden, 4 * hidden).T, b, torch.zeros_like(b))
            x = state[i][0] + x if i and s["residual"] else state[i][0]
        if s["output"] == "full":
            out.append(x @ p("output.state.weight", hidden, VOCABULARY) + bias)
        else:
            y = embedded + x @ p("output.state.weight", hidden, s["embedding"]) + p("output.state.bias", s["embedding"])
            out.append(y @ table.T + bias)
    return torch.cat(out)


def layer_weights(p, prefix, d, feed):
    """Of one layer, by the names of PyTorch's module."""
    parts = [(p(f"{prefix}.self.{part}.weight", d, d), p(f"{prefix}.self.{part}.bias", d)) for part in ("query", "key", "value")]
    w = {"self_attn.in_proj_weight": torch.cat([w.T for w, _ in parts]), "self_attn.in_proj_bias": torch.cat([b for _, b in parts]),
         "self_attn.out_proj.weight": p(f"{prefix}.self.out.weight", d, d).T, "self_attn.out_proj.bias": p(f"{prefix}.self.out.bias", d),
         "linear1.weight": p(f"{prefix}.feed.in.weight", d, feed).T, "linear1.bias": p(f"{prefix}.feed.in.bias", feed),
         "linear2.weight": p(f"{prefix}.feed.out.weight", feed, d).T, "linear2.bias": p(f"{prefix}.feed.out.bias", d)}
    for i, name in enumerate(("self", "feed")):
        w[f"norm{i + 1}.weight"], w[f"norm{i + 1}.bias"] = p(f"{prefix}.{name}.norm.gamma", d), p(f"{prefix}.{name}.norm.beta", d)
    return w


def transformer_logits(p, s, words):
    d, feed = s["hidden"], s["feed_forward"]
    at = torch.arange(len(words), dtype=torch.float64).unsqueeze(1)
    angle = at / 10000 ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    positions = torch.stack((angle.sin(), angle.cos()), 2).reshape(len(words), d)
    table = p("embedding", VOCABULARY, d)
    x = (table[torch.tensor(words)] * math.sqrt(d) + positions).unsqueeze(0)
    mask = torch.triu(torch.full((len(words), len(words)), -math.inf), 1)
    for i in range(s["layers"]):
        module = torch.nn.TransformerEncoderLayer(d, s["heads"], feed, 0.0, s["activation"], batch_first=True,
                                                  norm_first=s["norm"] == "pre")
        x = functional_call(module, layer_weights(p, f"layer{i + 1}", d, feed), (x,), {"src_mask": mask})
    if s["norm"] == "pre":
        x = F.layer_norm(x, (d,), p("norm.gamma", d), p("norm.beta", d))
    return x[0] @ table.T + p("output.bias", VOCABULARY)


def digest(g):
    g = g.flatten()
    return [g.norm().item(), (g * torch.cos(0.3 * torch.arange(len(g), dtype=torch.float64) + 1)).sum().item()]


def run(name, s):
    p = Weights()
    logits_of = lstm_logits if s["kind"] == "lstm" else transformer_logits
    total = sum(F.cross_entropy(logits_of(p, s, t[:-1]), torch.tensor(t[1:]), reduction="sum", label_smoothing=SMOOTHING)
                for t in TEXTS)
    loss = total / sum(len(t) - 1 for t in TEXTS)
    loss.backward()
    return {"name": name, "decoder": s, "loss": loss.item(),
            "gradients": {n: digest(w.grad) for n, w in sorted(p.made.items())}}


here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "language_nets.json"), "w") as f:
    json.dump({"smoothing": SMOOTHING, "cases": [run(*case) for case in CASES]}, f, indent=1)
    f.write("\n")
