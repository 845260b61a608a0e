"""The BPCER that was applied in the console: kept in the data folder for the next start."""

from __future__ import annotations

import json
import os
from pathlib import Path

from service.errors import StartupError
from service.runtime.files import replace_file

OPERATING_POINT = "operating-point.json"  # of the data folder


def applied_bpcer(data_dir: Path) -> float | None:
    """The BPCER that was applied in the console. Raises StartupError for an unusable file."""
    path = data_dir / OPERATING_POINT
    try:
        found = json.loads(path.read_text())["bpcer"]
        if 0 < found < 1:
            return float(found)
    except (FileNotFoundError, NotADirectoryError):  # of the folder another check tells
        return None
    except (OSError, ValueError, TypeError, LookupError):
        if not os.access(data_dir, os.X_OK):  # a folder that may not be entered: likewise
            return None
    raise StartupError(
        f"The operating point {path} is unusable.", "Remove the file, or apply one in the console."
    )


def apply_bpcer(data_dir: Path, bpcer: float) -> None:
    """Keep a BPCER for the next start. Raises OSError."""
    replace_file(data_dir / OPERATING_POINT, json.dumps({"bpcer": bpcer}).encode(), durable=True)
