"""Seconds that a video takes: `python -m scripts.bench.video [CLIP]`, with both profiles.

Without a clip, ten seconds of 1920x1080 at 30 frames a second are made of the demo selfie.
The second run counts: the first one loads what every process loads once.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from service.analysis.image import Analyzer
from service.analysis.video import VideoPipeline
from service.media.medium import Medium
from service.settings import Settings

Profile = Literal["fast", "accurate"]
SELFIE = Path(__file__).parents[1] / "demo" / "genuine.jpg"


def main() -> int:
    """Print one line for each profile."""
    data = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else _clip()
    for profile in get_args(Profile):
        settings = Settings(profile=profile)
        pipeline = VideoPipeline(settings, Analyzer.load(settings))
        loaded = _peak()
        seconds = [_run(pipeline, data) for _ in range(2)][1]
        print(f"{profile:10s} {seconds:6.2f} s, {_peak() - loaded:4.0f} MB above the models")
    return 0


def _run(pipeline: VideoPipeline, data: bytes) -> float:
    start = time.perf_counter()
    pipeline.analyze(Medium.of(data, "video"))
    return time.perf_counter() - start


def _peak() -> float:
    """MB of this process at most; the decoder, another process, has a limit of its own."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _clip(seconds: int = 10, rate: int = 30) -> bytes:
    import av
    from PIL import Image

    face = np.asarray(Image.open(SELFIE).convert("RGB").resize((900, 900)))
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file, av.open(file.name, "w") as out:
        stream: Any = out.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(seconds * rate):
            canvas = np.full((1080, 1920, 3), 90, np.uint8)
            left = 400 + number % 200
            canvas[90:990, left : left + 900] = face
            out.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, format="rgb24")))
        out.mux(stream.encode(None))
        out.close()
        return Path(file.name).read_bytes()


if __name__ == "__main__":
    sys.exit(main())
