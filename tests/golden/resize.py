#!/usr/bin/python3
"""Makes resize/: source.png, cases.txt (name filter width height x0 y0 x1 y1) and Pillow's result NAME.ppm
for each case. Run in this folder; needs Pillow and numpy (Debian: python3-pil python3-numpy)."""
import numpy as np
from PIL import Image

rng = np.random.default_rng(2)
y, x = np.mgrid[0:61, 0:83]
rgb = np.stack([255 * x / 83, 255 * y / 61, 127 + 120 * np.sin(x * y / 90)], -1)
rgb[20:40, 30:50] = rng.integers(0, 256, (20, 20, 3))  # noise and hard edges
rgb[0:3] = 255
source = Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))
source.save("resize/source.png")

filters = {"box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
cases = [
    ("shrink", "bilinear", 32, 20, 0, 0, 83, 61),
    ("square", "bilinear", 24, 24, 0, 0, 83, 61),
    ("crop", "bilinear", 28, 28, 11, 0, 72, 61),
    ("fraction", "bilinear", 31, 17, 3.25, 2.5, 70.75, 55.125),
    ("enlarge", "bilinear", 150, 90, 20, 10, 60, 40),
    ("same", "bilinear", 83, 61, 0, 0, 83, 61),
    ("dot", "bilinear", 1, 1, 0, 0, 83, 61),
    ("mixed", "bilinear", 160, 9, 0, 0, 83, 61),
    ("box", "box", 30, 19, 0, 0, 83, 61),
    ("cubic_shrink", "bicubic", 25, 33, 0, 0, 83, 61),
    ("cubic_enlarge", "bicubic", 140, 100, 25.5, 15, 55, 45.5),
]
with open("resize/cases.txt", "w") as f:
    for name, kind, w, h, *box in cases:
        source.resize((w, h), filters[kind], box=box).save(f"resize/{name}.ppm")
        print(name, kind, w, h, *box, file=f)
