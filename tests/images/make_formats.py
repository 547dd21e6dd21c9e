#!/usr/bin/python3
"""Makes the pictures of rarer formats, and beside each NAME.ppm: what a right reader shows.

Run in this folder; needs Pillow and numpy, and for HEIC heif-enc (Debian: libheif-examples). Lossless pictures are
expected to be what went in; for the others it is what Pillow decodes.
"""
import io
import struct
import subprocess
import tempfile

import numpy as np
from PIL import Image

from scene import H, W, expect, over_white, scene


def rgba():
    a = np.linspace(0, 255, W).astype(np.uint8)[None, :].repeat(H, 0)
    return np.dstack([scene(), a])


# ---- BMP, by hand: Pillow writes few kinds ----


def bmp(name, header, bits, coding, palette, rows, masks=b"", flip=False, height=H):
    head = struct.pack("<IiiHHIIiiII", header, W, -height if flip else height, 1, bits, coding, len(rows), 2835, 2835,
                       len(palette) // 4, 0)
    head = (head + masks).ljust(header, b"\0") if header > 40 else head + masks
    start = 14 + len(head) + len(palette)
    with open(name + ".bmp", "wb") as f:
        f.write(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + palette + rows)


def padded(rows):
    return b"".join(r + b"\0" * (-len(r) % 4) for r in rows)


def indexed(colours):
    q = Image.fromarray(scene()).quantize(colours)
    table = np.array(q.getpalette()[: 3 * colours] + [0] * (3 * colours), np.uint8)[: 3 * colours].reshape(-1, 3)
    return np.array(q), table, b"".join(bytes((b, g, r, 0)) for r, g, b in table)


def pack_bits(row, bits):
    per = 8 // bits
    row = np.pad(row, (0, -len(row) % per)).reshape(-1, per)
    return bytes(int(sum(int(v) << bits * (per - 1 - i) for i, v in enumerate(group))) for group in row)


def runs(index, bits):
    """Run-length coding with every kind of escape: pixels as they are, ends of lines, a jump, the end."""
    out = bytearray()
    for y, row in enumerate(index[::-1]):
        x = 0
        while x < W:
            n = 1
            while x + n < W and n < 200 and row[x + n] == row[x]:
                n += 1
            if n >= 3 or W - x < 3:
                v = int(row[x])
                out += bytes((n, v if bits == 8 else v << 4 | v))
                x += n
            else:
                m = min(W - x, 5)
                values = pack_bits(row[x:x + m], bits)
                out += bytes((0, m)) + values + b"\0" * (len(values) & 1)
                x += m
        out += b"\0\0" if y < H - 1 else b"\0\2\0\0\0\1"
    return bytes(out)


for bits in (1, 4, 8):
    index, table, palette = indexed(1 << bits if bits < 8 else 200)
    bmp(f"bmp_{bits}", 40, bits, 0, palette, padded(pack_bits(r, bits) for r in index[::-1]))
    expect(f"bmp_{bits}", table[index])
    if bits > 1:
        bmp(f"bmp_rle{bits}", 40, bits, 1 if bits == 8 else 2, palette, runs(index, bits))
        expect(f"bmp_rle{bits}", table[index])
bgr = scene()[..., ::-1]
bmp("bmp_24", 40, 24, 0, b"", padded(r.tobytes() for r in bgr[::-1]))
expect("bmp_24", scene())
bmp("bmp_top_down", 40, 24, 0, b"", padded(r.tobytes() for r in bgr), flip=True)
expect("bmp_top_down", scene())
c = scene().astype(np.uint32)
five = c >> 3
bmp("bmp_555", 40, 16, 0, b"",
    padded((r[..., 0] << 10 | r[..., 1] << 5 | r[..., 2]).astype("<u2").tobytes() for r in five[::-1]))
expect("bmp_555", np.rint(five * 255 / 31).astype(np.uint8))
six = c[..., 1] >> 2
bmp("bmp_565", 40, 16, 3, b"",
    padded((r[..., 0] << 11 | g << 5 | r[..., 2]).astype("<u2").tobytes() for r, g in zip(five[::-1], six[::-1])),
    masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
expect("bmp_565", np.rint(np.dstack([five[..., 0] * 255 / 31, six * 255 / 63, five[..., 2] * 255 / 31])).astype(np.uint8))
a = rgba().astype(np.uint32)
bmp("bmp_alpha", 124, 32, 3, b"",
    b"".join((r[..., 3] << 24 | r[..., 0] << 16 | r[..., 1] << 8 | r[..., 2]).astype("<u4").tobytes() for r in a[::-1]),
    masks=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000))
expect("bmp_alpha", over_white(rgba()))
index, table, palette = indexed(16)
core = struct.pack("<IHHHH", 12, W, H, 1, 4)
start = 14 + 12 + 3 * 16
rows = padded(pack_bits(r, 4) for r in index[::-1])
with open("bmp_os2.bmp", "wb") as f:
    f.write(b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + core +
            b"".join(bytes((b, g, r)) for r, g, b in table) + rows)
expect("bmp_os2", table[index])

# ---- GIF ----

quantised = Image.fromarray(scene()).quantize(64)
for name, interlace in (("gif", 0), ("gif_interlaced", 1)):
    quantised.save(name + ".gif", interlace=interlace)
    expect(name, np.array(quantised.convert("RGB")))
Image.fromarray(scene()).quantize(32).save("gif_animated.gif", save_all=True, loop=0,
                                           append_images=[Image.fromarray(255 - scene()).quantize(32)])
expect("gif_animated", np.array(Image.fromarray(scene()).quantize(32).convert("RGB")))
mask = rgba()[..., 3] > 100
hole = np.where(mask, np.array(quantised), 63).astype(np.uint8)
table = np.array(quantised.getpalette()[:192], np.uint8).reshape(-1, 3)
image = Image.fromarray(hole, "P")
image.putpalette(table.tobytes())
image.save("gif_clear.gif", transparency=63, optimize=False)
expect("gif_clear", np.where((hole == 63)[..., None], 255, table[hole]))

# ---- TIFF ----


def tiff(name, rgb, **options):
    Image.fromarray(rgb).save(name + ".tif", **options)


tiff("tiff", scene(), compression="tiff_lzw")
expect("tiff", scene())
tiff("tiff_deflate", scene(), compression="tiff_adobe_deflate")
expect("tiff_deflate", scene())
tiff("tiff_turned", scene(), tiffinfo={274: 6})
expect("tiff_turned", np.rot90(scene(), -1))
tiff("tiff_grey", scene()[..., 0])
expect("tiff_grey", np.repeat(scene()[..., :1], 3, -1))
Image.fromarray(scene()[..., 0].astype(np.uint16) * 257).save("tiff_16.tif")
expect("tiff_16", np.repeat(scene()[..., :1], 3, -1))
tiff("tiff_alpha", rgba())
expect("tiff_alpha", over_white(rgba()))

# ---- HEIC, AVIF ----

Image.fromarray(scene(64, 64)).save("avif.avif", quality=100, subsampling="4:4:4")
expect("avif", scene(64, 64))
with tempfile.TemporaryDirectory() as folder:
    Image.fromarray(scene(64, 64)).save(folder + "/a.png")
    subprocess.run(["heif-enc", "-q", "95", "-p", "chroma=444", "-o", "heic.heic", folder + "/a.png"], check=True)
expect("heic", scene(64, 64))

# ---- a raw file: a DNG with a preview, and the least of a sensor's data ----


def ifd(entries, at, more=0):
    """Directory and values of [(tag, type, values)], where it lies in the file."""
    size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
    code = {1: "B", 2: "B", 3: "H", 4: "I"}
    body, extra, free = b"", b"", at + 2 + 12 * len(entries) + 4
    for tag, kind, values in sorted(entries):
        data = b"".join(struct.pack("<II", *v) for v in values) if kind == 5 else struct.pack(
            "<%d%s" % (len(values), code[kind]), *values)
        count = len(data) // size[kind]
        if len(data) <= 4:
            body += struct.pack("<HHI", tag, kind, count) + data.ljust(4, b"\0")
        else:
            body += struct.pack("<HHII", tag, kind, count, free + len(extra))
            extra += data + b"\0" * (len(data) & 1)
    return struct.pack("<H", len(entries)) + body + struct.pack("<I", more) + extra


side = 64
preview = io.BytesIO()
Image.fromarray(scene(side, side)).save(preview, "JPEG", quality=95)
preview = preview.getvalue()
sensor = (np.arange(side * side).astype("<u2") % 4096).tobytes()
head = 8
at_preview, at_sensor = 2048, 2048 + len(preview) + (len(preview) & 1)
sub_at = 1024
main = ifd([(254, 4, [1]), (256, 4, [side]), (257, 4, [side]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]),
            (271, 2, list(b"Nobody\0")), (272, 2, list(b"Sensor 1\0")), (273, 4, [at_preview]), (274, 3, [6]),
            (277, 3, [3]), (278, 4, [side]), (279, 4, [len(preview)]), (330, 4, [sub_at]),
            (50706, 1, [1, 4, 0, 0]), (50708, 2, list(b"Nobody Sensor 1\0"))], head)
sub = ifd([(254, 4, [0]), (256, 4, [side]), (257, 4, [side]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803]),
           (273, 4, [at_sensor]), (277, 3, [1]), (278, 4, [side]), (279, 4, [len(sensor)]), (33421, 3, [2, 2]),
           (33422, 1, [0, 1, 1, 2])], sub_at)
assert head + len(main) <= sub_at and sub_at + len(sub) <= at_preview
data = (struct.pack("<2sHI", b"II", 42, head) + main).ljust(sub_at, b"\0") + sub
with open("raw.dng", "wb") as f:
    f.write(data.ljust(at_preview, b"\0") + preview.ljust(at_sensor - at_preview, b"\0") + sensor)
expect("raw", np.rot90(np.array(Image.open(io.BytesIO(preview)).convert("RGB")), -1))
