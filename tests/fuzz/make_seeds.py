#!/usr/bin/env python3
"""make_seeds.py BUILD: writes tests/fuzz/seeds, small inputs from which the fuzz targets begin. BUILD is a folder that
holds the program and tests/make_model. Names that begin with "good" must be taken by the reader (tests/fuzz/feed.c).
Seeds that a fuzzer found and that were kept by hand are called "found*" and stay as they are."""

import json
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile
import io

here = pathlib.Path(__file__).resolve().parent
build = pathlib.Path(sys.argv[1]).resolve()


def seed(target, name, data):
    folder = here / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def header_of(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return data[8 : 8 + length].rstrip(b" ")


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape, raw in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tiff(order, entries, prefix=b""):
    end = "<" if order == b"II" else ">"
    block = order + struct.pack(end + "HI", 42, 8) + struct.pack(end + "H", len(entries))
    for tag, kind, count, value in entries:
        block += struct.pack(end + "HHI", tag, kind, count) + struct.pack(end + ("HH" if kind == 3 else "I"),
                                                                        *([value, 0] if kind == 3 else [value]))
    return prefix + block + struct.pack(end + "I", 0)


def meta():
    """Metadata of others: XMP of a photo manager, IPTC with a caption, EXIF with a description."""
    packet = (
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        b"<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/' dc:source='x'><dc:description>"
        b"<rdf:Alt><rdf:li xml:lang='x-default'>mine</rdf:li></rdf:Alt></dc:description><dc:subject><rdf:Bag>"
        b"<rdf:li>dog</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    seed("meta", "packet.xmp", packet)
    iim = b"\x1c\x02\x78\x00\x04mine\x1c\x02\x19\x00\x03dog"
    parts = [
        (0xE1, b"Exif\0\0" + tiff(b"MM", [(0x010E, 2, 4, 0x6D696E00), (0x0112, 3, 1, 8)])),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
        (0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iim)) + iim + b"\0" * (len(iim) % 2)),
        (0xDA, b"\x01"),
    ]
    segments = b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(data) + 2) + data for m, data in parts)
    seed("meta", "theirs.jpg", b"\xff\xd8" + segments + b"picture\xff\xd9")


def exif():
    seed("exif", "good_intel", tiff(b"II", [(0x0112, 3, 1, 6)]))
    seed("exif", "good_motorola", tiff(b"MM", [(0x010F, 4, 1, 9), (0x0112, 3, 1, 8)], b"Exif\0\0"))
    seed("exif", "long_value", tiff(b"II", [(0x0112, 4, 1, 3)]))


def tensors():
    four = struct.pack("<4f", 1, -2, 0.5, 3)
    seed("safetensors", "good_types", safetensors([
        ("a", "F32", [2, 2], four), ("b", "F16", [4], b"\0\x3c" * 4), ("c", "BF16", [2], b"\x80\x3f" * 2),
        ("d", "I8", [2, 2], b"\1\2\3\4"), ("d.scale", "F32", [2], four[:8]), ("e", "F32", [], four[:4]),
        ("f", "I64", [1], b"\7" + b"\0" * 7), ("g", "F32", [0], b"")], {"format": "pt"}))
    seed("safetensors", "empty", struct.pack("<Q", 2) + b"{}")


def models(folder):
    def made(name, *words):
        subprocess.run([build / "tests/make_model", folder / name, *words], check=True)
        return header_of(folder / name)

    seed("model", "good_photos", made("photos", "sigmoid") + b"\0\0\x2c")
    seed("model", "good_photos_none", made("none", "none") + b"\0\0\x2c")
    seed("model", "good_photos_named", made("named", "sigmoid", "named") + b"\0\0\x2c")
    seed("model", "good_photos_calibrated", calibrated(folder, "photos") + b"\0\0\x2c")
    seed("model", "good_text", made("text", "sigmoid", "text") + b"\0\0\0\0\x3d\0\0\x80\xbd")
    train(folder, "letters", "--level", "char")
    seed("model", "good_letters", (folder / "letters").read_bytes())
    seed("state", "file", (folder / "letters.state").read_bytes())
    train(folder, "pieces", "--level", "bpe:20", "--match", "general", "--layers", "2", "--residual")
    seed("model", "good_pieces", header_of(folder / "pieces") + b"\0\0\0\0\x3d\0\0\x80\xbd")
    languages(folder)


def languages(folder):
    text = folder / "corpus.txt"
    text.write_text("a dog runs\na dog sleeps\na cat runs\n")
    for name, words in (("ngram", ["--model", "ngram:3"]),
                        ("language", ["--model", "transformer", "--hidden", "4", "--layers", "1", "--feed-forward", "4", "--heads",
                                      "2", "--epochs", "1", "--val-share", "0", "--threads", "1"]),
                        ("language_lstm", ["--hidden", "4", "--embedding", "2", "--epochs", "1", "--val-share", "0", "--threads", "1"])):
        subprocess.run([build / "caption", "train", "--text", text, *words, "--min-count", "1", "--out", folder / name],
                       check=True, stderr=subprocess.DEVNULL)
        seed("model", "good_" + name, (folder / name).read_bytes())


def calibrated(folder, name):
    photos = {"coffee.jpg": "A cup of snow.", "rocket.jpg": "The man in the snow.", "chelsea.jpg": "A cat."}
    refs = {"images": [{"id": i, "file_name": n} for i, n in enumerate(photos)],
            "annotations": [{"image_id": i, "caption": c} for i, c in enumerate(photos.values())]}
    (folder / "val.json").write_text(json.dumps(refs))
    subprocess.run([build / "caption", "calibrate", "--model", folder / name, "--captions", folder / "val.json",
                    "--images", here.parent / "photos", "--out", folder / "calibrated", "-q"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return header_of(folder / "calibrated")


def train(folder, out, *words):
    pairs = folder / "pairs.tsv"
    pairs.write_text("ab\tba\nb a\ta b\naa\tbb\nba\tab\nbb\taa\na\tb\n")
    subprocess.run([build / "caption", "train", "--pairs", pairs, *words, "--embedding", "2", "--hidden", "2",
                    "--attention", "2", "--epochs", "1", "--threads", "1", "--out", folder / out],
                   check=True, stderr=subprocess.DEVNULL)


def states():
    seed("state", "good_same", "{}")
    seed("state", "epoch", '{"epoch": 1, "batch": 1, "step": 2, "loss": 1.5, "best_epoch": 0, "best": -2.5}')
    seed("state", "lacking", '{"epoch": null, "settings": {"seed": null}}')
    seed("state", "far", '{"step": 9223372036854775807, "words": 1e308, "settings": {"batch": 0}}')


def features():
    """Made by ds_features_create for 2 images of 3 regions and 4 channels, key {1, 2}; the hash of the header is put
    in by the target, those of the images are wrong on purpose: they are checked when an image is read."""
    head = b"dsfeats\0" + struct.pack("<IIIIQQQQQ", 1, 3, 4, 0, 2, 1, 2, 0, 0)
    seed("features", "whole", head + b"\0\x3c" * 24 + b"\0" * 16)
    seed("features", "cut", head + b"\0\x3c" * 20)


def results():
    rows = [{"image_id": 1, "caption": "a dog"}, {"image_id": 2, "caption": "a cat on a bed"}]
    seed("results", "good_plain", json.dumps(rows))
    rows[0].update(made_by="0123456789abcdef", words=[{"word": "a", "probability": 0.5, "at": [0.5, 1]}],
                   confidence=0.25, unsure=True, attention={"entropy": 0.5, "strongest": 0.1, "change": 0.2})
    seed("results", "good_whole", json.dumps(rows))
    seed("results", "unknown", '[{"image_id": 3, "caption": ""}]')


def instances():
    whole = {"images": [{"id": 1, "width": 200, "height": 100}, {"id": 2, "width": 3, "height": 4}],
             "annotations": [{"image_id": 1, "category_id": 18, "bbox": [10, 20.5, 100, 50], "iscrowd": 0},
                             {"image_id": 1, "category_id": 10, "bbox": [0, 0, 900, 100]},
                             {"image_id": 3, "category_id": 10, "bbox": [0, 0, 1, 1]}],
             "categories": [{"id": 18, "name": "dog"}, {"id": 10, "name": "traffic light"}]}
    seed("instances", "good_whole", json.dumps(whole))
    seed("instances", "good_empty", '{"categories": [], "images": [], "annotations": []}')
    seed("instances", "negative", json.dumps(whole).replace("100, 50", "100, -50"))


def texts():
    seed("pairs", "good_tsv", "\ufefftwo dogs\tzwei Hunde\r\none\teins\tmore\n\t\n")
    seed("pairs", "good_dates", "june 5, 1994      _1994-06-05\n5.6.94    _1994-06-05\n")
    seed("pairs", "good_two", "one\ntwo\n\nfour\0eins\nzwei\ndrei\nvier\n")
    seed("captions_only", "good_all", "\ufeff42\tdog,bench\tA dog sleeps.\r\n7\t?\tTwo men\ttalk\n42\tdog,bench\t...\n\n9\t\tGrass\n")
    seed("captions_only", "wrong", "42\tdog\tA dog.\n42\tbench\tA bench.\n")
    seed("lines", "good_lines", "one\ntwo\r\n\n\ufeffthree\0\nno end")
    seed("lines", "long", "x" * 300 + "\n" + "y" * 10)
    seed("words", "good_caption", "A man's T-shirt isn't &quot;red&quot; at 10:30, o'clock...")
    seed("words", "good_odd", "Caf\u00e9 \u2019s \u2014 \u00bd \u20ac5 www.a-b.com U.S. (etc.) \u6f22\u5b57 \U0001f600 &#39; cannot")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##n", "dog", "##s", "\u6f22"]
    line = "\0A dogs' [MASK] \u6f22 caf\u00e9 \uac15"
    seed("wordpiece", "good_ours", json.dumps({"lower": True, "vocabulary": pieces}) + line)
    seed("wordpiece", "good_file", "\n".join(pieces) + "\n" + line)
    seed("wordpiece", "good_tokenizer", json.dumps({"model": {"type": "WordPiece", "vocab": {p: i for i, p in enumerate(pieces)}}}) + line)
    seed("wordpiece", "twice", "[PAD]\na\na\n" + line)
    seed("options", "good_all", "--flag\n-q\n--number=7\n-r0.25\n--name\nx\n-ssquare\n-w\na\n--word=b\n--size\n2Ki\n--\n-\n")
    seed("options", "help", "a\n--help\n")
    seed("options", "wrong", "--numbre\n3\n-n\n0\nx\n")


def codecs(folder):
    """Those of the models, with a line to write and read."""
    for name, line in (("letters", "ab a"), ("pieces", "ba ab"), ("text", "one two four")):
        described = json.loads(json.loads(header_of(folder / name))["__metadata__"]["caption"])
        seed("codec", "good_" + name, json.dumps(described["source"]) + "\0" + line)


def frequencies(folder):
    refs = {"images": [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2, 3)],
            "annotations": [{"image_id": i, "caption": c} for i, c in
                            ((1, "a dog runs on snow"), (2, "a dog runs on grass"), (3, "the dog sleeps"))]}
    (folder / "refs.json").write_text(json.dumps(refs))
    subprocess.run([build / "caption", "eval", "--refs", folder / "refs.json", "--save-df", folder / "df.json"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seed("frequencies", "good_df", (folder / "df.json").read_bytes())


def archive():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("cats/1.jpg", b"x" * 10), ("dogs/" + "d" * 110 + "/2.jpg", b"y" * 600)):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    seed("tar", "good_two", packed.getvalue()[: 6 * 512])
    seed("tar", "cut", packed.getvalue()[:700])


with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    exif()
    meta()
    tensors()
    models(scratch)
    states()
    features()
    results()
    instances()
    texts()
    codecs(scratch)
    frequencies(scratch)
    archive()
