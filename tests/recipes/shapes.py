#!/usr/bin/env python3
"""shapes.py CAPTION CAPTIONS.json IMAGES [--model M] [--limit N]: does the shape of a photo change what is said of it?
Makes versions of the photos (middle cut to 4:3, 16:9, 1:1 and 3:4, and the whole at 640 and at 4000 pixels), lets
`CAPTION eval` caption each set and prints the CIDEr of each beside that of the photos as they are. Needs Pillow
(python3-pil). Not part of ctest: 4000 pixels a side take a while."""

import argparse
import json
import pathlib
import subprocess
import tempfile

from PIL import Image

SHAPES = {"4:3": 4 / 3, "16:9": 16 / 9, "1:1": 1, "3:4": 3 / 4}
SIDES = {"640 pixels": 640, "4000 pixels": 4000}


def cut(photo, aspect):
    """The largest part of that aspect around the middle."""
    width, height = min(photo.width, photo.height * aspect), min(photo.height, photo.width / aspect)
    left, top = (photo.width - width) / 2, (photo.height - height) / 2
    return photo.crop((round(left), round(top), round(left + width), round(top + height)))


def scale(photo, side):
    factor = side / max(photo.size)
    return photo.resize([max(1, round(s * factor)) for s in photo.size], Image.LANCZOS)


def cider(options, images):
    command = [options.caption, "eval", "--captions", options.captions, "--images", str(images), "--json", "--quiet"]
    if options.model:
        command += ["--model", options.model]
    if options.limit:
        command += ["--limit", str(options.limit)]
    return 100 * json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["CIDEr"]


def measure(options, names, change):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            to = pathlib.Path(folder, name)
            to.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(pathlib.Path(options.images, name)) as photo:
                change(photo.convert("RGB")).save(to, quality=95)
        return cider(options, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("caption")
    parser.add_argument("captions")
    parser.add_argument("images")
    parser.add_argument("--model")
    parser.add_argument("--limit", type=int, default=0)
    options = parser.parse_args()
    with open(options.captions) as file:
        names = [image["file_name"] for image in json.load(file)["images"]][: options.limit or None]
    plain = cider(options, options.images)
    print(f"{'as they are':12} {plain:6.1f}")
    changes = {name: lambda p, a=a: cut(p, a) for name, a in SHAPES.items()}
    changes |= {name: lambda p, s=s: scale(p, s) for name, s in SIDES.items()}
    for name, change in changes.items():
        value = measure(options, names, change)
        print(f"{name:12} {value:6.1f} {value - plain:+6.1f}", flush=True)


main()
