"""HDR frames (PQ, HLG) as standard ones: detectors have seen no others."""

from __future__ import annotations

from functools import cache
from typing import Literal

import cv2
import numpy as np

WHITE = 203.0  # candela per square metre of paper white (ITU-R BT.2408)
PEAK = 1000.0  # that an HLG signal stands for
# Linear BT.2020 to linear BT.709.
NARROWED = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def to_standard(pixels: np.ndarray, transfer: Literal["pq", "hlg"]) -> np.ndarray:
    """HxWx3 uint8 RGB in BT.2020 with this transfer -> sRGB; what is brighter than white, is."""
    linear = _light(transfer)[pixels]
    linear = cv2.transform(linear, NARROWED)
    steps = np.clip(linear * 4095, 0, 4095).astype(np.uint16)
    return np.asarray(_gamma()[steps])


@cache
def _light(transfer: Literal["pq", "hlg"]) -> np.ndarray:
    """Linear light of each code value; 1.0 is paper white."""
    code = np.arange(256) / 255
    nits = _pq(code) if transfer == "pq" else _hlg(code)
    return (nits / WHITE).astype(np.float32)


def _pq(code: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084."""
    power = code ** (1 / 78.84375)
    light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10_000 * light ** (1 / 0.1593017578125))


def _hlg(code: np.ndarray) -> np.ndarray:
    """ARIB STD-B67, with the system gamma of a display of `PEAK`."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return np.asarray(PEAK * scene**1.2)


@cache
def _gamma() -> np.ndarray:
    linear = np.arange(4096) / 4095
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(curved * 255).astype(np.uint8)
