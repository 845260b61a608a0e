"""A bounded HTTP load on /liveness: distinct selfies of about 200 KB, so that no cache answers."""

from __future__ import annotations

import base64
import http.client
import io
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

SELFIE = Path(__file__).parents[1] / "demo" / "genuine.jpg"
_serial = count()


def phone_selfie(size: tuple[int, int] = (1080, 1440), target: int = 200_000) -> bytes:
    """The bundled portrait at a phone's size, at the JPEG quality that comes nearest `target`."""
    portrait = Image.open(SELFIE).convert("RGB")
    scale = max(size[0] / portrait.width, size[1] / portrait.height)
    big = portrait.resize((round(portrait.width * scale), round(portrait.height * scale)))
    big = big.crop((0, 0, *size))
    # Fine grain, as a sensor leaves it: an upscaled picture alone would compress too well.
    grain = Image.effect_noise(size, 12).convert("RGB")
    big = Image.blend(big, grain, 0.12)
    return min(
        (_encode(big, quality) for quality in range(50, 98, 3)), key=lambda d: abs(len(d) - target)
    )


def _encode(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def distinct(selfie: bytes) -> bytes:
    """The same picture with another SHA-256: bytes behind the end marker are not looked at."""
    return selfie + next(_serial).to_bytes(8, "big")


class Body:
    """/liveness request bodies; only the serial number is encoded again, to spare the cores."""

    def __init__(self, hash_id: str, selfie: bytes) -> None:
        whole = selfie + b"\0" * (-len(selfie) % 3)
        image = base64.b64encode(whole).decode()
        start = f'{{"hash_id": "{hash_id}", "selfie_image": "data:image/jpeg;base64,{image}'
        self._start = start.encode()

    def next(self) -> bytes:
        """A body whose image nobody sent before."""
        return self._start + base64.b64encode(next(_serial).to_bytes(9, "big")) + b'"}'


@dataclass
class Load:
    """What came back: latencies in seconds of the answered, and a count of every status."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int | str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.statuses[200] / self.seconds

    def percentile(self, percent: float) -> float:
        """Latency in milliseconds."""
        ordered = sorted(self.latencies) or [float("nan")]
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def run(base: str, hash_id: str, selfie: bytes, concurrency: int, seconds: float) -> Load:
    """`concurrency` clients, each with a connection of its own, one request after the other."""
    load, end = Load(seconds), time.monotonic() + seconds
    clients = [
        threading.Thread(target=_client, args=(base, hash_id, selfie, end, load))
        for _ in range(concurrency)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return load


def _client(base: str, hash_id: str, selfie: bytes, end: float, load: Load) -> None:
    bodies = Body(hash_id, selfie)
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    while time.monotonic() < end:
        payload = bodies.next()
        started = time.perf_counter()
        try:
            connection.request("POST", "/liveness", payload, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            load.statuses[answer.status] += 1
        except (OSError, http.client.HTTPException) as error:
            load.statuses[type(error).__name__] += 1
            connection.close()
        load.latencies.append(time.perf_counter() - started)
    connection.close()
