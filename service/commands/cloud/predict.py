"""`facegate predict`: the predict command of the S3 and SQS contract, one medium a call."""

from __future__ import annotations

from pathlib import Path

from service.cloud.aws.config import CloudConfig, load_config
from service.cloud.aws.session import Cloud, Given
from service.errors import FacegateError, StartupError
from service.runtime.console import note, print_json

REAL, FAKE, INCOMPLETE = 0, 1, 2


def predict(where: str, threshold: float, output: Path | None, cloud: Cloud) -> int:
    """Print or write the result; returns the exit code. Raises StartupError."""
    from service.cloud.predictor import Predictor
    from service.settings import load_settings

    predictor = Predictor.load(load_settings(), cloud)
    try:
        result = predictor.predict_auto(where, threshold)
    except StartupError:
        raise
    except FacegateError as error:
        note(f"facegate: {error.sentence}")
        return INCOMPLETE
    print_json(result)
    if output is not None:
        _write(output, result)
    return {"REAL": REAL, "FAKE": FAKE}.get(result["label"], INCOMPLETE)


def identity(config: Path | None, given: Given) -> Cloud:
    """Credentials and region as files, environment and arguments give them. Raises StartupError."""
    loaded: CloudConfig = load_config(config)
    cloud = Cloud(loaded, given)
    if cloud.overruled:
        note("The access key given as an argument is not used: file and environment come first.")
    return cloud


def _write(output: Path, result: dict[str, object]) -> None:
    import json

    try:
        output.write_text(json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise StartupError(
            f"The output file {output} cannot be written: {error.strerror}.",
            "Name another one with --output.",
        ) from None
