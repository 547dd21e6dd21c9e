#!/usr/bin/python3
"""Golden losses and gradients of the Transformer, from PyTorch's own layers: writes transformer_nets.json beside this file.

The layers are torch.nn.TransformerEncoderLayer and TransformerDecoderLayer, without dropout, in double precision; where words
attend to each other plainly, which those cannot, layers of the same parts around torch's scaled_dot_product_attention. Two cases have
no encoder, but photos of two regions (concept_nets.py), whose states first attend to each other. Every sentence is read by itself: no padding, no batches; the decoder sees a whole target at once under PyTorch's causal mask. Weights are those
of text_nets.py: number i is 0.5 sin(0.7 i + h), where h is the sum of the bytes of the name modulo 97, in the layout of this
project ([in, out]); norms are 1 + that. A gradient g is kept as its norm and its sum of g[i] cos(0.3 i + 1).
Made with PyTorch 2.15 (in double precision, so that any from 2.0 on will do).
"""
import json
import math
import os

import torch
from torch.func import functional_call
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
SMOOTHING, VOCABULARY = 0.1, 8
SOURCES = [[4, 5], [6, 4, 7, 5], [5, 6, 7]]
# Of each caption: its words from <start> to <end>, and which sentence it belongs to. The longest comes first.
CAPTIONS = [([1, 4, 5, 6, 2], 2), ([1, 7, 4, 2], 0), ([1, 6, 2], 1)]
HIDDEN, FEED = 6, 5


def settings(**other):
    return {"kind": "transformer", "vocabulary": VOCABULARY, "hidden": HIDDEN, "heads": 2, "layers": 2, "feed_forward": FEED,
            "norm": "pre", "self_attention": "qkv", "activation": "relu", "dropout": 0, "attention_dropout": 0, "memory_layers": 0,
            **other}


CASES = [("pre-norm, ReLU, two heads", settings(), settings()),
         ("post-norm, GELU, three heads", settings(norm="post", activation="gelu", heads=3),
          settings(norm="post", activation="gelu", heads=3)),
         ("one layer, one head", settings(layers=1, heads=1), settings(layers=1, heads=1)),
         ("plain self-attention, pre-norm", settings(self_attention="plain"), settings(self_attention="plain")),
         ("plain self-attention, post-norm, GELU", settings(self_attention="plain", norm="post", activation="gelu"),
          settings(self_attention="plain", norm="post", activation="gelu", heads=3)),
         ("memory layers over an encoder's states", settings(), settings(memory_layers=1)),
         ("regions, two memory layers", None, settings(memory_layers=2)),
         ("regions, a plain memory layer, post-norm", None, settings(memory_layers=1, self_attention="plain", norm="post"))]
REGIONS, FEATURES = 2, 3


class Weights:
    def __init__(self):
        self.made = {}

    def __call__(self, name, *shape):
        if name not in self.made:
            at = torch.arange(math.prod(shape), dtype=torch.float64)
            value = 0.5 * torch.sin(0.7 * at + sum(name.encode()) % 97)
            if name.endswith(".gamma"):
                value = 1 + value
            self.made[name] = value.reshape(shape).requires_grad_()
        return self.made[name]


def attention_of(p, prefix, memory):
    """in_proj_weight, in_proj_bias, out_proj.weight and .bias of torch.nn.MultiheadAttention."""
    parts = [(p(f"{prefix}.{part}.weight", HIDDEN if part == "query" else memory, HIDDEN), p(f"{prefix}.{part}.bias", HIDDEN))
             for part in ("query", "key", "value")]
    return {"in_proj_weight": torch.cat([w.T for w, _ in parts]), "in_proj_bias": torch.cat([b for _, b in parts]),
            "out_proj.weight": p(f"{prefix}.out.weight", HIDDEN, HIDDEN).T, "out_proj.bias": p(f"{prefix}.out.bias", HIDDEN)}


def norm_of(p, prefix):
    return {"weight": p(prefix + ".gamma", HIDDEN), "bias": p(prefix + ".beta", HIDDEN)}


def layer_weights(p, prefix, memory):
    """Of one layer, by the names of PyTorch's modules. memory: the width of a decoder's, or 0."""
    w = {f"self_attn.{k}": v for k, v in attention_of(p, prefix + ".self", HIDDEN).items()}
    norms = ["self", "cross", "feed"] if memory else ["self", "feed"]
    if memory:
        w.update({f"multihead_attn.{k}": v for k, v in attention_of(p, prefix + ".cross", memory).items()})
    for i, name in enumerate(norms):
        w.update({f"norm{i + 1}.{k}": v for k, v in norm_of(p, f"{prefix}.{name}.norm").items()})
    w["linear1.weight"], w["linear1.bias"] = p(prefix + ".feed.in.weight", HIDDEN, FEED).T, p(prefix + ".feed.in.bias", FEED)
    w["linear2.weight"], w["linear2.bias"] = p(prefix + ".feed.out.weight", FEED, HIDDEN).T, p(prefix + ".feed.out.bias", HIDDEN)
    return w


def plain_layer(p, prefix, s, x, memory, mask):
    """A layer whose words attend to each other as they are, with one head."""
    def part(name, x, run):
        norm = norm_of(p, f"{prefix}.{name}.norm").values()
        if s["norm"] == "pre":
            return x + run(F.layer_norm(x, (HIDDEN,), *norm))
        return F.layer_norm(x + run(x), (HIDDEN,), *norm)

    def cross(x):
        w = attention_of(p, prefix + ".cross", memory.shape[-1])
        return F.multi_head_attention_forward(x.transpose(0, 1), memory.transpose(0, 1), memory.transpose(0, 1), HIDDEN, s["heads"],
                                              w["in_proj_weight"], w["in_proj_bias"], None, None, False, 0.0, w["out_proj.weight"],
                                              w["out_proj.bias"])[0].transpose(0, 1)

    def feed(x):
        y = x @ p(prefix + ".feed.in.weight", HIDDEN, FEED) + p(prefix + ".feed.in.bias", FEED)
        y = F.gelu(y) if s["activation"] == "gelu" else F.relu(y)
        return y @ p(prefix + ".feed.out.weight", FEED, HIDDEN) + p(prefix + ".feed.out.bias", HIDDEN)

    x = part("self", x, lambda y: F.scaled_dot_product_attention(y, y, y, attn_mask=mask))
    return part("feed", x if memory is None else part("cross", x, cross), feed)


def run_layer(p, prefix, s, x, memory=None, mask=None):
    if s["self_attention"] == "plain":
        return plain_layer(p, prefix, s, x, memory, mask)
    decoder = memory is not None
    kind = torch.nn.TransformerDecoderLayer if decoder else torch.nn.TransformerEncoderLayer
    module = kind(HIDDEN, s["heads"], FEED, 0.0, s["activation"], batch_first=True, norm_first=s["norm"] == "pre")
    inputs, masks = ((x, memory), {"tgt_mask": mask}) if decoder else ((x,), {})
    return functional_call(module, layer_weights(p, prefix, HIDDEN if decoder else 0), inputs, masks)


def embed(p, prefix, words):
    at = torch.arange(len(words), dtype=torch.float64).unsqueeze(1)
    angle = at / 10000 ** (torch.arange(0, HIDDEN, 2, dtype=torch.float64) / HIDDEN)
    positions = torch.stack((angle.sin(), angle.cos()), 2).reshape(len(words), HIDDEN)
    return (p(prefix + "embedding", VOCABULARY, HIDDEN)[torch.tensor(words)] * math.sqrt(HIDDEN) + positions).unsqueeze(0)


def last_norm(p, prefix, s, x):
    return F.layer_norm(x, (HIDDEN,), *norm_of(p, prefix + "norm").values()) if s["norm"] == "pre" else x


def read(p, s, words):
    x = embed(p, "encoder.", words)
    for i in range(s["layers"]):
        x = run_layer(p, f"encoder.layer{i + 1}", s, x)
    return last_norm(p, "encoder.", s, x)


def regions_of(photo):
    at = torch.arange(REGIONS * FEATURES, dtype=torch.float64) + photo * REGIONS * FEATURES
    return torch.sin(0.9 * at + 2).reshape(1, REGIONS, FEATURES)


def remember(p, s, states):
    if not s["memory_layers"]:
        return states
    x = states @ p("decoder.memory.in.weight", states.shape[-1], HIDDEN) + p("decoder.memory.in.bias", HIDDEN)
    for i in range(s["memory_layers"]):
        x = run_layer(p, f"decoder.memory.layer{i + 1}", s, x)
    return last_norm(p, "decoder.memory.", s, x)


def loss_of(p, s, memory, words):
    x = embed(p, "decoder.", words[:-1])
    mask = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1]).double()
    for i in range(s["layers"]):
        x = run_layer(p, f"decoder.layer{i + 1}", s, x, memory, mask)
    x = last_norm(p, "decoder.", s, x)[0]
    logits = x @ p("decoder.embedding", VOCABULARY, HIDDEN).T + p("decoder.output.bias", VOCABULARY)
    return F.cross_entropy(logits, torch.tensor(words[1:]), reduction="sum", label_smoothing=SMOOTHING)


def digest(g):
    g = g.flatten()
    return [g.norm().item(), (g * torch.cos(0.3 * torch.arange(len(g), dtype=torch.float64) + 1)).sum().item()]


def run(name, e, d):
    p = Weights()
    memories = [remember(p, d, read(p, e, s) if e else regions_of(i)) for i, s in enumerate(SOURCES)]
    total = sum(loss_of(p, d, memories[which], words) for words, which in CAPTIONS)
    loss = total / sum(len(words) - 1 for words, _ in CAPTIONS)
    loss.backward()
    return {"name": name, **({"encoder": e} if e else {"regions": True}),
            "decoder": {**d, "match": "scaled-dot", "features": HIDDEN if e else FEATURES}, "loss": loss.item(), "gradients": {n: digest(w.grad) for n, w in sorted(p.made.items())}}


here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "transformer_nets.json"), "w") as f:
    json.dump({"smoothing": SMOOTHING, "cases": [run(*case) for case in CASES]}, f, indent=1)
    f.write("\n")
