"""Convert any Pillow mode to RGB and shrink it, strip by strip, with little extra memory."""

from __future__ import annotations

import numpy as np
from PIL import Image

ENOUGH = 1600  # pixels of the longer side that shrinking leaves
BACKGROUND = (127, 127, 127)
STRIP = 2**20  # pixels that are worked on at a time


def flattened(image: Image.Image) -> Image.Image:
    """Convert to RGB; a longer side above 3200 is shrunk by 2, 4 or 8 to 1600 or more."""
    step = _step(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image.reduce(step) if step > 1 else image
    width, height = image.size
    out = Image.new("RGB", (-(-width // step), -(-height // step)))
    rows = max(step, STRIP // width // step * step)
    for top in range(0, height, rows):
        strip = _rgb(image.crop((0, top, width, min(top + rows, height))))
        out.paste(strip.reduce(step) if step > 1 else strip, (0, top // step))
    return out


def _step(image: Image.Image) -> int:
    factor = max(image.size) // ENOUGH
    return next((step for step in (8, 4, 2) if step <= factor and step <= min(image.size)), 1)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_deep(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, (*BACKGROUND, 255))
        return Image.alpha_composite(paper, rgba).convert("RGB")
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """The upper 8 of 16 bits: Pillow's own conversion cuts off at 255."""
    grey = np.asarray(image).astype(np.int64) >> 8
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
