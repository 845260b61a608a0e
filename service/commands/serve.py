"""`facegate serve`: check first, then hand over to gunicorn."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from service.commands import streams
from service.commands.doctor.variables import check_variables
from service.commands.listening import FREE_IT, Obstacle, obstacle
from service.errors import StartupError
from service.repository.checksums import verified_files
from service.runtime import data_lock, metric_files
from service.runtime.console import note
from service.settings import PACKAGE, STARTED_WITH, Settings, load_settings

LETS_GO = 4.0  # seconds; orphaned workers look for their master once a second


def serve(development: bool) -> None:
    """Replace this process by gunicorn. Raises StartupError with one sentence when it cannot."""
    settings = load_settings()
    _warn_of_misspelled_settings(settings)
    _preflight(settings)
    # Replicas on one host share the folder of what waits for MongoDB; all else has one owner.
    lock = data_lock.take(settings.data_dir, shared=settings.store_kind() == "mongo")
    environment = _environment(settings) | lock
    if development:
        environment |= _announce(settings)
    _warn_of_the_console(settings)
    _warn_of_the_processor(settings)
    streams.finish()
    streams.silence()
    os.execve(sys.executable, _command(), environment)  # noqa: S606 (no shell meant)


def _preflight(settings: Settings) -> None:
    _writable(settings.data_dir)
    _port_free(settings)
    _enough_memory(settings)
    _store_usable(settings)
    # Late, so that `facegate --help` stays quick. Reads manifests and checksums, opens no session.
    from service.analysis.decision.calibration import find_calibration
    from service.licensing import check_licences
    from service.repository.fusion_manifest import check_stacks
    from service.repository.registry import added_models, check_models, tasks_in_force

    check_models(settings)
    for folder in (settings.models_dir, added_models(settings)):
        check_stacks(folder)
    for task in tasks_in_force(settings):
        find_calibration(settings, task)
    check_licences(settings)


def _writable(folder: Path) -> None:
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartupError(
            f"The data folder {folder} cannot be written to: {error.strerror}.",
            "Give this user the right to write there, or set FACEGATE_DATA_DIR.",
        ) from None


def _port_free(settings: Settings) -> None:
    found = obstacle(settings)
    if found and found.in_use:
        note(f"{found.why} Waiting {LETS_GO:.0f} seconds for it to become free.")
        found = _after_waiting(settings)
    if found:
        raise StartupError(found.why, FREE_IT)


def _after_waiting(settings: Settings) -> Obstacle | None:
    """A service that was killed leaves workers, which let its address go a moment later."""
    deadline = time.monotonic() + LETS_GO
    while (found := obstacle(settings)) and found.in_use and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _store_usable(settings: Settings) -> None:
    from service.store import check_files

    check_files(settings)
    if settings.store_kind() == "mongo":
        from service.store.mongo.uri import mongo_uri

        mongo_uri(settings)


def _enough_memory(settings: Settings) -> None:
    """Better said now than by the kernel, which kills a worker that the master then replaces."""
    from service.commands.doctor.machine import check_memory

    finding = check_memory(settings)
    if finding.level == "failed":
        raise StartupError(finding.sentence, finding.remedy or "")


def _announce(settings: Settings) -> dict[str, str]:
    """Print how to try it; returns what lets the gateway be tried without a licence."""
    from service.accounts.development import development_user
    from service.licensing.development import NAME, development_licence
    from service.store import open_for_command

    store = open_for_command(settings)
    hash_id = development_licence(settings, store)
    if settings.console_is_on():
        name, password = development_user(settings, store)
        print(f"console: {settings.local_url()}/console  user: {name}  password: {password}")
    store.close()
    url = f"{settings.local_url()}/v1/analyze"
    print(f"hash_id: {hash_id}")
    print(f"curl -s -F hash_id={hash_id} -F image=@scripts/demo/genuine.jpg {url}")
    if settings.gateway_licence or settings.gateway_licence_file:
        return {}
    file = settings.data_dir.absolute() / f"{NAME}.hash_id"
    return {"FACEGATE_GATEWAY_LICENCE_FILE": str(file)}


def _warn_of_misspelled_settings(settings: Settings) -> None:
    """First of all: it may be why the rest does not fit."""
    finding = check_variables(settings)
    if finding.level == "warning":
        note(f"{finding.sentence} {finding.remedy}")


def _warn_of_the_console(settings: Settings) -> None:
    if settings.console_is_on() and not settings.is_local():
        note(
            f"The console is on at {settings.listens_on()}/console: put TLS in front of it, and"
            " name the proxy in FACEGATE_TRUSTED_PROXIES."
        )


def _warn_of_the_processor(settings: Settings) -> None:
    from service.commands.doctor.machine import check_cpu

    finding = check_cpu(settings)
    if finding.level == "warning":
        note(f"{finding.sentence} {finding.remedy}")


def _command() -> list[str]:
    config = PACKAGE / "gunicorn_conf.py"
    return [sys.executable, "-m", "gunicorn", "-c", str(config), "service.app:create_app()"]


def _environment(settings: Settings) -> dict[str, str]:
    temporary = settings.data_dir.absolute() / "tmp"
    temporary.mkdir(exist_ok=True)
    _, metrics = metric_files.new_folder(settings.data_dir)
    return {
        **os.environ,
        **metrics,
        "TMPDIR": str(temporary),  # large uploads lie there, in files without a name
        # Fewer allocator arenas: with many threads, memory would creep up otherwise.
        "MALLOC_ARENA_MAX": "2",
        # Two pools on the same cores halve throughput; the workers are the parallelism.
        "OMP_NUM_THREADS": "1",
        # What is applied in the console later counts for none of them before all start anew.
        STARTED_WITH: str(settings.bpcer) if settings.bpcer_is_applied else "",
        **verified_files(),
    }
