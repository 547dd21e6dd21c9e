#!/usr/bin/env python3
"""shapes.py CAPTION DATA [--model M] [--limit N] [--only NAME ...]: does the shape of a photo change what is said of it?

DATA holds captions_train.json and images/, as coco_mini does. Each photo is shown to `CAPTION eval` in other shapes that
users meet, and the CIDEr of each is set beside that of the photos as they are, with the share of captions that stay:

    640, 4000       the whole photo, its longer side of so many pixels: sent by a messenger, fresh from a camera
    4:3 ... 9:16    the whole photo on a canvas of that shape, black around it, as messengers, videos and screens add it
    cut 4:3 ...     the largest part of that shape in the middle, as a phone's camera cuts it: what was beside it is gone,
                    so that other things may be said with right; for comparison only

Photos that are stretched to another shape are not among them: nobody sends these, and what they show is no longer true.
Ends with 1 if the CIDEr of a whole photo is off by more than 2. Needs Pillow (python3-pil). Not part of ctest: 4000
pixels a side take minutes."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

SIDES = {"640": 640, "4000": 4000}
ASPECTS = {"4:3": 4 / 3, "16:9": 16 / 9, "1:1": 1, "3:4": 3 / 4, "9:16": 9 / 16}
MOST_OFF = 2


def scale(photo, side):
    factor = side / max(photo.size)
    return photo.resize([max(1, round(s * factor)) for s in photo.size], Image.LANCZOS)


def frame(photo, aspect):
    """In the middle of the smallest canvas of that aspect."""
    width, height = max(photo.width, photo.height * aspect), max(photo.height, photo.width / aspect)
    canvas = Image.new("RGB", (round(width), round(height)))
    canvas.paste(photo, ((canvas.width - photo.width) // 2, (canvas.height - photo.height) // 2))
    return canvas


def cut(photo, aspect):
    """The largest part of that aspect around the middle."""
    width, height = min(photo.width, photo.height * aspect), min(photo.height, photo.width / aspect)
    left, top = (photo.width - width) / 2, (photo.height - height) / 2
    return photo.crop((round(left), round(top), round(left + width), round(top + height)))


def judge(options, images):
    """CIDEr of the model's captions of the photos in a folder, and these by their numbers."""
    with tempfile.TemporaryDirectory() as folder:
        said = pathlib.Path(folder, "said.json")
        command = [options.caption, "eval", "--captions", options.captions, "--images", str(images), "--json", "--quiet",
                   "--results-out", str(said)]
        if options.model:
            command += ["--model", options.model]
        if options.limit:
            command += ["--limit", str(options.limit)]
        scores = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return 100 * scores["CIDEr"], {r["image_id"]: r["caption"] for r in json.loads(said.read_text())}


def judge_changed(options, names, change):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            to = pathlib.Path(folder, name)
            to.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(options.images / name) as photo:
                change(photo.convert("RGB")).save(to, quality=95)
        return judge(options, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caption")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--model")
    parser.add_argument("--limit", type=int, default=0, help="photos, the first ones; 0: all")
    parser.add_argument("--only", nargs="+", help="the shapes to try, by their names above")
    options = parser.parse_args()
    options.captions, options.images = str(options.data / "captions_train.json"), options.data / "images"
    with open(options.captions) as file:
        names = [image["file_name"] for image in json.load(file)["images"]][: options.limit or None]
    whole = {name: lambda p, s=s: scale(p, s) for name, s in SIDES.items()}
    whole |= {name: lambda p, a=a: frame(p, a) for name, a in ASPECTS.items()}
    parts = {"cut " + name: lambda p, a=a: cut(p, a) for name, a in ASPECTS.items()}
    shapes = {name: c for name, c in (whole | parts).items() if not options.only or name in options.only}
    plain, said = judge(options, options.images)
    print(f"{'as they are':12} {plain:6.1f}", flush=True)
    off = 0
    for name, change in shapes.items():
        value, now = judge_changed(options, names, change)
        same = sum(now.get(number) == caption for number, caption in said.items()) / len(said)
        print(f"{name:12} {value:6.1f} {value - plain:+6.1f}   {100 * same:3.0f} % of the captions stay", flush=True)
        off = max(off, abs(value - plain)) if name in whole else off
    sys.exit(off > MOST_OFF)


main()
