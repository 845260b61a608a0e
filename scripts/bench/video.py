"""Seconds and memory that a video takes: `python -m scripts.bench.video [CLIP ...]`.

Both profiles, each in a process of its own. Without a clip, ten seconds of 1920x1080 and of
3840x2160 at 30 frames a second are made of the demo selfie over noise. The first run of a clip
loads what every process loads once, and does not count.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
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
RUNS = 5
SIZES = {(1920, 1080): 17, (3840, 2160): 45}  # Mbit/s, as telephones record


def main() -> int:
    """Print one line for each clip and profile."""
    if sys.argv[1:2] == ["--profile"]:
        measure(sys.argv[2], Path(sys.argv[3]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for clip in [Path(one) for one in sys.argv[1:]] or [_clip(Path(folder), s) for s in SIZES]:
            for profile in get_args(Profile):
                command = [sys.executable, "-m", "scripts.bench.video", "--profile", profile, clip]
                subprocess.run(command, check=True)
    return 0


def measure(profile: str, clip: Path) -> None:
    """In a process that does nothing else."""
    settings, data = Settings(profile=profile), clip.read_bytes()
    pipeline = VideoPipeline(settings, Analyzer.load(settings))
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    loaded = _memory("VmRSS")
    _run(pipeline, data)
    before = _processor()
    seconds = [_run(pipeline, data) for _ in range(RUNS)]
    processor = (_processor() - before) / RUNS
    print(
        f"{clip.name:15s} {profile:8s} {statistics.median(seconds):5.2f} s"
        f" ({min(seconds):.2f}-{max(seconds):.2f}), {processor:.2f} s of processor,"
        f" {_memory('VmHWM') - loaded:.0f} MB above the models",
        flush=True,
    )


def _run(pipeline: VideoPipeline, data: bytes) -> float:
    start = time.perf_counter()
    pipeline.analyze(Medium.of(data, "video"))
    return time.perf_counter() - start


def _processor() -> float:
    """Seconds of all cores, those of the decoders too."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


def _memory(name: str) -> float:
    """MB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith(name)) / 1024


def _clip(folder: Path, size: tuple[int, int], seconds: int = 10, rate: int = 30) -> Path:
    """A moving face over noise, with the bit rate of a telephone's camera."""
    import av
    from PIL import Image

    width, height = size
    side = height * 5 // 6
    face = np.asarray(Image.open(SELFIE).convert("RGB").resize((side, side)))
    noise = np.random.default_rng(0).integers(60, 120, (height, width + 64, 3)).astype(np.uint8)
    path = folder / f"{width}x{height}.mp4"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=rate, options={"preset": "superfast"})
        stream.bit_rate = SIZES[size] * 1_000_000
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * rate):
            canvas = noise[:, number % 64 :][:, :width].copy()
            left = width // 5 + number % 200
            canvas[height // 12 :][:side, left : left + side] = face
            out.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, format="rgb24")))
        out.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    sys.exit(main())
