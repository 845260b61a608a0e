"""`facegate doctor`: one sentence a check, and a remedy where all is not well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from service.commands.doctor import installation, machine
from service.commands.doctor.finding import Diagnosis, failed
from service.commands.doctor.network import check_network
from service.commands.doctor.store import check_database, repair_database
from service.commands.doctor.variables import check_variables
from service.errors import FacegateError, StartupError
from service.runtime.console import print_json
from service.settings import Settings, load_settings

Check = Callable[[Settings], Diagnosis]
CHECKS: dict[str, Check] = {
    "settings": check_variables,
    "python": machine.check_python,
    "cpu": machine.check_cpu,
    "cores": machine.check_cores,
    "memory": machine.check_memory,
    "models": installation.check_model_files,
    "fusion": installation.check_fusion,
    "heads": installation.check_heads,
    "calibration": installation.check_calibration,
    "data folder": machine.check_data_folder,
    "digest key": installation.check_digest_key,
    "store": installation.check_store,
    "licences": installation.check_licences,
    "port": machine.check_port,
}
MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def doctor(as_json: bool, network: bool = False, store: bool = False, repair: bool = False) -> int:
    """Print all findings; 1 when a check failed. `network` adds a check of half a minute, `store`
    looks at the database alone and as a whole, `repair` saves what can be read of it."""
    if store or repair:
        findings = examine({"database": repair_database if repair else check_database})
    else:
        findings = examine(CHECKS | ({"network": check_network} if network else {}))
    healthy = all(finding.level != "failed" for finding in findings.values())
    if as_json:
        checks = [{"check": name, **asdict(finding)} for name, finding in findings.items()]
        print_json({"ok": healthy, "checks": checks})
    else:
        _print(findings)
    return 0 if healthy else 1


def examine(checks: Mapping[str, Check] = CHECKS) -> dict[str, Diagnosis]:
    """Every check by name; only `settings` when those are unusable."""
    try:
        settings = load_settings()
    except StartupError as error:
        return {"settings": failed(error.sentence, error.remedy)}
    return {name: _examine(check, settings) for name, check in checks.items()}


def _examine(check: Check, settings: Settings) -> Diagnosis:
    try:
        return check(settings)
    except StartupError as error:
        return failed(error.sentence, error.remedy)
    except (FacegateError, OSError) as error:
        return failed(f"This could not be checked: {error}.", "Run it as the service's user.")


def _print(findings: dict[str, Diagnosis]) -> None:
    for name, finding in findings.items():
        print(f"{MARKS[finding.level]}  {name}: {finding.sentence}")
        if finding.remedy:
            print(f"         {finding.remedy}")
