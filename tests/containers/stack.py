"""`docker-network.sh` with names of its own, so that no installation is in the way."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from tests.containers.docker import CACHE, DOCKER, ROOT, SERVICE, docker, run
from tests.servers import free_port

SCRIPT = "./docker-network.sh"


@dataclass
class Stack:
    """One installation; `stack("up")` runs the script and answers what it printed."""

    prefix: str
    network: str
    # A busy test machine may take longer than a server room; how long is not tested here.
    options: tuple[str, ...] = ("--set", "FACEGATE_STORE_TIMEOUT=5")
    port: int = field(default_factory=free_port)

    def __call__(self, command: str, *more: str, check: bool = True) -> str:
        fixed = ("--prefix", self.prefix, "--network", self.network, "--port", str(self.port))
        images = ("--image", SERVICE, "--cache-image", CACHE)
        return run([SCRIPT, command, *fixed, *images, *self.options, *more], check=check)

    def status(self, *more: str) -> int:
        """The exit status of `up` and the like where that is what matters."""
        command = [SCRIPT, *more, "--prefix", self.prefix, "--network", self.network]
        env = os.environ | {"DOCKER": DOCKER}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
        return done.returncode

    @property
    def service(self) -> str:
        return f"{self.prefix}ml_services_container"

    @property
    def cache(self) -> str:
        return f"{self.prefix}mongodb_local_container"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def purge(self) -> None:
        """Leave nothing behind."""
        self("down", "--purge", check=False)
        left = docker("volume", "ls", "-q", "-f", f"name={self.prefix}").split()
        if left:
            docker("volume", "rm", "-f", *left)
