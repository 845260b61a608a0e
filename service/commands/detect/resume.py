"""Resume an interrupted run of `facegate detect` over S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.errors import CloudError, StartupError
from service.runtime.files import replace_file


def settled(output: Path) -> dict[str, dict[str, Any]]:
    """What the output file says already, by source; the file keeps these lines alone.

    A torn last line and what AWS refused for the time being are left out, to be tried again.
    Raises StartupError when the file is not one of ours.
    """
    try:
        rows = {str(row["source"]): row for row in _rows(output) if _is_settled(row)}
        _rewrite(output, rows.values())
    except (OSError, ValueError, KeyError, TypeError):
        raise StartupError(
            f"The output file {output} is not one that this command can go on with.",
            "Name another one with --output, or delete it to begin anew.",
        ) from None
    return rows


def _rows(output: Path) -> Iterator[Any]:
    if not output.exists():
        return
    for line in output.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # an interrupted write may leave half a line
            yield json.loads(line)


def _is_settled(row: dict[str, Any]) -> bool:
    return row["code"] not in TEMPORARY


def _rewrite(output: Path, rows: Any) -> None:
    replace_file(output, "".join(json.dumps(row) + "\n" for row in rows).encode())


TEMPORARY = frozenset({CloudError.code, *(kind.code for kind in CloudError.__subclasses__())})
