"""What the pictures of this folder show, and how it is written down what a right reader makes of them."""
import numpy as np
from PIL import Image

W, H = 37, 23


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
