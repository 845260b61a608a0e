"""Five ways to say who we are, in their order; set-up and check; no secret in sight."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from service.cloud.aws.config import CloudConfig, load_config
from service.cloud.aws.session import Cloud, Given
from service.errors import CloudError, NoCredentials, StartupError
from tests.aws import Aws
from tests.cloud.sqs.queues import Letters
from tests.commands.conftest import Run

ROOT = Path(__file__).parents[3]
SECRET = "very-secret-text"
FILE = CloudConfig.model_validate(
    {"aws": {"access_key_id": "AKIAFROMFILE0000FILE", "secret_access_key": SECRET, "region": "r-f"}}
)
ARGUMENTS = Given("AKIAFROMARGS0000ARGS", SecretStr(SECRET), "r-a")


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No credentials but those of the test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


def in_environment(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVV0000ENVV")
    patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    patch.setenv("AWS_REGION", "r-e")


def in_profile(patch: pytest.MonkeyPatch, folder: Path) -> None:
    keys = f"[bank]\naws_access_key_id=AKIAFROMPROF0000PROF\naws_secret_access_key={SECRET}\n"
    (folder / "credentials").write_text(keys)
    (folder / "config").write_text("[profile bank]\nregion=r-p\n")
    patch.setenv("AWS_PROFILE", "bank")


def test_the_order_of_the_ways(nobody: pytest.MonkeyPatch, tmp_path: Path) -> None:
    in_profile(nobody, tmp_path)
    profile = Cloud()
    assert profile.way == "profile"  # boto3 looks it up when it is first asked, once
    arguments = Cloud(None, ARGUMENTS)
    in_environment(nobody)
    environment = Cloud(None, ARGUMENTS)
    file = Cloud(FILE, ARGUMENTS)
    found = [file, environment, arguments, profile]
    assert [one.way for one in found] == ["config file", "environment", "arguments", "profile"]
    assert [one.key_id[-4:] for one in found] == ["FILE", "ENVV", "ARGS", "PROF"]
    assert [one.region for one in found] == ["r-f", "r-e", "r-a", "r-p"]
    assert [one.overruled for one in found] == [True, True, False, False]


def test_the_role_of_the_machine_comes_last(nobody: pytest.MonkeyPatch, aws: Aws) -> None:
    nobody.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{aws.url}/role")
    aws.serve(
        "/role",
        {
            "AccessKeyId": "ASIAFROMROLE0000ROLE",
            "SecretAccessKey": "x",
            "Token": "t",
            "Expiration": "2100-01-01T00:00:00Z",
        },
    )
    assert (Cloud().way, Cloud().key_id[-4:]) == ("role", "ROLE")


def test_no_way_at_all() -> None:
    with pytest.raises(NoCredentials):
        _ = Cloud().way


def test_a_profile_that_does_not_exist_is_named(nobody: pytest.MonkeyPatch) -> None:
    nobody.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CloudError, match="no such AWS profile"):
        Cloud()


def test_no_representation_shows_a_secret(nobody: pytest.MonkeyPatch) -> None:
    cloud = Cloud(FILE, ARGUMENTS)
    assert SECRET not in f"{cloud!r} {FILE!r} {ARGUMENTS!r} {vars(cloud)!r}"


def test_the_template_is_sound_and_empty() -> None:
    config = load_config(ROOT / "deploy" / "aws" / "aws_config.template.json")
    assert config == CloudConfig()


def test_the_file_says_how_much_is_logged() -> None:
    quiet = CloudConfig.model_validate({"logging": {"level": "DEBUG", "log_to_console": False}})
    loud = CloudConfig.model_validate({"logging": {"level": "DEBUG"}})
    assert (quiet.logging.in_force, loud.logging.in_force) == ("ERROR", "DEBUG")


def test_the_real_file_is_ignored_by_git() -> None:
    assert "aws_config.json" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"aws": {"secret": "very-secret-text"}}', '{"logging": {"level": "LOUD"}}']
)
def test_an_unusable_file_is_refused_without_its_values(tmp_path: Path, text: str) -> None:
    file = tmp_path / "aws.json"
    file.write_text(text)
    with pytest.raises(StartupError) as error:
        load_config(file)
    assert SECRET not in str(error.value)


ANSWERS = f"AKIATYPED00000000000\n{SECRET}\n\neu-central-1\n"
BARE: dict[str, Any] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


def test_setup_validates_and_writes(facegate: Run, tmp_path: Path) -> None:
    ran = facegate("aws", "setup", stdin=ANSWERS, env=BARE)
    file = tmp_path / "aws_config.json"
    assert ran.returncode == 0, ran.stdout
    assert "ok       identity: arn:aws" in ran.stdout
    assert json.loads(file.read_text())["aws"]["secret_access_key"] == SECRET
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET not in ran.stdout + ran.stderr
    again = facegate("predict", "--setup-aws", stdin="\n\n\n\n", env=BARE)
    assert again.returncode == 0
    assert json.loads(file.read_text())["aws"]["secret_access_key"] == SECRET


def test_setup_keeps_nothing_that_aws_does_not_know(
    aws: Aws, facegate: Run, tmp_path: Path
) -> None:
    aws.fail("POST", "GetCallerIdentity", 403, "InvalidClientTokenId")
    ran = facegate("aws", "setup", stdin=ANSWERS, env=BARE)
    assert ran.returncode == 1
    assert not (tmp_path / "aws_config.json").exists()


def test_check_tells_what_may_be_done(
    aws: Aws, bucket: str, letters: Letters, facegate: Run
) -> None:
    ran = facegate(
        *("aws", "check", "--bucket", bucket, "--queue-url", letters.url, "--table", "absent"),
        env={"AWS_MAX_ATTEMPTS": "1"},
    )
    assert ran.returncode == 1
    marks = [line.split()[:2] for line in ran.stdout.splitlines() if not line.startswith("   ")]
    assert marks == [
        ["ok", "credentials:"],
        ["ok", "region:"],
        ["ok", "identity:"],
        ["ok", "bucket:"],
        ["ok", "queue:"],
        ["FAILED", "table:"],
    ]
    assert aws.environment["AWS_SECRET_ACCESS_KEY"] not in ran.stdout + ran.stderr


@pytest.mark.parametrize("file", sorted((ROOT / "deploy/aws/iam").glob("*.json")), ids=str)
def test_policies_allow_only_actions_that_exist(aws: Aws, file: Path) -> None:
    text = file.read_text()
    statements = json.loads(text)["Statement"]
    actions = {action for one in statements for action in one["Action"]}
    assert actions
    assert not any("*" in action or action == "s3:GetObjectMetadata" for action in actions)
    assert "*" not in {one["Resource"] for one in statements if isinstance(one["Resource"], str)}
    aws.client("iam").create_policy(PolicyName=file.stem, PolicyDocument=plain(text))


def plain(text: str) -> str:
    """The policy with its placeholders filled."""
    return re.sub(r"\$\{(\w+)\}", lambda found: found[1].lower(), text)
