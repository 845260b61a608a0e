"""One service for what leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import Live
from tests.servers import free_port


@pytest.fixture(scope="package")
def fort(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two workers, a port for probes, and short deadlines."""
    folder = tmp_path_factory.mktemp("fort")
    options = {"workers": 2, "health_port": free_port(), "client_timeout": 2, "login_attempts": 99}
    with Live(folder, probability=0.2, **options) as live:
        yield live
