"""`facegate aws setup` and `facegate aws check`: credentials, and what they may do."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from service.cloud.aws.config import DEFAULT, Aws, load_config, save_config
from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.commands.doctor.finding import Diagnosis, failed, ok
from service.errors import CloudError, NoCredentials, StartupError

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}
REMEDIES = {
    "NO_CREDENTIALS": "Run `facegate aws setup`, set AWS_PROFILE, or give this machine a role.",
    "ACCESS_DENIED": "Attach the policy of deploy/aws/iam/ that fits.",
    "WRONG_REGION": "Set AWS_REGION.",
    "CLOCK_SKEW": "Set this machine's clock, best by NTP.",
}


@dataclass(frozen=True)
class Targets:
    """What to try out besides the identity."""

    bucket: str | None = None
    queue_url: str | None = None
    table: str | None = None


def setup(path: Path | None) -> int:
    """Ask, validate, write, show. 1 when AWS does not know the credentials; nothing is kept then.

    Raises StartupError when the file cannot be written.
    """
    config = load_config(path if path and path.exists() else None)
    config = config.model_copy(update={"aws": _ask(config.aws)})
    findings = _findings(Cloud(config), Targets())
    healthy = _show(findings)
    if not healthy:
        print("Nothing was written.")
        return 1
    save_config(config, path or DEFAULT)
    print(f"Written to {path or DEFAULT}, readable by this user alone.")
    return 0


def check(cloud: Cloud, targets: Targets) -> int:
    """Show who we are and what we may do; 1 when a check failed."""
    return 0 if _show(_findings(cloud, targets)) else 1


def _ask(current: Aws) -> Aws:
    key_id = _line("Access key id", current.access_key_id)
    secret = _hidden("Secret access key", current.secret_access_key)
    token = _hidden("Session token, if there is one", current.session_token)
    region = _line("Region", current.region)
    if not (key_id and secret and region):
        raise StartupError("Key, secret and region are all needed.", "Begin again.")
    return Aws(access_key_id=key_id, secret_access_key=secret, session_token=token, region=region)


def _line(what: str, current: str | None) -> str | None:
    print(f"{what}{f' [{current}]' if current else ''}: ", end="", flush=True)
    return sys.stdin.readline().strip() or current


def _hidden(what: str, current: SecretStr | None) -> SecretStr | None:
    """Not echoed on a terminal; Enter keeps what there is."""
    prompt = f"{what}{' [kept]' if current else ''}: "
    if sys.stdin.isatty():
        text = getpass.getpass(prompt)
    else:
        print(prompt)
        text = sys.stdin.readline()
    return SecretStr(text.strip()) if text.strip() else current


def _findings(cloud: Cloud, targets: Targets) -> Iterator[tuple[str, Diagnosis]]:
    yield "credentials", _tried(lambda: _credentials(cloud))
    yield "region", _tried(lambda: _region(cloud))
    yield "identity", _tried(lambda: _identity(cloud))
    if targets.bucket:
        yield "bucket", _tried(lambda: _bucket(cloud, str(targets.bucket)))
    if targets.queue_url:
        yield "queue", _tried(lambda: _queue(cloud, str(targets.queue_url)))
    if targets.table:
        yield "table", _tried(lambda: _table(cloud, str(targets.table)))


def _tried(check: Callable[[], Diagnosis]) -> Diagnosis:
    try:
        with failures_told():
            return check()
    except CloudError as error:
        return failed(error.sentence, REMEDIES.get(error.code, "Try again in a moment."))


def _credentials(cloud: Cloud) -> Diagnosis:
    try:
        return ok(f"from the {cloud.way}, key {cloud.key_id}")
    except NoCredentials as error:
        return failed(error.sentence, REMEDIES[error.code])


def _region(cloud: Cloud) -> Diagnosis:
    return ok(cloud.region) if cloud.region else failed("none is set", REMEDIES["WRONG_REGION"])


def _identity(cloud: Cloud) -> Diagnosis:
    return ok(str(cloud.client("sts").get_caller_identity()["Arn"]))


def _bucket(cloud: Cloud, name: str) -> Diagnosis:
    cloud.client("s3").list_objects_v2(Bucket=name, MaxKeys=1)
    return ok(f"{name} can be listed")


def _queue(cloud: Cloud, url: str) -> Diagnosis:
    cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return ok("can be used")


def _table(cloud: Cloud, name: str) -> Diagnosis:
    cloud.client("dynamodb").describe_table(TableName=name)
    return ok(f"{name} can be used")


def _show(findings: Iterator[tuple[str, Diagnosis]]) -> bool:
    healthy = True
    for name, finding in findings:
        healthy = healthy and finding.level != "failed"
        print(f"{MARKS[finding.level]}  {name}: {finding.sentence}")
        if finding.remedy:
            print(f"         {finding.remedy}")
    return healthy
