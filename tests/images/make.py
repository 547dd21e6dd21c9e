#!/usr/bin/python3
"""Makes the pictures of this folder and, beside each, NAME.ppm: what a right reader shows.

Run in this folder; needs Pillow and numpy (Debian: python3-pil python3-numpy). The expected pixels are
Pillow's decoding, with profiles applied by its ImageCms; where Pillow has another convention (alpha, 16 bits) or
none (gamma, cICP) they are computed here from the pixels that went in.
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms, ImageOps

from scene import H, W, expect, over_white, scene

rng = np.random.default_rng(1)


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
expect("cmyk_plain", np.array(Image.open("cmyk_plain.jpg").convert("RGB")))  # the same picture
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

# -- Colours other than sRGB

D50 = (0.9642, 1.0, 0.8249)
D65 = (0.3127, 0.3290)
PRIMARIES = {
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
}
PROPHOTO = ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249))  # XYZ, its white is D50


def to_xyz(primaries, white=D65):
    """The matrix from RGB to XYZ."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    x, y = white
    return columns * np.linalg.solve(columns, (x / y, 1, (1 - x - y) / y))


def to_d50(matrix, white=D65):
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    x, y = white
    scale = (bradford @ D50) / (bradford @ (x / y, 1, (1 - x - y) / y))
    return np.linalg.inv(bradford) @ np.diag(scale) @ bradford @ matrix


def fixed(*values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def exponent(g):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(g * 256))


SRGB_CURVE = b"para\0\0\0\0\0\3\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(space, tags, kind=b"mntr", pcs=b"XYZ "):
    """An ICC profile of version 2.1 (4.2 where a curve is a formula)."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78),
            b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": b"XYZ " + bytes(4) + fixed(*D50), **tags}
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    version = 0x02100000
    head = struct.pack(">I4sI", at + len(body), b"none", version) + kind + space + pcs + bytes(12) + b"acsp"
    head += bytes(28) + fixed(*D50)
    return head + bytes(128 - len(head)) + table + body


def matrix_profile(columns, curve):
    tags = {}
    for letter, xyz in zip(b"rgb", np.array(columns)):
        tags[bytes([letter]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*xyz)
        tags[bytes([letter]) + b"TRC"] = curve
    return profile(b"RGB ", tags)


def ink_profile():
    """CMYK by a table of the 16 mixtures of full inks: lightness and colour of a coarse, warm press."""
    lab = []
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        rgb = np.array([(1 - 0.9 * c) * (1 - 0.1 * m), (1 - 0.3 * c) * (1 - 0.8 * m), (1 - 0.2 * c) * (1 - 0.9 * y)])
        light = rgb @ (0.3, 0.6, 0.1) * (1 - 0.95 * k)
        lab += [255 * light, 128 + 90 * (rgb[0] - rgb[1]) * (1 - k), 128 + 80 * (rgb[1] - rgb[2]) * (1 - k)]
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += ramp * 4 + bytes(int(v) for v in lab) + ramp * 3
    return profile(b"CMYK", {b"A2B0": lut}, b"prtr", b"Lab ")


def applied(image, icc, space="RGB"):
    """What ImageCms makes of it: perceptual, black point compensation."""
    return np.array(ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile(
        "sRGB"), ImageCms.Intent.PERCEPTUAL, space, flags=ImageCms.Flags.BLACKPOINTCOMPENSATION))


def with_icc(name, icc, pieces=1, order=1):
    """Puts a profile into a JPEG that was saved without, in so many segments."""
    jpeg = open(name, "rb").read()
    each = -(-len(icc) // pieces)
    parts = [b"ICC_PROFILE\0" + bytes([i + 1, pieces]) + icc[i * each:(i + 1) * each] for i in range(pieces)]
    marks = b"".join(b"\xff\xe2" + struct.pack(">H", len(p) + 2) + p for p in parts[::order])
    open(name, "wb").write(jpeg[:2] + marks + jpeg[2:])


def stored(name, mode="RGB"):
    return Image.open(name).convert(mode)


p3 = matrix_profile(to_d50(to_xyz(PRIMARIES["p3"])).T, SRGB_CURVE)
adobe = matrix_profile(to_d50(to_xyz(PRIMARIES["adobe"])).T, exponent(563 / 256))
prophoto = matrix_profile(PROPHOTO, exponent(1.8))
grey22 = profile(b"GRAY", {b"kTRC": exponent(2.2)})
inks = ink_profile()

base.save("icc_p3.jpg", quality=90, subsampling=0)
with_icc("icc_p3.jpg", p3, pieces=3, order=-1)
expect("icc_p3", applied(stored("icc_p3.jpg"), p3))
base.save("icc_srgb.jpg", quality=90, subsampling=0)
with_icc("icc_srgb.jpg", matrix_profile(to_d50(to_xyz(PRIMARIES["srgb"])).T, SRGB_CURVE))
expect("icc_srgb", np.array(stored("icc_srgb.jpg")))
base.convert("L").save("icc_grey.jpg", quality=90)
with_icc("icc_grey.jpg", profile(b"GRAY", {b"kTRC": exponent(1.0)}))
expect("icc_grey", applied(stored("icc_grey.jpg", "L"), profile(b"GRAY", {b"kTRC": exponent(1.0)})))
ink.save("icc_cmyk.jpg", quality=95)
with_icc("icc_cmyk.jpg", inks, pieces=2)
expect("icc_cmyk", applied(Image.open("icc_cmyk.jpg"), inks))
base.save("icc_wrong.jpg", quality=90, subsampling=0)  # a profile for grey in a picture of colours: as without
with_icc("icc_wrong.jpg", grey22)
expect("icc_wrong", np.array(stored("icc_wrong.jpg")))
alpha_image.save("icc_adobe_alpha.png", icc_profile=adobe)
expect("icc_adobe_alpha", over_white(np.dstack([applied(base, adobe), alpha[..., 3]])))
grey = np.dstack([alpha[..., 0], alpha[..., 3]])
png("icc_grey_alpha", W, H, 8, 4, lines(grey), chunk(b"iCCP", b"x\0\0" + zlib.compress(grey22)))
grey_applied = applied(Image.fromarray(grey[..., 0]), grey22)
expect("icc_grey_alpha", over_white(np.dstack([grey_applied, grey[..., 1]])))
base.save("icc_prophoto.webp", lossless=True, icc_profile=prophoto)
expect("icc_prophoto", applied(base, prophoto))


def srgb_stored(light):
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_light(v):
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def expect_light(name, light, primaries="srgb"):
    matrix = np.linalg.inv(to_xyz(PRIMARIES["srgb"])) @ to_xyz(PRIMARIES[primaries])
    expect(name, np.rint(255 * srgb_stored(light @ matrix.T)).astype(np.uint8))


def gama(g):
    return chunk(b"gAMA", struct.pack(">I", round(100000 * g)))


def chrm(name):
    values = [v for xy in (D65, *PRIMARIES[name]) for v in xy]
    return chunk(b"cHRM", struct.pack(">8I", *(round(100000 * v) for v in values)))


linear = np.rint(65535 * srgb_light(scene() / 255 / 4)).astype(">u2")  # dark, where 8 bits would not do
png("gamma_1_16_bits", W, H, 16, 2, lines(linear), gama(1.0))
expect_light("gamma_1_16_bits", linear / 65535)
png("gamma_18_grey", W, H, 8, 0, lines(scene()[..., 0]), gama(1 / 1.8))
expect_light("gamma_18_grey", np.repeat(scene()[..., :1] / 255, 3, -1) ** 1.8)
png("gamma_adobe", W, H, 8, 2, lines(scene()), gama(1 / 2.2) + chrm("adobe"))
expect_light("gamma_adobe", (scene() / 255) ** 2.2, "adobe")
png("gamma_as_srgb", W, H, 8, 2, lines(scene()), gama(0.45455) + chrm("srgb"))  # what many programs write for sRGB
expect("gamma_as_srgb", scene())
png("gamma_and_srgb", W, H, 8, 2, lines(scene()), chunk(b"sRGB", b"\0") + gama(1.0))  # sRGB counts
expect("gamma_and_srgb", scene())
png("cicp_p3", W, H, 8, 2, adam7(scene()), chunk(b"cICP", b"\x0c\x0d\0\1") + chunk(b"sRGB", b"\0"), interlace=1)
expect_light("cicp_p3", srgb_light(scene() / 255), "p3")

# EXIF in texts, as ImageMagick wrote it before there was eXIf
for name, key, orientation, head in (("exif", b"exif", 6, b""), ("app1", b"APP1", 8, b"Exif\0\0")):
    block = head + exif(orientation)
    hexadecimal = b"\n".join(block.hex().encode()[i:i + 72] for i in range(0, 2 * len(block), 72))
    text = b"\n%s\n%8d\n%s\n" % (key.lower(), len(block), hexadecimal)
    key = b"Raw profile type " + key
    extra = chunk(b"zTXt", key + b"\0\0" + zlib.compress(text)) if name == "exif" else chunk(b"tEXt", key + b"\0" + text)
    png(f"exif_text_{name}", W, H, 8, 2, lines(scene()), extra)
    expect(f"exif_text_{name}", np.rot90(scene(), -1 if name == "exif" else 1))
