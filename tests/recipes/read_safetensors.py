"""Takes apart the file that safetensors_test.c writes, knowing only the format, and checks its values.

    python3 read_safetensors.py FILE        exit status 0: all as expected
"""
import json
import struct
import sys

import numpy as np

numbers = np.array([0, 1, -2, 0.1, 65504, -3.5, 127, 63.5, -0.25, 0, 0, 0], np.float32)
file = open(sys.argv[1], "rb").read()
(length,) = struct.unpack("<Q", file[:8])
header, data = json.loads(file[8:8 + length]), file[8 + length:]
assert (8 + length) % 64 == 0
assert header.pop("__metadata__") == {"format": "pt", "config": '{"word": "caf\u00e9"}'}

types = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1", "U8": "u1", "I64": "<i8"}


def tensor(name):
    info = header.pop(name)
    begin, end = info["data_offsets"]
    return np.frombuffer(data[begin:end], types[info["dtype"]]).reshape(info["shape"])


assert sorted(i for x in header.values() for i in x["data_offsets"])[-1] == len(data)
assert np.array_equal(tensor("full"), numbers.reshape(2, 3, 2))
assert np.array_equal(tensor("half"), numbers.astype(np.float16).reshape(3, 4))
brain = tensor("brain").astype(np.uint32) << 16
error = np.abs(brain.view(np.float32) - numbers)
assert np.all(error <= np.abs(numbers) / 256)
rows = numbers.reshape(4, 3)
scale = np.abs(rows).max(axis=1) / np.float32(127)
assert np.array_equal(tensor("small.scale"), scale)
assert np.array_equal(tensor("small"), np.rint(rows / np.where(scale > 0, scale, 1)[:, None]))
assert np.array_equal(tensor("bytes"), [1, 128, 255])
assert np.array_equal(tensor("long"), [1, -2, 2**40])
assert tensor("none").shape == (0, 5)
assert tensor("one").shape == () and header == {}
