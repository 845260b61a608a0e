"""What a capture page tells about its camera, as facts with a sentence each.

It comes from the client, who may say anything: it hints at a careless attacker, and proves nothing.
"""

from __future__ import annotations

from statistics import fmean, pstdev

from service.api.v1.requests import Capture
from service.api.v1.schemas import Sign
from service.runtime.console import printable

# Parts of the names under which programs that play files or change pictures pose as cameras.
VIRTUAL = (
    *("obs virtual", "obs-camera", "manycam", "snap camera", "xsplit", "vcam", "splitcam"),
    *("mmhmm", "droidcam", "ivcam", "epoccam", "camtwist", "camo", "sparkocam", "webcamoid"),
    *("altercam", "chromacam", "youcam", "facerig", "animaze", "avatarify", "vtube", "reincubate"),
    *("ndi video", "newtek ndi", "ndi webcam", "unity video capture", "nvidia broadcast"),
    *("v4l2loopback", "dummy video device", "loopback", "virtual", "fake_device", "fake device"),
)
FEW = 10  # intervals, below which a timing says nothing


def signs(capture: Capture) -> tuple[Sign, ...]:
    """What was told, in order."""
    return (*_camera(capture.device), *_timing(capture.intervals_ms))


def is_virtual(device: str) -> bool:
    """Whether a camera has the name of a program."""
    return any(name in device.lower() for name in VIRTUAL)


def _camera(device: str) -> tuple[Sign, ...]:
    if not device:
        return ()
    name = printable(device)
    if is_virtual(device):
        sentence = f"The camera has a name that programs use, not devices: {name}."
        return (Sign(sign="VIRTUAL_CAMERA", sentence=sentence),)
    return (Sign(sign="CAMERA", sentence=f"The camera calls itself {name}."),)


def _timing(intervals: list[float]) -> tuple[Sign, ...]:
    if len(intervals) < FEW or not any(intervals):
        return ()
    rate, uneven = 1000 / fmean(intervals), pstdev(intervals)
    sentence = (
        f"{len(intervals) + 1} frames came at {rate:.1f} a second,"
        f" {uneven:.1f} ms from an even beat (standard deviation)."
    )
    return (Sign(sign="FRAME_TIMING", sentence=sentence),)
