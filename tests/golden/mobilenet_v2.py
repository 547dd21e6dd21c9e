#!/usr/bin/python3
"""Golden features of MobileNetV2, from PyTorch: writes mobilenet_v2.json beside this file.

    tests/golden/mobilenet_v2.py ../shared/data/weights/mobilenet_v2.safetensors

The network is written out in torch.nn (after Sandler et al. 2018, with torchvision's layer names) and runs in
double precision, so that its own rounding is nothing beside that of the program under test. The input is a formula:
pixel (y, x, channel c) has the byte (7 y + 13 x + 50 c + x y) mod 256, normalised with the file's mean and std.
Made with Debian 12's python3-torch 1.13 and numpy 1.24.
"""
import json
import os
import struct
import sys

import numpy as np
import torch
from torch import nn


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    meta = header.pop("__metadata__")
    tensors = {}
    for name, t in header.items():
        assert t["dtype"] == "F32"
        begin, end = t["data_offsets"]
        tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], "<f4").reshape(t["shape"]).copy())
    return meta, tensors


def conv_norm(i, o, kernel=3, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.ReLU6())


class InvertedResidual(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        inner = i * expand
        layers = [conv_norm(i, inner, 1)] if expand != 1 else []
        layers += [conv_norm(inner, inner, 3, stride, inner), nn.Conv2d(inner, o, 1, bias=False), nn.BatchNorm2d(o)]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and i == o

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class Features(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [conv_norm(3, 32, 3, 2)], 32
        for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                           (6, 320, 1, 1)]:
            for k in range(n):
                layers.append(InvertedResidual(channels, c, 1 if k else s, t))
                channels = c
        self.features = nn.Sequential(*layers, conv_norm(channels, 1280, 1))

    def forward(self, x):
        return self.features(x)


def pattern(size):
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    return (7 * y + 13 * x + 50 * c + x * y) % 256


def golden(net, meta, size):
    mean, std = np.array(json.loads(meta["mean"])), np.array(json.loads(meta["std"]))
    pixels = (pattern(size) / 255.0 - mean) / std
    with torch.no_grad():
        y = net(torch.from_numpy(pixels).permute(2, 0, 1)[None]).permute(0, 2, 3, 1).numpy()[0]  # [gh,gw,1280]
    flat = y.reshape(-1)
    at = [int(i) for i in (np.arange(200) * 7919) % flat.size]
    groups = y.reshape(-1, 40, 32).sum(axis=(0, 2))  # over regions and 32 neighbouring channels
    return {"size": size, "map": list(y.shape), "index": at, "value": [round(float(flat[i]), 7) for i in at],
            "group_sums": [round(float(s), 5) for s in groups]}


def main():
    meta, tensors = read_safetensors(sys.argv[1])
    net = Features()
    unexpected = net.load_state_dict(tensors, strict=False)
    assert not unexpected.unexpected_keys
    assert all(k.endswith("num_batches_tracked") for k in unexpected.missing_keys)
    net = net.double().eval()
    cases = [golden(net, meta, size) for size in (224, 97)]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mobilenet_v2.json"), "w") as f:
        json.dump({"recipe": "tests/golden/mobilenet_v2.py", "cases": cases}, f)
        f.write("\n")


main()
