"""Writes the networks of nets.py for onnx_worker.js: encoder.onnx, start.onnx, step.onnx.   export_onnx.py FOLDER"""
import os
import sys
import warnings

import torch
from torch import nn

import nets

warnings.filterwarnings("ignore")
folder = sys.argv[1]
torch.manual_seed(1)


class Part(nn.Module):
    def __init__(self, whole):
        super().__init__()
        self.whole = whole


class Start(Part):
    def forward(self, feature_map):
        return self.whole.start(nets.as_regions(feature_map))


class Step(Part):
    def forward(self, values, keys, word, h, c):
        h, c = self.whole.step(values, keys, word, h, c)
        return self.whole.output(h), h, c


def write(module, example, name, inputs, outputs):
    torch.onnx.export(module.eval(), example, os.path.join(folder, name), input_names=inputs, output_names=outputs,
                      opset_version=14, dynamic_axes={n: {0: "batch"} for n in inputs + outputs})


decoder, state = nets.Decoder(nets.MobileNetV2.FEATURES), torch.randn(2, nets.HIDDEN)
write(nets.MobileNetV2(), (torch.randn(1, 3, 224, 224),), "encoder.onnx", ["pixels"], ["map"])
write(Start(decoder), (torch.randn(2, nets.MobileNetV2.FEATURES, 7, 7),), "start.onnx", ["map"], ["values", "keys", "h", "c"])
write(Step(decoder), (torch.randn(2, 49, nets.HIDDEN), torch.randn(2, 49, nets.ATTENTION), torch.ones(2, dtype=torch.long), state, state),
      "step.onnx", ["values", "keys", "word", "h", "c"], ["logits", "next_h", "next_c"])
