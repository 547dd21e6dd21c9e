#!/usr/bin/env python3
"""result_pictures.py CAPTION DATA OUT [--model M]: where the words of a model looked, in twelve photos of
DATA (coco_mini: instances_train.json and images/) whose licences let them be shown. Writes OUT/ID.jpg, each at most 40 KB,
and OUT/README.md with the captions, beside what a person said, and whose the photos are. Needs Pillow (python3-pil).
captioner/results was made by it; a new model inside the program makes it old:

    tests/recipes/result_pictures.py build/release/caption ../shared/data/coco_mini captioner/results"""

import argparse
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from PIL import Image

MAY_BE_SHOWN = {4: "CC BY 2.0", 5: "CC BY-SA 2.0", 7: "no known copyright restrictions", 8: "work of the United States"}
CHOSEN = [252639, 408805, 129648, 84284, 525891, 121647, 125870, 78499, 790, 358083, 174375, 107438]
WIDTH, MOST_BYTES = 900, 40_000

HEAD = """# Twelve photos, and where the words looked

Made by `tests/recipes/result_pictures.py` from photos of COCO's train2017, on which no captioner here was trained (the detector was). They were chosen from
those whose licences allow it, failures among them, for the first model that saw the everyday world; they stay the same for later ones. First the
photo with its sentence, then a panel a word: what it looked at is light, an object that it looked at more than at any region is framed.
`(unsure)` is what `caption --unsure` prints instead of the sentence. The data set does not tell the names of the photographers; each number leads to the photo's page. Pictures
made of a photo under CC BY-SA are under that licence, too.

| photo | the program says | a person said | licence |
|---|---|---|---|
"""


def squeezed(sheet):
    """A JPEG within the bounds."""
    sheet = sheet.convert("RGB")
    for width in range(WIDTH, 300, -60):
        small = sheet.resize((width, round(sheet.height * width / sheet.width)), Image.LANCZOS)
        for quality in (80, 70, 60, 50):
            out = io.BytesIO()
            small.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= MOST_BYTES:
                return out.getvalue()
    sys.exit("an overlay cannot be made small enough")


def describe(options, photo, overlay):
    command = [options.caption, "--json", "--precision", "f32", "--overlay", overlay, photo]
    if options.model:
        command += ["--model", options.model]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def row(image, said, person):
    number = re.search(r"/(\d+)_", image["flickr_url"]).group(1)
    link = f"[{image['id']}]({image['id']}.jpg), [Flickr {number}](https://www.flickr.com/photo.gne?id={number})"
    unsure = " (unsure)" if said.get("unsure") else ""
    return f"| {link} | {said['caption']}{unsure} | {person} | {MAY_BE_SHOWN[image['license']]} |\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caption")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--model")
    options = parser.parse_args()
    data = json.loads((options.data / "captions_train.json").read_text())
    images = {i["id"]: i for i in data["images"]}
    persons = {a["image_id"]: a["caption"].strip() for a in reversed(data["annotations"])}
    table = HEAD
    options.out.mkdir(parents=True, exist_ok=True)
    for number in CHOSEN:
        image = images[number]
        if image["license"] not in MAY_BE_SHOWN:
            sys.exit(f"photo {number} may not be shown")
        with tempfile.TemporaryDirectory() as folder:
            overlay = f"{folder}/sheet.png"
            said = describe(options, str(options.data / "images" / image["file_name"]), overlay)
            (options.out / f"{number}.jpg").write_bytes(squeezed(Image.open(overlay)))
        table += row(image, said, persons[number])
    (options.out / "README.md").write_text(table)


main()
