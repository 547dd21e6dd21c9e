#!/usr/bin/python3
"""Makes the pictures of this folder and, beside each, NAME.ppm: what a right reader shows.

Run in this folder; needs Pillow and numpy (Debian: python3-pil python3-numpy). The expected pixels are
Pillow's decoding; where Pillow has another convention (alpha, 16 bits, CMYK without Adobe's marker) they are
computed here from the pixels that went in.
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

W, H = 37, 23
rng = np.random.default_rng(1)


def scene(w=W, h=H):
    """Smooth colours with a bright corner: no two orientations of it look alike."""
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([255 * x / w, 255 * y / h, 127 + 100 * np.sin(x / 5 + y / 7)], -1)
    rgb[: h // 3, : w // 4] = 240
    return rgb.astype(np.uint8)


def expect(name, rgb):
    Image.fromarray(np.ascontiguousarray(rgb)).convert("RGB").save(name + ".ppm")


def over_white(rgba):
    rgba = rgba.astype(np.int64)
    a = rgba[..., 3:]
    return ((rgba[..., :3] * a + 255 * (255 - a) + 127) // 255).astype(np.uint8)


def keep(name, ext, image, **options):
    image.save(f"{name}.{ext}", **options)
    expect(name, np.array(ImageOps.exif_transpose(Image.open(f"{name}.{ext}")).convert("RGB")))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, w, h, bits, colour, rows, extra=b"", interlace=0):
    """A PNG written by hand: the kinds that Pillow cannot write."""
    head = struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, interlace)
    with open(name + ".png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) +
                chunk(b"IEND", b""))


def lines(samples):
    """[h][...] big-endian samples to filter-0 rows."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def adam7(samples):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    return b"".join(lines(samples[y::dy, x::dx]) for x, y, dx, dy in passes)


def exif(orientation, big=False):
    e = ">" if big else "<"
    return (b"MM\0*" if big else b"II*\0") + struct.pack(
        e + "IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


base = Image.fromarray(scene())
alpha = np.dstack([scene(), np.tile(np.linspace(0, 255, W), (H, 1)).astype(np.uint8)])

# JPEG
keep("baseline_444", "jpg", base, quality=90, subsampling=0)
keep("baseline_422", "jpg", base, quality=90, subsampling=1)
keep("baseline_420", "jpg", base, quality=90, subsampling=2)
keep("progressive", "jpg", base, quality=85, progressive=True)
keep("grey", "jpg", base.convert("L"), quality=90)
keep("restart", "jpg", base, quality=85, subsampling=2, restart_marker_blocks=2)
ink = Image.fromarray(np.dstack([255 - scene(), np.full((H, W), 60, np.uint8)]), "CMYK")
keep("cmyk_adobe", "jpg", ink, quality=95)
stored = io.BytesIO()
ink.save(stored, "jpeg", quality=95)
data = stored.getvalue()
at = data.index(b"\xff\xee")
data = data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]  # without Adobe's marker
open("cmyk_plain.jpg", "wb").write(data)
plain = 255 - np.array(Image.open("cmyk_plain.jpg")).astype(int)  # Pillow inverts always
expect("cmyk_plain", ((255 - plain[..., :3]) * (255 - plain[..., 3:]) // 255).astype(np.uint8))
for o in range(1, 9):
    marker = b"Exif\0\0" + exif(o, big=o % 2 == 0)
    keep(f"exif_{o}", "jpg", base, quality=90, subsampling=0, exif=marker)

# PNG
keep("rgb", "png", base)
keep("one_bit", "png", base.convert("1"))
keep("grey8", "png", base.convert("L"))
keep("palette", "png", base.quantize(13))
for bits in (2, 4):
    levels = (scene()[..., 0] >> (8 - bits)).astype(np.uint8)
    packed = []
    for row in levels:
        text = "".join(format(v, f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 8)
        packed.append(bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)))
    png(f"grey_{bits}_bits", W, H, bits, 0, b"".join(b"\0" + p for p in packed))
    expect(f"grey_{bits}_bits", np.repeat((levels * (255 // (2**bits - 1)))[..., None], 3, -1))
alpha_image = Image.fromarray(alpha)
alpha_image.save("rgba.png")
expect("rgba", over_white(alpha))
grey = np.dstack([alpha[..., 0], alpha[..., 3]])
png("grey_alpha", W, H, 8, 4, lines(grey))
expect("grey_alpha", over_white(np.dstack([grey[..., 0]] * 3 + [grey[..., 1]])))
deep = np.stack([scene().astype(np.uint16) * 257 + rng.integers(0, 60, (H, W, 3))], 0)[0]
deep = np.minimum(deep, 65535).astype(">u2")
png("rgb_16_bits", W, H, 16, 2, lines(deep))
rounded = ((deep.astype(np.int64) * 255 + 32895) >> 16).astype(np.uint8)
expect("rgb_16_bits", rounded)
png("interlaced", W, H, 8, 2, adam7(scene()), interlace=1)
expect("interlaced", scene())
png("interlaced_alpha", W, H, 8, 6, adam7(alpha), interlace=1)
expect("interlaced_alpha", over_white(alpha))
indices = (scene()[..., 1] // 64).astype(np.uint8)
colours = np.array([[255, 0, 0], [0, 200, 0], [0, 0, 255], [9, 9, 9]], np.uint8)
clear = np.array([0, 128, 255, 255], np.uint8)
png("palette_trns", W, H, 8, 3, lines(indices), chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", b"\0\x80"))
expect("palette_trns", over_white(np.concatenate([colours, clear[:, None]], 1)[indices]))
key = scene()[0, 0]
png("rgb_trns", W, H, 8, 2, lines(scene()), chunk(b"tRNS", key.astype(">u2").tobytes()))
keyed = scene()
keyed[(keyed == key).all(-1)] = 255
expect("rgb_trns", keyed)
png("exif_6_png", W, H, 8, 2, lines(scene()), chunk(b"eXIf", exif(6)))
expect("exif_6_png", np.rot90(scene(), -1))

# WebP
keep("lossy", "webp", base, quality=80)
keep("lossless", "webp", base, lossless=True)
alpha_image.save("alpha.webp", lossless=True, exact=True)
expect("alpha", over_white(alpha))
base.save("exif_8_webp.webp", lossless=True, exif=b"Exif\0\0" + exif(8))
expect("exif_8_webp", np.rot90(scene(), 1))
base.save("animated.webp", save_all=True, append_images=[base.rotate(180)])
expect("animated", np.array(Image.open("animated.webp").convert("RGB")))  # its first picture

# A larger one for reduced decoding; its expected pixels are Pillow's at half size.
big = Image.fromarray(scene(203, 151))
big.save("reduce.jpg", quality=80)
half = Image.open("reduce.jpg")
half.draft("RGB", (101, 75))
expect("reduce", np.array(half))
