#!/usr/bin/env python3
"""Sets the rows of `caption bench` that are of lines of text beside PyTorch and ONNX Runtime: MiniLM, and the Transformer for pairs.

    python3 -m venv FOLDER && FOLDER/bin/pip install torch onnx onnxruntime
    FOLDER/bin/python tools/peers/compare_lines.py --caption build/release/caption

Sizes are those of tools/bench_lines.c and tools/bench_pairs.c, weights are drawn, and every round measures all in turn: one thread
each, but learning, which has two. The peers run the fastest form that is known of each: MiniLM is PyTorch's own encoder layers on
their fused path, in eight bits its matrices are quantised dynamically (torch.ao, onnxruntime.quantization); ONNX Runtime reads the
same network with its own fusions. The pairs are torch.nn.Transformer, which keeps no keys and values while it translates.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
warnings.filterwarnings("ignore")

import torch
from torch import nn
from torch.nn import functional as F

PIECES, LINE, HIDDEN, HEADS, LAYERS, FEED, POSITIONS = 30522, 32, 384, 12, 6, 1536, 512
VOCABULARY, PAIRS, TRANSLATED, WORDS, WIDTH = 8000, 64, 32, 16, 256


class Layer(nn.Module):
    """A layer of BERT in single ops, which can be quantised and exported."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.widen, self.narrow = nn.Linear(HIDDEN, FEED), nn.Linear(FEED, HIDDEN)
        self.first, self.second = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x):
        q, k, v = (m(x).reshape(x.shape[0], LINE, HEADS, -1).transpose(1, 2) for m in (self.query, self.key, self.value))
        weights = torch.softmax(q @ k.transpose(2, 3) * (HIDDEN // HEADS) ** -0.5, 3)
        x = self.first(x + self.out((weights @ v).transpose(1, 2).reshape(x.shape)))
        return self.second(x + self.narrow(F.gelu(self.widen(x))))


class MiniLM(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.words, self.places = nn.Embedding(PIECES, HIDDEN), nn.Embedding(POSITIONS, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN)
        layer = nn.TransformerEncoderLayer(HIDDEN, HEADS, FEED, 0, "gelu", batch_first=True) if fused else Layer()
        self.layers = nn.TransformerEncoder(layer, LAYERS) if fused else nn.Sequential(*(Layer() for _ in range(LAYERS)))

    def forward(self, pieces):
        return self.layers(self.norm(self.words(pieces) + self.places.weight[:LINE]))


class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(VOCABULARY, WIDTH)
        self.net = nn.Transformer(WIDTH, 4, 3, 3, 1024, 0.1, batch_first=True, norm_first=True)
        self.output = nn.Linear(WIDTH, VOCABULARY)
        self.output.weight = self.target.weight
        self.mask = nn.Transformer.generate_square_subsequent_mask(WORDS)

    def after(self, memory, words):
        n = words.shape[1]
        return self.net.decoder(self.target(words) * WIDTH**0.5, memory, tgt_mask=self.mask[:n, :n], tgt_is_causal=True)

    def forward(self, source, target):
        states = self.after(self.net.encoder(self.source(source) * WIDTH**0.5), target[:, :-1])
        return F.cross_entropy(self.output(states).flatten(0, 1), target[:, 1:].flatten(), label_smoothing=0.1)

    def translate(self, source):
        memory, words = self.net.encoder(self.source(source) * WIDTH**0.5), torch.ones(len(source), 1, dtype=torch.long)
        for _ in range(WORDS):
            words = torch.cat((words, self.output(self.after(memory, words)[:, -1]).argmax(1, True)), 1)
        return words


def in_eight_bits(net):
    return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)


def onnx_session(folder, count, eight_bits):
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = os.path.join(folder, f"minilm{count}.onnx")
    if not os.path.exists(path):
        torch.onnx.export(MiniLM(False).eval(), (drawn(PIECES, count, LINE),), path, input_names=["pieces"], dynamo=False)
    if eight_bits:
        narrow = path.replace(".onnx", ".int8.onnx")
        quantize_dynamic(path, narrow, weight_type=QuantType.QInt8, per_channel=True)
        path = narrow
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    feed = {"pieces": drawn(PIECES, count, LINE).numpy()}
    return lambda: session.run(None, feed)


def drawn(most, *shape):
    return torch.randint(4, most, shape)


def torch_minilm(count, eight_bits):
    net, pieces = MiniLM(not eight_bits).eval(), drawn(PIECES, count, LINE)
    net = in_eight_bits(net) if eight_bits else net
    return lambda: net(pieces)


def torch_learning():
    net, source, target = Pairs(), drawn(VOCABULARY, PAIRS, WORDS), drawn(VOCABULARY, PAIRS, WORDS + 1)
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)

    def run():
        with torch.enable_grad():
            optimiser.zero_grad()
            net(source, target).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5)
            optimiser.step()

    return run


def torch_translating(eight_bits):
    net, source = Pairs().eval(), drawn(VOCABULARY, TRANSLATED, WORDS)
    if eight_bits:
        net.output = nn.Linear(WIDTH, VOCABULARY)  # quantising cannot tie it
        net = in_eight_bits(net)
    return lambda: net.translate(source)


def rows(folder):
    """(row of `caption bench`, group, threads, things of a run, {peer: what makes its run})"""
    made = []
    for count, words in ((1, "one line"), (32, "32 lines")):
        for eight_bits, precision in ((False, "f32"), (True, "int8")):
            made.append((f"MiniLM, {words}, {precision}", "lines", 1, count,
                         {"PyTorch": lambda c=count, e=eight_bits: torch_minilm(c, e),
                          "ONNX Runtime": lambda c=count, e=eight_bits: onnx_session(folder, c, e)}))
    made.append(("Transformer, learning, f32", "pairs", 2, PAIRS, {"PyTorch": torch_learning}))
    for eight_bits, precision in ((False, "f32"), (True, "int8")):
        made.append((f"Transformer, translating, {precision}", "pairs", 1, TRANSLATED,
                     {"PyTorch": lambda e=eight_bits: torch_translating(e)}))
    return made


def rate(run, things, seconds):
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return things / statistics.median(times)


def ours(options, group, threads):
    command = [options.caption, "bench", "--json", "--quiet", "--only", group, "--threads", str(threads), "--seconds", str(options.seconds)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {r["what"]: r["figure"] for r in report["results"]}


def main():
    parser = argparse.ArgumentParser(description="Sets caption's rows of lines beside PyTorch and ONNX Runtime.")
    parser.add_argument("--caption", default=os.path.join(HERE, "..", "..", "build", "release", "caption"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a row in a round")
    parser.add_argument("--only", choices=["lines", "pairs"])
    options = parser.parse_args()
    if not os.access(options.caption, os.X_OK):
        sys.exit(f"compare_lines.py: there is no program '{options.caption}'; build it (tools/check) or name it with --caption")
    folder, figures, runs = tempfile.mkdtemp(prefix="peers-"), {}, {}
    wanted = [r for r in rows(folder) if options.only in (None, r[1])]
    try:
        with torch.inference_mode():
            for row in wanted:
                for peer, make in row[4].items():
                    torch.set_num_threads(row[2])
                    runs[row[0], peer] = make() if "learning" not in row[0] else None
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            reports = {key: ours(options, *key) for key in sorted({(r[1], r[2]) for r in wanted})}
            for what, group, threads, things, peers in wanted:
                figures.setdefault((what, "caption"), []).append(reports[group, threads][what])
                torch.set_num_threads(threads)
                for peer in peers:
                    run = runs[what, peer] = runs[what, peer] or peers[peer]()
                    with torch.no_grad():
                        run()  # warms up
                        figures.setdefault((what, peer), []).append(rate(run, things, options.seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    names = ["caption", "PyTorch", "ONNX Runtime"]
    print(f"{'a second':36}" + "".join(f"{n:>16}" for n in names) + "   caption is better")
    for what, *_ in wanted:
        medians = [statistics.median(figures[what, n]) if (what, n) in figures else None for n in names]
        cells = "".join(f"{m:>16.4g}" if m else f"{'-':>16}" for m in medians)
        print(f"{what:36}{cells}   " + " / ".join(f"{medians[0] / m:.2f} x" for m in medians[1:] if m))


if __name__ == "__main__":
    main()
