"""The real service in a subprocess: `facegate serve` under gunicorn, on a free port.

with Live(folder, workers=2) as live:
    live.post("/liveness", json={"hash_id": live.hash_id, "selfie_image": data_uri(genuine())})
    live.log()                  # what it wrote to standard error
    live.process.send_signal(signal.SIGTERM)

Keyword arguments are settings. A service is a fork of the launcher (tests/launcher.py), which takes
a third of the time; with a `command` it is a program of its own. A judgement does not hang on how
well a detector is trained: `steady_models(folder, 0.233)` is a models folder whose real ONNX
detector gives that probability to every face, and `Live(folder, probability=0.233)` uses one.
"""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from service.licensing import Licensing
from service.licensing.digest import new_hash_id, public_digest
from service.licensing.signed import SignedLicence, load_private_key, new_key_pair, sign
from service.settings import PACKAGE, Settings
from service.store import open_for_command
from tests.launcher import Launched, launcher
from tests.models import make_detector
from tests.servers import free_port

# Without `serve`'s own checks before the start.
GUNICORN = [
    *(sys.executable, "-m", "gunicorn", "-c", str(PACKAGE / "gunicorn_conf.py")),
    "service.app:create_app()",
]
COMMAND = [str(Path(sys.executable).parent / "facegate"), "serve"]
OURS = ("FACEGATE_", "MONGODB_", "STORE_IMAGES", "PROMETHEUS_")
NEVER = 4102444800  # the year 2100


class Live:
    """One running service. `base` is its address; `hash_id` a licence with every feature."""

    def __init__(
        self,
        folder: Path,
        *,
        probability: float | None = None,
        presented: float | None = None,
        command: Sequence[str] | None = None,
        watchful: bool = False,
        **settings: Any,
    ) -> None:
        """watchful: it looks after its store every moment, so that a test need not wait for it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._watchful = folder, watchful
        self.command = command
        options: dict[str, Any] = {"workers": 1, "store": "sqlite"} | settings
        options |= {"port": free_port(), "data_dir": folder / "data"}
        if probability is not None:
            options["models_dir"] = steady_models(folder / "models", probability)
        if presented is not None:
            steady_presentation(folder / "models", presented)
        self._hash_id: str | None = None
        if options["store"] == "null" and "licence_files" not in options:
            self._hash_id, files = licence_file(folder)
            options |= files
        self.environment = environment(options)
        self.settings = Settings(**options)
        self.base = f"http://127.0.0.1:{self.settings.port}"
        self.session = requests.Session()
        self.process: subprocess.Popen[bytes] | Launched

    @cached_property
    def licensing(self) -> Licensing:
        """The same licences as the service sees, to issue more of them."""
        return Licensing(self.settings, open_for_command(self.settings))

    @property
    def hash_id(self) -> str:
        if self._hash_id is None:
            self._hash_id = self.issue()
        return self._hash_id

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Launch; does not wait."""
        self._log_file.touch()
        self._began = self._log_file.stat().st_size
        if self.command is None:
            self.process = launcher().start(
                COMMAND, self.environment, self._log_file, self._watchful
            )
            return
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self, seconds: float = 60.0) -> None:
        """Until every worker judges images."""
        self._wait(self._all_ready, seconds)

    def wait_until(self, state: str, seconds: float = 60.0) -> None:
        """Until /readyz tells this state."""
        self._wait(lambda: f'"state":"{state}"' in self._read("/readyz"), seconds)

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service does not start:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM, and its exit status; SIGKILL to what is left after half a minute."""
        self._hang_up()
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(timeout=30)

    def _hang_up(self) -> None:
        """At once: a service that ends waits two seconds for clients who might ask once more."""
        pools = self.session.get_adapter(self.base).poolmanager.pools  # type: ignore[attr-defined]
        for key in pools.keys():  # noqa: SIM118 (no mapping)
            pools[key].close()
        self.session.close()

    def log(self) -> str:
        """What it wrote to standard output and standard error so far."""
        return self._log_file.read_text(errors="replace")

    def issue(self, **terms: Any) -> str:
        """The hash_id of a new licence."""
        return self.licensing.issue(**{"name": "test"} | terms)[0]

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.base + path, timeout=60, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.base + path, timeout=60, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.session.delete(self.base + path, timeout=60, **options)

    def results(self, path: str = "", **params: Any) -> requests.Response:
        """GET /v1/results as the holder of `hash_id`."""
        key = {"Authorization": f"Bearer {self.hash_id}"}
        return self.get(f"/v1/results{path}", headers=key, params=params)

    def analyze(self, image: bytes, **more: Any) -> requests.Response:
        """POST /v1/analyze with JSON."""
        if "hash_id" not in more:
            more["hash_id"] = self.hash_id
        body = {"image": data_uri(image)} | more
        return self.post("/v1/analyze", json=body)

    @property
    def _log_file(self) -> Path:
        return self.folder / "service.log"

    def _all_ready(self) -> bool:
        if self.settings.log_level == "info" and b'"event": "ready"' not in self._new_log():
            return False  # an answer would cost it more than its log
        ready = f"facegate_ready_workers {float(self.settings.workers)}"
        return ready in self._read("/metrics")

    def _new_log(self) -> bytes:
        with self._log_file.open("rb") as log:
            log.seek(self._began)
            return log.read()

    def _read(self, path: str) -> str:
        """What a path answers; nothing while nobody listens."""
        try:
            return self.get(path).text
        except requests.ConnectionError:
            return ""


def data_uri(image: bytes, kind: str = "jpeg") -> str:
    """As a browser's or a phone's camera widget gives it."""
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """This process's environment with nothing but these settings of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return clean | {f"FACEGATE_{name.upper()}": _text(value) for name, value in settings.items()}


def steady_models(folder: Path, probability: float) -> Path:
    """A models folder whose detector gives every face this probability; the threshold is 0.5.

    Voices are judged as in the release.
    """
    for source in sorted((PACKAGE / "models").glob("*/manifest.json")):
        if _stays(json.loads(source.read_text())) and not (folder / source.parent.name).exists():
            shutil.copytree(source.parent, folder / source.parent.name)
    known = {path: json.loads(path.read_text()) for path in folder.glob("*/manifest.json")}
    ((path, manifest),) = ((p, m) for p, m in known.items() if _small(m))
    manifest |= {
        "name": "steady",
        "accurate": True,
        "version": "1.0.0",
        # The detector does run; its logit only hardly counts.
        "calibration": {"slope": 1e-9, "intercept": math.log(probability / (1 - probability))},
        "operating_points": [{"bpcer": 0.05, "threshold": 0.5}],
        "default_bpcer": 0.05,
    }
    path.write_text(json.dumps(manifest))
    return folder


def _stays(manifest: dict[str, Any]) -> bool:
    """What finds faces and judges voices, and the one detector that becomes the steady one."""
    return bool(
        manifest["kind"] == "face_detector"
        or manifest.get("modality") == "audio"
        or _small(manifest)
    )


def _small(manifest: dict[str, Any]) -> bool:
    return bool(manifest.get("fast")) and manifest.get("task", "deepfake") == "deepfake"


def steady_presentation(folder: Path, probability: float) -> Path:
    """A detector of presentation attacks beside the others, like theirs."""
    bias = math.log(probability / (1 - probability))
    points = [{"bpcer": 0.05, "threshold": 0.5}]
    known = {"task": "presentation_attack", "fast": True, "operating_points": points}
    return make_detector(folder, "shown", gain=0.0, bias=bias, **known)


def licence_file(folder: Path) -> tuple[str, dict[str, Any]]:
    """A hash_id that holds by a signed file alone, and the settings that say so."""
    private, public = new_key_pair()
    (folder / "vendor.key").write_bytes(private)
    (folder / "vendor.pub").write_bytes(public)
    hash_id = new_hash_id()
    licence = SignedLicence(
        id=f"lic_{0:032x}",
        public_digest=public_digest(hash_id),
        name="air-gapped",
        issued_at=int(time.time()),
        expires_at=NEVER,
    )
    file = folder / "air-gapped.licence"
    file.write_bytes(sign(licence, load_private_key(folder / "vendor.key")))
    return hash_id, {"licence_files": (file,), "vendor_public_key": folder / "vendor.pub"}


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple | set) else str(value)
