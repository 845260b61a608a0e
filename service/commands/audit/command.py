"""`facegate audit verify|export|head`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from service.audit.files import FileAudit, Line, last_heads, read_lines, to_line
from service.audit.keys import AuditKey, audit_key
from service.audit.verify import Report, Verifier, checkpoints
from service.errors import StartupError
from service.settings import Settings, load_settings
from service.store import not_yet_made, open_for_command
from service.store.audit import Audit, AuditEntry

MOST = 100  # findings that are printed


def verify(file: Path | None, public: Sequence[str], anchor: Path | None) -> int:
    """Print what was found; 1 when something is wrong. Raises StartupError without any entry."""
    settings = load_settings()
    with _sinks(settings, file) as sinks:
        verifier = Verifier(_keys(settings), public)
        report = verifier.check(_entries(sinks), [one for s in sinks for one in s.audit_heads()])
    if anchor is not None:
        verifier.check_anchor(_anchor(anchor))
    if not report.entries and not report.findings:
        raise _nothing(file)
    for finding in report.findings[:MOST]:
        print(finding)
    _sum_up(report)
    return 1 if report.findings else 0


def export() -> None:
    """Entries first, then heads."""
    with _sinks(load_settings(), None) as sinks:
        for sink in sinks:
            for line in (*sink.read_audit(), *sink.audit_heads()):
                sys.stdout.write(to_line(line))


def head() -> None:
    """The checkpoint that was made last."""
    with _sinks(load_settings(), None) as sinks:
        newest = max(checkpoints(_entries(sinks)), key=lambda one: one.get("at", 0), default=None)
    if newest is None:
        raise StartupError(
            "The audit log has no checkpoint yet.",
            "One is made every FACEGATE_AUDIT_CHECKPOINT seconds, and when the service stops.",
        )
    print(orjson.dumps(newest).decode())


def _nothing(file: Path | None) -> StartupError:
    """An export that failed and a log that is off are not sound; nothing was verified."""
    if file is not None:
        return StartupError(f"The file {file} has no entry.", "Run `facegate audit export` again.")
    return StartupError(
        "The audit log has no entry.",
        "FACEGATE_AUDIT=best-effort, or required, keeps it; FACEGATE_DATA_DIR says where.",
    )


def _sum_up(report: Report) -> None:
    said = f"{report.entries} entries, {report.chains} chains, {report.checkpoints} checkpoints"
    if report.lost:
        said += f", {report.lost} entries that could not be written at their time"
    count = len(report.findings)
    print(f"{said}: {f'{count} findings' if count else 'nothing is wrong'}.")


class _Exported:
    """A file of `audit export`, as a sink that is only read."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read_audit(self) -> Iterator[AuditEntry]:
        return (line for line in self._lines() if isinstance(line, AuditEntry))

    def audit_heads(self) -> list[Any]:
        return last_heads(self._lines())

    def _lines(self) -> Iterator[Line]:
        try:
            with self._file.open("rb") as lines:
                yield from read_lines(lines)
        except OSError as error:
            raise StartupError(
                f"The file {self._file} cannot be read: {error.strerror}.", "Name another one."
            ) from None


@contextmanager
def _sinks(settings: Settings, file: Path | None) -> Iterator[list[Audit | _Exported]]:
    """The store, and the files of commands that ran without one."""
    if file is not None:
        yield [_Exported(file)]
        return
    files = FileAudit(settings.data_dir / "audit")
    if not_yet_made(settings) and any(files.lines()):
        yield [files]
        return
    store = open_for_command(settings, made=True)
    try:
        yield [store, files]
    finally:
        store.close()


def _entries(sinks: Iterable[Audit | _Exported]) -> Iterator[AuditEntry]:
    for sink in sinks:
        yield from sink.read_audit()


def _keys(settings: Settings) -> list[AuditKey]:
    """The key of this service, where it has one: to verify makes none."""
    known = settings.audit_key or settings.audit_key_file
    return [audit_key(settings)] if known or (settings.data_dir / "audit.key").exists() else []


def _anchor(file: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(file.read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise StartupError(
            f"The file {file} is no checkpoint.", "Give what `facegate audit head` printed."
        )
    return found
