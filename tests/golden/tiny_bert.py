#!/usr/bin/python3
"""A tiny BERT as the package transformers saves it, and what it makes of some lines: writes the folder tiny_bert beside this file.

BertForPreTraining (encoder, pooler and the head of masked words) with weights drawn by seed 1, in model.safetensors with
config.json and vocab.txt; states.json has for each line its pieces, the states of the last layer (sum over the numbers of
cos(0.3 i + 1) times number i, for each piece), the same digest of the pooled state, and which piece the head finds
likeliest at each place. Made with transformers 4.37.2 and Debian 12's python3-torch 1.13.
"""
import json
import os
import string

import torch
from transformers import BertConfig, BertForPreTraining, BertTokenizer

WORDS = "a ##n the good bad film ##s funny dull is was not very and it un ##funny".split()
LINES = ["a good film", "The film was not funny, it was dull!", "unfunny", "very very very good", "[MASK] is bad", ""]

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny_bert")
os.makedirs(here, exist_ok=True)
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS
vocabulary += [c for c in string.ascii_lowercase + ",.!" if c not in vocabulary]
with open(os.path.join(here, "vocab.txt"), "w") as f:
    f.write("".join(p + "\n" for p in vocabulary))
torch.manual_seed(1)
config = BertConfig(vocab_size=len(vocabulary), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
                    max_position_embeddings=16, initializer_range=0.5)
model = BertForPreTraining(config).eval()
with torch.no_grad():
    for p in model.parameters():  # biases and norms are 0 and 1 at first
        p += 0.1 * torch.randn_like(p)
model.save_pretrained(here, safe_serialization=True)
os.path.exists(os.path.join(here, "generation_config.json")) and os.remove(os.path.join(here, "generation_config.json"))


def digest(x):
    return (x.double() * torch.cos(0.3 * torch.arange(x.shape[-1]).double() + 1)).sum(-1).tolist()


tokenizer, out = BertTokenizer(os.path.join(here, "vocab.txt")), []
with torch.no_grad():
    for line in LINES:
        x = tokenizer(line, return_tensors="pt")
        seen, y = model.bert(**x), model(**x)
        out.append({"line": line, "pieces": x["input_ids"][0].tolist(), "states": digest(seen.last_hidden_state[0]),
                    "pooled": digest(seen.pooler_output[0]), "likeliest": y.prediction_logits[0].argmax(-1).tolist()})
with open(os.path.join(here, "states.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
