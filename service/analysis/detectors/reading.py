"""A detector that reads what another one saw of a face, instead of looking for itself.

A large network sees more in a face than its own task needs. Where it looks anyway, what it saw
(its pools) serves another task at the cost of a small layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.crop import Portrait
from service.errors import StartupError
from service.repository.checksums import RESTORE
from service.repository.heads import OwnHead
from service.repository.manifest import Reads


class ReadingDetector(OnnxDetector):
    """`source`: the detector that the manifest's `reads` names.

    Raises StartupError when it is another one.
    """

    def __init__(
        self, folder: Path, source: OnnxDetector, *, bpcer: float, own_head: OwnHead | None = None
    ) -> None:
        self._source = source
        super().__init__(folder, bpcer=bpcer, own_head=own_head)
        theirs = Reads(name=source.name, version=source.version)
        if (read := self.manifest.reads) != theirs or source.manifest.output.pools is None:
            wanted = f"{read.name} {read.version}" if read else "no other detector"
            raise StartupError(
                f"The model {self.name} reads {wanted}, not {source.name} {source.version}.",
                RESTORE,
            )

    def _crop(self, portrait: Portrait) -> np.ndarray:
        return self._source.pools(portrait)

    def _seen(self, crop: np.ndarray) -> np.ndarray:
        return self._source.pools_of(crop)

    def _fed(self, crop: np.ndarray) -> np.ndarray:
        return crop  # pools by now
