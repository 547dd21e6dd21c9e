#!/usr/bin/env python3
"""make_copies.py FOLDER...: three altered copies of a set of photos with captions, to learn from beside it.

Of FOLDER (captions_train.json and images/) come FOLDER_0, FOLDER_1 and FOLDER_2 with the same names and captions: the
photos mirrored; and twice a random part of at least 70 % of the area at its old size, mirrored half of the time, with
brightness, contrast and colour changed by up to 15 %. The draws are a function of the copy's number and the photo's
place in the file. Needs Pillow (Debian: python3-pil).
"""
import json
import os
import random
import sys
from multiprocessing import Pool

from PIL import Image, ImageEnhance

COPIES = 3


def random_part(image, draws):
    width, height = image.size
    area, aspect = draws.uniform(0.7, 1.0), draws.uniform(0.85, 1.18)
    across = int(width * min(1, (area * aspect) ** 0.5))
    down = int(height * min(1, (area / aspect) ** 0.5))
    left, top = draws.randint(0, width - across), draws.randint(0, height - down)
    return image.crop((left, top, left + across, top + down)).resize((width, height), Image.BICUBIC)


def alter(image, draws):
    image = random_part(image, draws)
    if draws.random() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(draws.uniform(0.85, 1.15))
    return image


def make_copy(job):
    source, target, copy, place = job
    image = Image.open(source).convert("RGB")
    if copy == 0:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    else:
        image = alter(image, random.Random(copy * 100003 + place))
    image.save(target, quality=93)


def jobs_of(folder):
    with open(f"{folder}/captions_train.json", encoding="utf-8") as file:
        captions = json.load(file)
    for copy in range(COPIES):
        out = f"{folder}_{copy}"
        os.makedirs(f"{out}/images", exist_ok=True)
        with open(f"{out}/captions_train.json", "w", encoding="utf-8") as file:
            json.dump(captions, file)
        for place, image in enumerate(captions["images"]):
            name = image["file_name"]
            yield f"{folder}/images/{name}", f"{out}/images/{name}", copy, place


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    with Pool() as pool:
        for folder in sys.argv[1:]:
            for _ in pool.imap_unordered(make_copy, jobs_of(folder.rstrip("/")), chunksize=100):
                pass


if __name__ == "__main__":
    main()
