"""Draw a heat map over the image where the detectors found signs of manipulation."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from service.analysis.detectors.base import Prediction

LONGEST = 640  # pixels of the longer side of the answer
OPACITY = 0.6  # of the strongest evidence
LEAST_PEAK = 1.0  # log-odds; weaker evidence is not blown up to full colour


def heat_map_uri(image: np.ndarray, predictions: Sequence[Prediction]) -> str | None:
    """The upright HxWx3 uint8 RGB image, shrunk and overlaid, as the data URI of a PNG.

    Several detectors' maps are averaged; None where none of them has one.
    """
    scale = min(1.0, LONGEST / max(image.shape[:2]))
    width, height = (max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    layers = [
        _layer(one.heat_map, one.box, (height, width), scale)
        for one in predictions
        if one.heat_map is not None
    ]
    return _png_uri(_overlaid(small, np.mean(layers, axis=0))) if layers else None


def _layer(
    heat_map: np.ndarray, box: tuple[int, int, int], shape: tuple[int, int], scale: float
) -> np.ndarray:
    """HxW, 0..1: the map laid over the part of the image that the detector looked at."""
    left, top, side = box
    heat = np.clip(np.nan_to_num(heat_map), 0, None).astype(np.float32)
    heat /= max(LEAST_PEAK, float(heat.max()))
    factor = side * scale / heat.shape[0]
    offset = (np.array([left, top]) * scale) + (factor - 1) / 2  # centre of the first cell
    move = np.array([[factor, 0, offset[0]], [0, factor, offset[1]]], np.float32)
    return np.asarray(cv2.warpAffine(heat, move, shape[::-1], flags=cv2.INTER_LINEAR))


def _overlaid(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    colours = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    alpha = OPACITY * heat[..., None]
    rgb = cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)
    return np.asarray(image * (1 - alpha) + rgb * alpha).astype(np.uint8)


def _png_uri(image: np.ndarray) -> str:
    _, png = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode()
