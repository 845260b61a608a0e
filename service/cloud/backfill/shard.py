"""One shard: every object judged, then all results written at once."""

from __future__ import annotations

import json
from typing import Any

import structlog

from service.cloud.aws.config import load_config
from service.cloud.aws.session import Cloud
from service.cloud.backfill.output import ResultFolder, open_output
from service.cloud.backfill.plan import keys_of
from service.cloud.predictor import FINAL, LoadedMedium, Predictor
from service.errors import FacegateError, ObjectArchived, ObjectNotFound
from service.media.address import Address
from service.runtime import logs
from service.runtime.prefetch import prefetch_map
from service.settings import load_settings

READERS, AHEAD = 4, 8  # downloads at once, and how far they run ahead of the judgement
GONE = (*FINAL, ObjectNotFound, ObjectArchived)
log = structlog.get_logger()


class ShardWorker:
    """What each worker process makes once: the models, and clients of its own."""

    def __init__(self, output: str) -> None:
        settings, cloud = load_settings(), Cloud(load_config())
        logs.configure(settings.log_level)  # of a process of its own
        self._predictor = Predictor.load(settings, cloud)
        self._output: ResultFolder = open_output(output, cloud)

    def score(self, number: int) -> int | None:
        """Objects judged; None when AWS or the disk refused something, and nothing is written."""
        try:
            addresses = keys_of(self._output, number)
            rows = [
                self._row(*found) for found in prefetch_map(self._load, addresses, READERS, AHEAD)
            ]
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            self._output.write(f"results/{number:06d}.jsonl", lines.encode())
        except (FacegateError, OSError) as error:
            code = error.code if isinstance(error, FacegateError) else type(error).__name__
            log.warning("shard put off", shard=number, code=code)
            return None
        return len(rows)

    def _load(self, address: Address) -> tuple[Address, LoadedMedium | FacegateError]:
        try:
            return address, self._predictor.load_object(address)
        except GONE as error:
            return address, error

    def _row(self, address: Address, found: LoadedMedium | FacegateError) -> dict[str, Any]:
        row: dict[str, Any] = {"source": address.url(), "fingerprint": self._predictor.fingerprint}
        if isinstance(found, FacegateError):
            return row | {"code": found.code}
        try:
            analysis = self._predictor.analyze(found)
        except GONE as error:
            return row | {"code": error.code}
        return row | {
            "sha256": analysis.sha256,
            "decision": analysis.decision,
            "score": round(analysis.score, 6),
            "probability": round(analysis.probability, 6),
            "reasons": [reason.value for reason in analysis.reasons],
        }
