"""Whether a picture was enlarged: interpolated pixels are foretold by their neighbours, regularly.

The second derivative of an enlarged picture is larger at some columns than at others, with a
period that is the factor. JPEG's blocks have a period of their own, 8 pixels, which is left out.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 512
FEWEST = 256  # pixels of a side
BEND = np.array([[-1, 2, -1]], np.float32)
SURE = 12.0  # how far a peak sticks out of the spectrum around it
NEAR_BLOCK = 0.006  # of a multiple of an eighth of the sampling frequency
REACH = 12  # frequencies on each side that a peak is compared with
LOWEST = 0.06  # frequency: below it lies what the picture shows


def enlarged(luma: np.ndarray) -> float | None:
    """The factor, between 1 and 2 where two would explain the trace; None without one."""
    if min(luma.shape) < FEWEST:
        return None
    found = [_peak(one) for one in (luma, np.ascontiguousarray(luma.T))]
    (first, power), (second, other) = found
    if abs(first - second) > 2 / SIDE or min(power, other) < SURE:
        return None
    return round(1 / (1 - first), 3)


def _peak(luma: np.ndarray) -> tuple[float, float]:
    """Frequency of the strongest peak along the rows, and how far it sticks out."""
    bent = np.abs(cv2.filter2D(luma, cv2.CV_32F, BEND)[:, 1:-1]).mean(axis=0)
    # The blocks' own edges are taken out before the spectrum is.
    for phase in range(8):
        bent[phase::8] -= bent[phase::8].mean()
    power = np.abs(np.fft.rfft(bent * np.hanning(len(bent)))) ** 2
    frequency = np.fft.rfftfreq(len(bent))
    from_block = np.abs(frequency * 8 - np.rint(frequency * 8)) / 8
    usable = (frequency > LOWEST) & (from_block > NEAR_BLOCK)
    wide = np.lib.stride_tricks.sliding_window_view(np.pad(power, REACH, "edge"), 2 * REACH + 1)
    around = np.median(wide, axis=1)
    height = np.where(usable, power / np.maximum(around, 1e-9), 0)
    at = int(height.argmax())
    return float(frequency[at]), float(height[at])
