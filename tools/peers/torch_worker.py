"""Measures the rows of compare.py in PyTorch. Reads a row's name a line, answers with a JSON object a line.

    torch_worker.py --threads N --blas N [--seconds S]      a server for compare.py
    torch_worker.py --make WEIGHTS                          writes drawn weights
    torch_worker.py --cold PHOTO --weights WEIGHTS          one caption, as a program that ends afterwards
    torch_worker.py --once ROW                              one row, for its memory
"""
import argparse
import json
import os
import statistics
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1, help="of PyTorch's own loops and of oneDNN")
parser.add_argument("--blas", type=int, default=1, help="of matrix products")
parser.add_argument("--seconds", type=float, default=0.3)
parser.add_argument("--make", metavar="WEIGHTS")
parser.add_argument("--cold", metavar="PHOTO")
parser.add_argument("--weights", metavar="WEIGHTS")
parser.add_argument("--once", metavar="ROW")
options = parser.parse_args()
# Before the libraries load.
os.environ["OMP_NUM_THREADS"] = str(options.threads)
os.environ["OPENBLAS_NUM_THREADS"] = str(options.blas)
import torch  # noqa: E402

import nets  # noqa: E402

torch.set_num_threads(options.threads)
torch.manual_seed(1)


def encoder_for_use(example):
    """The fastest form of PyTorch 1.13 here: traced, frozen, norms folded, oneDNN's layout."""
    net = torch.jit.freeze(torch.jit.trace(nets.MobileNetV2().eval(), example))
    return torch.jit.optimize_for_inference(net)


def photos(count):
    return torch.randn(count, 3, 224, 224)


def encode():
    x = photos(1)
    net = encoder_for_use(x)
    return lambda: net(x), None


def words(run):
    decoder, regions = nets.Decoder(nets.MobileNetV2.FEATURES).eval(), torch.randn(1, 49, nets.MobileNetV2.FEATURES)
    return lambda: run(decoder, regions), None


def many(count):
    x = photos(count)
    net, decoder = encoder_for_use(x), nets.Decoder(nets.MobileNetV2.FEATURES).eval()
    return lambda: decoder.greedy(nets.as_regions(net(x))), count


def training(modules, loss, count):
    parameters = [p for m in modules for p in m.parameters()]
    optimizer = torch.optim.Adam(parameters, 4e-4)

    def step():
        with torch.enable_grad():
            optimizer.zero_grad()
            loss().backward()
            nn_clip(parameters, 5.0)
            optimizer.step()

    return step, count


nn_clip = torch.nn.utils.clip_grad_norm_


def train_decoder(count=32):
    decoder, regions = nets.Decoder(nets.MobileNetV2.FEATURES), torch.randn(count, 49, nets.MobileNetV2.FEATURES)
    captions = torch.randint(0, nets.VOCABULARY, (count, nets.WORDS + 1))
    return training([decoder], lambda: decoder(regions, captions), count)


def train_all(count=32):
    net, decoder, x = nets.MobileNetV2(), nets.Decoder(nets.MobileNetV2.FEATURES), photos(count)
    captions = torch.randint(0, nets.VOCABULARY, (count, nets.WORDS + 1))
    return training([net, decoder], lambda: decoder(nets.as_regions(net(x)), captions), count)


def dates(match, count=128):
    net = nets.Dates(match)
    source, target = torch.randint(0, 60, (count, 29)), torch.randint(0, 60, (count, 12))
    return training([net], lambda: net(source, target), count)


# Each makes what is run and says how many things a run does; None: the time of a run is wanted.
ROWS = {
    "encoder": encode,
    "greedy": lambda: words(lambda decoder, regions: decoder.greedy(regions)),
    "beam": lambda: words(lambda decoder, regions: decoder.beam(regions, 5)),
    "many": lambda: many(16),
    "decoder": train_decoder,
    "train": train_all,
    "dates dot": lambda: dates("dot"),
    "dates additive": lambda: dates("additive"),
}
made = {}


def measure(row):
    if row not in made:
        made[row] = ROWS[row]()
        made[row][0]()  # warms up
    run, things = made[row]
    times, end = [], time.perf_counter() + options.seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    return {"figure": things / median if things else 1e3 * median}


def make(path):
    net, decoder = nets.MobileNetV2(), nets.Decoder(nets.MobileNetV2.FEATURES)
    torch.save({"net": net.state_dict(), "decoder": decoder.state_dict()}, path)


def describe(photo, weights):
    from PIL import Image
    import numpy

    net, decoder, state = nets.MobileNetV2().eval(), nets.Decoder(nets.MobileNetV2.FEATURES).eval(), torch.load(weights)
    net.load_state_dict(state["net"])
    decoder.load_state_dict(state["decoder"])
    pixels = numpy.asarray(Image.open(photo).convert("RGB").resize((224, 224), Image.BILINEAR))
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(255).sub_(0.45).div_(0.225).unsqueeze(0)
    return decoder.beam(nets.as_regions(net(x)), 3).tolist()


with torch.no_grad():
    if options.make:
        make(options.make)
    elif options.cold:
        print(*describe(options.cold, options.weights))
    elif options.once:
        ROWS[options.once]()[0]()
    else:
        for line in sys.stdin:
            name = line.strip()
            print(json.dumps({"version": torch.__version__} if name == "version" else measure(name)), flush=True)
