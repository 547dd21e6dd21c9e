#!/usr/bin/python3
"""Golden losses and gradients of BERT, from the classes of the package transformers: writes bert_nets.json beside this file.

BertForSequenceClassification (its pooled state, or with "mean" the mean of the states through the same pooler) and
BertForMaskedLM, without dropout, in double precision, one line at a time, so without padding. Weights are those of
text_nets.py: number i is 0.5 sin(0.7 i + h), where h is the sum of the bytes of our name modulo 97, in our layout
([in, out]); norms are 1 + that. A gradient g is kept as its norm and its sum of g[i] cos(0.3 i + 1).
Made with transformers 4.37.2 and Debian 12's python3-torch 1.13.
"""
import json
import math
import os

import torch
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

torch.set_default_dtype(torch.float64)
VOCABULARY, HIDDEN, FEED, POSITIONS, CLASSES = 8, 6, 5, 7, 3
LINES = [[4, 5], [6, 4, 7, 5], [5, 6, 7]]  # as in tests/text_batch.h
TARGETS = [2, 0, 1]
HIDDEN_WORDS = [(0, 1, 6), (1, 0, 4), (1, 3, 7), (2, 2, 5)]  # line, place, the piece that belongs there


def settings(**other):
    return {"vocabulary": VOCABULARY, "hidden": HIDDEN, "heads": 2, "layers": 2, "feed_forward": FEED, "activation": "gelu",
            "positions": POSITIONS, "types": 2, "epsilon": 1e-12, "pooling": "first", "dropout": 0, "head_dropout": 0, **other}


CASES = [("classes, two heads", "classes", settings()), ("classes, mean", "classes", settings(pooling="mean", heads=3, layers=1)),
         ("classes, ReLU, wide epsilon", "classes", settings(activation="relu", epsilon=0.01)), ("words", "words", settings())]


def our_name(name):
    """Of a parameter of transformers: ours, and whether it is turned. None: it is no parameter of its own, or unused."""
    parts = name.split(".")
    if parts[0] == "cls":
        return {"bias": ("words.bias", False), "transform.dense.weight": ("words.map.weight", True),
                "transform.dense.bias": ("words.map.bias", False), "transform.LayerNorm.weight": ("words.norm.gamma", False),
                "transform.LayerNorm.bias": ("words.norm.beta", False)}.get(name[len("cls.predictions."):])
    if parts[0] == "classifier":
        return "classes.out." + parts[1], parts[1] == "weight"
    if parts[1] == "pooler":
        return "classes.pool." + parts[3], parts[3] == "weight"
    last = {"weight": "gamma", "bias": "beta"}[parts[-1]] if parts[-2] == "LayerNorm" else parts[-1]
    if parts[1] == "embeddings":
        return {"word_embeddings": "encoder.embedding", "position_embeddings": "encoder.position",
                "token_type_embeddings": "encoder.type", "LayerNorm": "encoder.embedding.norm." + last}[parts[2]], False
    layer, rest = f"encoder.layer{int(parts[3]) + 1}.", ".".join(parts[4:-1])
    part = {"attention.self.query": "self.query", "attention.self.key": "self.key", "attention.self.value": "self.value",
            "attention.output.dense": "self.out", "attention.output.LayerNorm": "self.norm", "intermediate.dense": "feed.in",
            "output.dense": "feed.out", "output.LayerNorm": "feed.norm"}[rest]
    return layer + part + "." + last, last == "weight"


def fill(name, turned, p):
    at = torch.arange(p.numel(), dtype=torch.float64)
    value = 0.5 * torch.sin(0.7 * at + sum(name.encode()) % 97)
    if name.endswith(".gamma"):
        value = 1 + value
    shape = p.shape[::-1] if turned else p.shape
    value = value.reshape(shape)
    p.data = value.T.contiguous() if turned else value


def digest(g):
    g = g.flatten()
    return [g.norm().item(), (g * torch.cos(0.3 * torch.arange(len(g), dtype=torch.float64) + 1)).sum().item()]


def run(name, head, s):
    config = BertConfig(vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=s["layers"], num_attention_heads=s["heads"],
                        intermediate_size=FEED, hidden_act=s["activation"], max_position_embeddings=POSITIONS, type_vocab_size=2,
                        layer_norm_eps=s["epsilon"], num_labels=CLASSES, hidden_dropout_prob=0.0,
                        attention_probs_dropout_prob=0.0, pad_token_id=None)
    model = (BertForSequenceClassification if head == "classes" else BertForMaskedLM)(config).double()
    params = {}
    for key, p in model.named_parameters():
        ours = our_name(key)
        if ours:
            fill(*ours, p)
            params[ours[0]] = (p, ours[1])
    loss, states = 0, []
    for i, line in enumerate(LINES):
        ids = torch.tensor([line])
        seen = model.bert(ids)
        states.append(digest(seen.last_hidden_state))
        if head == "classes":
            pooled = seen.pooler_output
            if s["pooling"] == "mean":
                pooled = torch.tanh(model.bert.pooler.dense(seen.last_hidden_state.mean(1)))
            loss = loss + F.cross_entropy(model.classifier(pooled), torch.tensor([TARGETS[i]])) / len(LINES)
        else:
            logits = model.cls(seen.last_hidden_state)[0]
            for which, place, piece in HIDDEN_WORDS:
                if which == i:
                    loss = loss + F.cross_entropy(logits[place:place + 1], torch.tensor([piece])) / len(HIDDEN_WORDS)
    loss.backward()
    return {"name": name, "head": head, "encoder": s, "states": states, "loss": loss.item(),
            "gradients": {n: digest((p.grad.T if turned else p.grad).contiguous()) for n, (p, turned) in sorted(params.items())}}


here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "bert_nets.json"), "w") as f:
    json.dump({"cases": [run(*case) for case in CASES]}, f, indent=1)
    f.write("\n")
