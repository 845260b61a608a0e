"""A small upright copy of a picture, for a page; nothing of it is kept."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from service.analysis.judgement import Analysis, ImageAnalysis
from service.errors import FacegateError

LONGEST = 960  # pixels


@dataclass(frozen=True)
class Preview:
    """A data URI, and the size of the upright image in whose pixels boxes are told."""

    uri: str
    width: float
    height: float


def preview_of(data: bytes, analysis: Analysis | None = None) -> Preview | None:
    """None of what cannot be decoded, or is no picture."""
    if analysis is not None and analysis.kind != "image":
        return None
    turned = analysis.image.rotation if isinstance(analysis, ImageAnalysis) else 0
    found = small_copy(data, LONGEST, turned)
    if found is None:
        return None
    jpeg, width, height = found
    return Preview("data:image/jpeg;base64," + base64.b64encode(jpeg).decode(), width, height)


def small_copy(data: bytes, longest: int, turned: int = 0) -> tuple[bytes, float, float] | None:
    """A JPEG without metadata, at most `longest` pixels in both ways; size of the upright image.

    turned: degrees clockwise by which the face detector turned it further.
    """
    # Late: the master of the service must not import what opens native libraries.
    from PIL import Image

    from service.media.image import decode

    try:
        decoded = decode(data, max_pixels=64_000_000)
    except FacegateError:
        return None
    image = Image.fromarray(decoded.pixels).rotate(-turned, expand=True)
    width, height = image.size
    image.thumbnail((longest, longest))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue(), width * decoded.scale, height * decoded.scale
