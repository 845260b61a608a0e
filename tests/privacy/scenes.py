"""What is watched: each scene uses the real parts for a while. `python -m ... SCENE FOLDER`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from service import SILENCED
from tests.thorough import either

SECONDS = either(60, 18)  # the first report comes after ten, the second after fifteen
DEMO = Path(__file__).parents[2] / "scripts/demo/genuine.jpg"
FACEGATE = Path(sys.executable).with_name("facegate")
UNGUARDED = f"""
import time, numpy, onnxruntime
session = onnxruntime.InferenceSession("service/models/lite0/model.onnx")
face = numpy.zeros((1, 3, 224, 224), numpy.float32)
end = time.monotonic() + {SECONDS}
while time.monotonic() < end:
    session.run(None, {{session.get_inputs()[0].name: face}})
    time.sleep(1)
"""


def service(folder: Path) -> None:
    """`facegate serve`, asked every second."""
    from tests.live import COMMAND, Live

    forget()
    with Live(folder / "live", command=COMMAND) as live:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert live.analyze(DEMO.read_bytes()).ok
            time.sleep(1)


def detect(folder: Path) -> None:
    """`facegate detect` on a folder, and once more on so many that it must be interrupted."""
    images = folder / "images"
    images.mkdir()
    for number in range(10):
        (images / f"{number}.jpg").write_bytes(DEMO.read_bytes())
    forget()
    quiet = {"env": settings(folder), "stdout": subprocess.DEVNULL}
    subprocess.run([FACEGATE, "detect", images], check=True, timeout=90, **quiet)
    # It is watched, not timed: what else is to be done on this machine goes first, and it rests.
    process = subprocess.Popen(["nice", "-n", "19", FACEGATE, "detect", *[images] * 500], **quiet)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        process.send_signal(signal.SIGCONT)
        time.sleep(0.2)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)
    process.send_signal(signal.SIGCONT)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def consumer(folder: Path) -> None:
    """`facegate consume` on a queue that gets a message every second."""
    from tests.aws import Aws
    from tests.cloud.sqs.queues import make_queue
    from tests.receiver import Receiver
    from tests.waiting import eventually

    forget()
    with Aws() as aws, Receiver() as receiver:
        letters = make_queue(aws, "selfies")
        aws.bucket("photos").put_object(Bucket="photos", Key="a.jpg", Body=DEMO.read_bytes())
        more = aws.environment | {"FACEGATE_ALLOW_PRIVATE_CALLBACKS": "1"}
        command = [FACEGATE, "consume", "--queue-url", letters.url, "--poll-interval", "0.2"]
        process = subprocess.Popen(command, env=settings(folder) | more)
        message = {"sqs_to_ml_url": "s3://photos/a.jpg", "callback_url": receiver.url}
        letters.send(message)
        eventually(lambda: receiver.posts, 60)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            letters.send(message)
            time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert len(receiver.posts) > SECONDS / 4


def unguarded(folder: Path) -> None:
    """ONNX Runtime as its wheel comes, to see that the watch would see it."""
    forget()
    subprocess.run([sys.executable, "-c", UNGUARDED], check=True)


def forget() -> None:
    """What this process was told must not reach the parts that are watched."""
    for name in SILENCED:
        os.environ.pop(name, None)


def settings(folder: Path) -> dict[str, str]:
    ours = {"FACEGATE_DATA_DIR": str(folder / "data"), "FACEGATE_STORE": "sqlite"}
    return os.environ | ours


if __name__ == "__main__":
    {"service": service, "detect": detect, "consumer": consumer, "unguarded": unguarded}[
        sys.argv[1]
    ](Path(sys.argv[2]))
