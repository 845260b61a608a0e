"""Score the bundled genuine and manipulated selfie on the running service, as a client would."""

from __future__ import annotations

import base64
import sys
import time
from pathlib import Path

import requests

from service.settings import load_settings

SESSION = requests.Session()
SESSION.trust_env = False  # a proxy of the environment does not reach this machine
DEMO = Path(__file__).parent / "demo"


def main() -> int:
    """Print the service's two answers; exit 1 when there is none."""
    settings = load_settings()
    base = settings.local_url()
    key = settings.data_dir / "development.hash_id"
    if not key.exists() or not live(base):
        print(f"No development service answers on {base}: start one with `make run`.")
        return 1
    for name in ("genuine.jpg", "manipulated.jpg"):
        print(f"{name}: {score(base, key.read_text().strip(), DEMO / name)}")
    return 0


def live(base: str, patience: float = 30.0) -> bool:
    """Whether the service says that it is live, within `patience` seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if SESSION.get(f"{base}/status_check", timeout=5).ok:
                return True
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    return False


def score(base: str, hash_id: str, selfie: Path) -> str:
    """The body that `POST /liveness` answers for one file."""
    image = "data:image/jpeg;base64," + base64.b64encode(selfie.read_bytes()).decode()
    body = {"hash_id": hash_id, "selfie_image": image}
    return SESSION.post(f"{base}/liveness", json=body, timeout=30).text


if __name__ == "__main__":
    sys.exit(main())
