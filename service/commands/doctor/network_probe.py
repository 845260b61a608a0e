"""What `facegate doctor --network` watches: this process loads the models and judges for a while.

`python -m service.commands.doctor.network_probe SECONDS` prints how often the network of this
process was asked for a way out. Under `unshare --net` there is none, and the kernel counts each
attempt.
"""

from __future__ import annotations

import io
import sys
import time
from contextlib import suppress
from pathlib import Path

from PIL import Image

from service.errors import FacegateError
from service.judging.judge import Judge
from service.media.medium import Medium
from service.repository.manifest import PRESENTATION, kind_of, task_of
from service.repository.registry import detector_folders, tasks_in_force
from service.settings import Settings, load_settings

COUNTERS = Path("/proc/self/net")


def main() -> None:
    before = attempts()
    judge = Judge.load(local(load_settings()))
    end = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < end:
        with suppress(FacegateError):  # there is no face in it: what runs counts, not the answer
            judge.judge(Medium.of(_image()), owner=None)
        time.sleep(0.2)
    print(attempts() - before)


def attempts() -> int:
    """Packets that this network namespace sent, or found no way for."""
    ipv4 = [line.split() for line in (COUNTERS / "snmp").read_text().splitlines()]
    names, values = (line for line in ipv4 if line[0] == "Ip:")
    found = dict(zip(names[1:], map(int, values[1:]), strict=True))
    total = found["OutRequests"] + found["OutNoRoutes"]
    with suppress(OSError):
        for line in (COUNTERS / "snmp6").read_text().splitlines():
            name, value = line.split()
            total += int(value) if name in {"Ip6OutRequests", "Ip6OutNoRoutes"} else 0
    return total


def local(settings: Settings) -> Settings:
    """Without detectors in containers, which are asked because the operator said so."""
    found = [one for task in tasks_in_force(settings) for one in detector_folders(settings, task)]
    local = {one.name: task_of(one)[0] for one in found if kind_of(one) != "remote"}
    off = {} if PRESENTATION in local.values() else {"presentation": "off"}
    return settings.model_copy(update={"detectors": tuple(local), **off})


def _image() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (320, 240), (90, 120, 150)).save(file, "JPEG")
    return file.getvalue()


if __name__ == "__main__":
    main()
