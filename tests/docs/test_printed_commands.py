"""Every command line of README and docs, run as it is printed.

Only what stands for something else is filled in: the service's address, a hash_id, `...`, an
address of others. What is not run here is listed with the reason.
"""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from tests import clips
from tests.analysis.test_audio import recording
from tests.aws import Aws
from tests.cloud.sqs.queues import make_queue
from tests.docs.test_docs import PAGES, ROOT
from tests.forks import SCRIPT, Ran, fork_server
from tests.images import genuine
from tests.live import Live, environment
from tests.voices import spoken

FENCE = re.compile(r"^```(?:bash|sh|console)?\n(.*?)^```$", re.S | re.M)
COMMAND = re.compile(r"(curl|facegate|make|docker|pip|python|deploy/|scripts/|\./)\b|\./")
NOT_RUN = {
    r"make (run|demo)": "tests/docs/test_quickstart.py runs both",
    r"make ": "installs, tests or starts containers: .ci/run and tests/containers",
    r"(docker|\./|deploy/ecr)": "needs a Docker engine: tests/containers",
    r"pip ": "installs from an index",
    r"facegate (calibrate|train|evaluate|ensemble)": "needs hundreds of images: tests/commands/fit",
    r"facegate models add": "needs the page's files: tests/docs/test_adding_a_detector.py",
    r"facegate aws setup": "asks questions: tests/cloud/aws/test_credentials.py",
    r"facegate users add": "asks for a password: tests/commands/users",
    r"facegate consume (?!.*--run-once)": "goes on for ever; with --run-once it is run",
    r"facegate forget --licence": "needs a licence of that name: tests/commands/test_forget.py",
    r"facegate audit": "needs a log with a checkpoint: tests/commands/audit",
    r"facegate recheck": "needs what the Lambda function recorded: tests/cloud",
    r"curl .*https://\.\.\.": "the address of one's own API Gateway",
    r"curl .*Bearer eyJ": "needs the token of the line before: tests/contracts/test_gateway.py",
}


def printed() -> list[str]:
    """Command lines, continued ones joined; without prompt and remark."""
    found = []
    for page in PAGES:
        for block in FENCE.findall(page.read_text()):
            for whole in re.sub(r"\\\n\s*", "", block).splitlines():
                line = re.sub(r"\s{2,}#.*", "", whole.removeprefix("$ "))
                if COMMAND.match(line) and line not in found:
                    found.append(line)
    return found


def reason(line: str) -> str | None:
    return next((why for what, why in NOT_RUN.items() if re.match(what, line)), None)


class Place(NamedTuple):
    folder: Path
    environment: dict[str, str]
    filled: dict[str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running development service, AWS, a neighbour that serves images; files by their names."""
    folder = tmp_path_factory.mktemp("printed")
    for name in ("selfie.jpg", "a.jpg", "face.jpg", "face.png", "photos/one.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(genuine())
    (folder / "film.mp4").write_bytes(clips.video(clips.faces(20)))
    (folder / "call.mp3").write_bytes(recording(spoken(), "mp3", "libmp3lame", 44100))
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    neighbour = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(folder)))
    Thread(target=neighbour.serve_forever, daemon=True).start()
    with ExitStack() as stack:
        stack.callback(neighbour.shutdown)
        aws = stack.enter_context(Aws())
        s3 = aws.bucket("selfies")
        for key in ("a.jpg", "2026/a.jpg"):
            s3.put_object(Bucket="selfies", Key=key, Body=genuine())
        aws.bucket("results")
        letters = make_queue(aws, "selfies")
        command = [str(SCRIPT), "serve", "--development"]
        live = stack.enter_context(
            Live(folder, probability=0.2, command=command, fetch_allow="127.0.0.1")
        )
        key = (folder / "data/development.hash_id").read_text()
        assert key.endswith("\n")  # what a file ends with must do no harm
        yield Place(
            folder,
            environment({"store": "sqlite", "models_dir": live.settings.models_dir})
            | aws.environment
            | {"PATH": f"{SCRIPT.parent}:/usr/bin:/bin", "HOME": str(folder)},
            {
                "http://127.0.0.1:5001": live.base,
                "127.0.0.1:5001": live.base,
                "fg_...": key.strip(),
                "/9j/4AAQ...": base64.b64encode(genuine()).decode(),
                "https://example.com": f"http://127.0.0.1:{neighbour.server_port}",
                "https://sqs.eu-central-1.amazonaws.com/123456789012/selfies": letters.url,
            },
        )


@pytest.mark.parametrize("line", [one for one in printed() if not reason(one)])
def test_a_printed_command_does_what_it_says(place: Place, line: str) -> None:
    filled = line
    for what, by in place.filled.items():
        if by not in filled:
            filled = filled.replace(what, by)
    if filled.startswith("facegate licence issue"):  # two pages issue one of the same name
        filled = f'facegate licence revoke "Bank of Examples" >/dev/null 2>&1; {filled}'
    if filled.startswith("facegate licence keygen"):
        (place.folder / "vendor.key").unlink(missing_ok=True)
        (place.folder / "vendor.pub").unlink(missing_ok=True)
    if filled.startswith("facegate consume"):  # a long poll of an empty queue
        filled += " --wait-time 1"
    ran = run(
        filled, place.folder, place.environment | {"FACEGATE_VENDOR_PUBLIC_KEY": "vendor.pub"}
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:].decode(errors="replace")


def run(line: str, folder: Path, around: dict[str, str]) -> Ran:
    """By a shell; a command of ours that needs nothing of one as a fork, which is sooner there."""
    if line.startswith("facegate ") and not set(line) & set("|&;<>$`*?~"):
        return fork_server().run(shlex.split(line)[1:], around, folder, timeout=150)
    command = ["bash", "-c", line.replace("curl ", "curl --fail-with-body ", 1)]
    return subprocess.run(
        command, cwd=folder, env=around, capture_output=True, timeout=150, check=False
    )


def test_there_are_commands_and_each_reason_is_needed() -> None:
    lines = printed()
    assert len([one for one in lines if not reason(one)]) > 20
    for what in NOT_RUN:
        assert any(re.match(what, one) for one in lines), what
    for path in re.findall(r"tests/[a-z_/.]+", " ".join(NOT_RUN.values())):
        assert (ROOT / path).exists(), path


def test_curl_is_here() -> None:
    assert shutil.which("curl")
