#!/usr/bin/env python3
"""Sets `caption bench` beside PyTorch, and ONNX Runtime where it is at hand, in one run: every round measures all in turn.

    apt-get install python3-torch python3-numpy python3-pil          PyTorch
    npm install --prefix FOLDER onnxruntime-node --ignore-scripts    ONNX Runtime, for --onnx FOLDER
    tools/peers/compare.py --onnx FOLDER

Both peers run nets.py: the same sizes, drawn weights, the fastest form and the best setting of threads that is known of each.
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

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTO = os.path.join(HERE, "..", "..", "tests", "photos")

# Row of the peers; whether it is measured on two threads; the rows of `caption bench` that do the same: --only, and what.
ROWS = [
    ("encoder", False, "encoder", ["mobilenet_v2 at 224", "mobilenet_v2 at 224, bf16"]),
    ("greedy", False, "words", ["20 words, greedy, f32", "20 words, greedy, bf16", "20 words, greedy, int8"]),
    ("beam", False, "words", ["20 words, beam 5, f32", "20 words, beam 5, bf16", "20 words, beam 5, int8"]),
    ("many", True, "many", ["mobilenet_v2, f32", "mobilenet_v2, bf16"]),
    ("decoder", True, "decoder", ["peers' sizes, f32", "peers' sizes, bf16"]),
    ("train", True, "train", ["mobilenet_v2, as peers"]),
    ("dates dot", False, "dates", ["dot, 29 symbols, f32", "dot, 29 symbols, bf16"]),
    ("dates additive", False, "dates", ["additive, 29 symbols, f32", "additive, 29 symbols, bf16"]),
]
ONNX_ROWS = ("encoder", "greedy", "beam", "many")


def command_line():
    parser = argparse.ArgumentParser(description="Sets caption beside its peers on this machine.")
    parser.add_argument("--caption", default=os.path.join(HERE, "..", "..", "build", "release", "caption"))
    parser.add_argument("--python", default=sys.executable, help="one that can import torch")
    parser.add_argument("--onnx", metavar="FOLDER", help="where onnxruntime-node was installed")
    parser.add_argument("--photo", default=os.path.join(PHOTO, sorted(p for p in os.listdir(PHOTO) if p.endswith(".jpg"))[0]))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a row in a round")
    parser.add_argument("--only", help="cold, or one of: " + ", ".join(r[0] for r in ROWS))
    return parser.parse_args()


class Worker:
    """A peer that answers on its standard output what is asked on its standard input."""

    def __init__(self, name, *command, env=None):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.version = self.ask("version")["version"]

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name} ended while it measured '{line}'")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def torch_command(options, threads, blas):
    return [options.python, os.path.join(HERE, "torch_worker.py"), "--threads", str(threads), "--blas", str(blas),
            "--seconds", str(options.seconds)]


def open_workers(options, folder):
    """By peer and number of threads; PyTorch is best with two threads of its own or with two for products, by the row."""
    workers = {("PyTorch", 1): [Worker("PyTorch", *torch_command(options, 1, 1))],
               ("PyTorch", 2): [Worker("PyTorch", *torch_command(options, 2, 1)), Worker("PyTorch", *torch_command(options, 1, 2))]}
    for threads in (1, 2) if options.onnx else ():
        command = ["node", os.path.join(HERE, "onnx_worker.js"), folder, str(threads), str(options.seconds)]
        workers["ONNX Runtime", threads] = [Worker("ONNX Runtime", *command)]
    return workers


def check(options):
    if not os.access(options.caption, os.X_OK):
        sys.exit(f"compare.py: there is no program '{options.caption}'; build it (tools/check) or name it with --caption")
    if subprocess.run([options.python, "-c", "import torch, numpy, PIL"], stderr=subprocess.DEVNULL).returncode:
        sys.exit(f"compare.py: '{options.python}' has no PyTorch: apt-get install python3-torch python3-numpy python3-pil, "
                 "or name a Python that has it with --python")
    if options.onnx and not os.path.isdir(os.path.join(options.onnx, "node_modules", "onnxruntime-node")):
        sys.exit(f"compare.py: no onnxruntime-node in '{options.onnx}': npm install --prefix '{options.onnx}' onnxruntime-node "
                 "--ignore-scripts")


def make_networks(options, folder):
    """What the cold processes and ONNX Runtime read."""
    subprocess.run([options.python, os.path.join(HERE, "torch_worker.py"), "--make", os.path.join(folder, "weights.pt")], check=True)
    if options.onnx:
        os.symlink(os.path.abspath(os.path.join(options.onnx, "node_modules")), os.path.join(folder, "node_modules"))
        subprocess.run([options.python, os.path.join(HERE, "export_onnx.py"), folder], check=True)


# ---- rounds ----


def ours(options, group, threads):
    """what -> figure"""
    command = [options.caption, "bench", "--json", "--quiet", "--only", group, "--threads", str(threads),
               "--seconds", str(options.seconds)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return {r["what"]: (r["figure"], r["unit"]) for r in report["results"]}


def run_once(command):
    """Seconds and MiB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


class Table:
    """Figures of (row, contestant), round by round."""

    def __init__(self):
        self.units, self.figures = {}, {}

    def add(self, row, contestant, figure, unit):
        self.units[row] = unit
        self.figures.setdefault(row, {}).setdefault(contestant, []).append(figure)

    def print(self, versions):
        names = ["caption"] + list(versions)
        print(f"{'what':44}" + "".join(f"{n + ' ' + versions.get(n, ''):>22}" for n in names) + "   caption is better")
        for row, figures in self.figures.items():
            medians = [statistics.median(figures[n]) if n in figures else None for n in names]
            larger = self.units[row].endswith("/s")
            times = [(medians[0] / m if larger else m / medians[0]) for m in medians[1:] if m]
            cells = "".join(f"{f'{m:.4g} ' + self.units[row]:>22}" if m else f"{'-':>22}" for m in medians)
            print(f"{row:44}{cells}   {' / '.join(f'{t:.2f} x' for t in times)}")


def measure_cold(options, folder, table):
    contestants = {"caption": [options.caption, "-t", "1", options.photo],
                   "PyTorch": torch_command(options, 1, 1) + ["--cold", options.photo, "--weights", os.path.join(folder, "weights.pt")]}
    if options.onnx:
        contestants["ONNX Runtime"] = ["node", os.path.join(HERE, "onnx_worker.js"), folder, "1", "cold"]
    for name, command in contestants.items():
        seconds, memory = run_once(command)
        table.add("a new process, beam 3, 1 thread", name, 1e3 * seconds, "ms")
        table.add("its peak memory", name, memory, "MiB")


def measure_row(options, workers, row, table, cache):
    name, two, group, whats = row
    threads = 2 if two else 1
    if (group, threads) not in cache:
        cache[group, threads] = ours(options, group, threads)
    peers = {}
    for (peer, peer_threads), those in workers.items():
        if peer_threads != threads or (peer == "ONNX Runtime" and name not in ONNX_ROWS):
            continue
        answers = [w.ask(name)["figure"] for w in those]
        peers[peer] = max(answers) if cache[group, threads][whats[0]][1].endswith("/s") else min(answers)
    for what in whats:
        figure, unit = cache[group, threads][what]
        label = f"{group}: {what}, {threads} thread{'s' if two else ''}"
        table.add(label, "caption", figure, unit)
        for peer, other in peers.items():
            table.add(label, peer, other, unit)


def main():
    options = command_line()
    check(options)
    table, folder = Table(), tempfile.mkdtemp(prefix="peers-")
    try:
        make_networks(options, folder)
        workers = open_workers(options, folder)
        for number in range(options.rounds):
            cache = {}
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            if options.only in (None, "cold"):
                measure_cold(options, folder, table)
            for row in ROWS:
                if options.only in (None, row[0]):
                    measure_row(options, workers, row, table, cache)
        table.print({peer: those[0].version for (peer, _), those in workers.items()})
        for those in workers.values():
            for worker in those:
                worker.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
