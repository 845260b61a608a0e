"""docs/adding-a-detector.md, followed to the letter; and the ways in which it can go wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.images import genuine
from tests.live import Live, data_uri, environment, steady_models
from tests.models import write_onnx
from tests.servers import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-detector.md").read_text()
FILES = dict(re.findall(r"`([\w./-]+)`:\n\n```\w+\n(.*?)```", PAGE, re.S))
COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE, re.S)
BIN = Path(sys.executable).parent


class Author:
    """Somebody who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.port = free_port()
        settings = {"data_dir": self.data, "models_dir": steady_models(folder / "release", 0.233)}
        paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        self.environment = environment(settings) | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": paths,
        }
        self.started: list[subprocess.Popen[bytes]] = []
        for name, content in FILES.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)
        write_onnx(folder / "my-model" / "model.onnx", 4.0, 0.0)

    def follow(self, block: str) -> str:
        """Run a block of the page; what ends in & runs on."""
        lines = block.replace("8001", str(self.port)).strip().splitlines()
        for line in [line for line in lines if line.endswith("&")]:
            words = line.removesuffix("&").split()
            self.started.append(
                subprocess.Popen(words, cwd=self.folder, env=self.environment)  # type: ignore[arg-type]
            )
            self._wait()
        return "".join(self.run(line) for line in lines if not line.endswith("&"))

    def run(self, line: str, code: int = 0) -> str:
        done = subprocess.run(
            line.split(),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                requests.get(f"http://127.0.0.1:{self.port}/health", timeout=5)
                return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError("the container does not answer")

    def close(self) -> None:
        for process in self.started:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    author = Author(tmp_path_factory.mktemp("author"))
    yield author
    author.close()


@pytest.fixture(scope="module")
def service(author: Author) -> Iterator[Live]:
    """After everything on the page was done, in its order."""
    outputs = [author.follow(block) for block in COMMANDS]
    assert [name in outputs[-1] for name in ("my-model", "mine", "elsewhere")] == [True] * 3
    live = Live(author.folder, models_dir=author.folder / "release", fusion="average")
    live.environment |= {"PYTHONPATH": author.environment["PYTHONPATH"]}
    with live:
        yield live


def predict(live: Live, **more: Any) -> dict[str, Any]:
    body = {"image_data": data_uri(genuine()), "ensemble_method": "average"} | more
    answer: dict[str, Any] = live.post(
        "/predict", json=body, headers={"X-Hash-Id": live.hash_id}
    ).json()
    return answer


def test_the_page_has_its_three_ways() -> None:
    assert set(FILES) == {"my-model/manifest.json", "mine.py", "container.py"}
    assert len(COMMANDS) == 4


def test_all_of_them_judge(service: Live) -> None:
    names = {"steady", "my-model", "mine", "elsewhere"}
    assert set(service.get("/health").json()["models"]) == names
    answer = predict(service)
    assert set(answer["model_results"]) == names
    assert all(0 < one["probability"] < 1 for one in answer["model_results"].values())


def test_the_main_contract_counts_them_in(service: Live) -> None:
    faces = service.analyze(genuine()).json()["faces"]
    assert len(faces[0]["detectors"]) == 4


def test_a_container_that_dies_is_left_out_and_the_others_answer(
    author: Author, service: Live
) -> None:
    (process,) = author.started
    process.terminate()
    process.wait(30)
    answer = predict(service, image_data=data_uri(genuine() + b"after"))
    assert answer["model_results"]["elsewhere"] == {"error": "This detector did not answer."}
    assert answer["model_results"]["steady"]["probability"] == 0.233
    found = service.analyze(genuine() + b"later").json()
    assert found["left_out"] == ["elsewhere"]


def test_no_detector_left_is_503(service: Live) -> None:
    body = predict(service, image_data=data_uri(genuine() + b"last"), models=["elsewhere"])
    assert body["code"] == "DETECTORS_FAILED"


def test_an_entry_point_is_found_by_its_name(author: Author) -> None:
    info = author.folder / "lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    group = re.search(r'entry-points\."([\w.]+)"\]\n(.+)\n', PAGE)
    assert group
    point = group[2].replace('"', "")
    (info / "entry_points.txt").write_text(f"[{group[1]}]\n{point}\n")
    author.run("facegate models add by-name --from lab-mine")
    manifest = json.loads((author.data / "models" / "by-name" / "manifest.json").read_text())
    assert manifest["object"] == "mine:Mine"
    author.run("facegate models remove by-name")
    assert not (author.data / "models" / "by-name").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("add mine2 --from nowhere:Nothing", "ModuleNotFoundError"),
        ("add mine2 --from os.path:join", "cannot be loaded"),
        ("add mine2 --from mine.py", "neither a model folder"),
        ("add mine2 --from http://127.0.0.1:1", "GET /health"),
        ("add steady2 --from data", "cannot be read"),
        ("add Steady --from mine:Mine", "cannot be the name"),
        ("add ../x --from mine:Mine", "cannot be the name"),
        ("add blazeface-full --from mine:Mine", "already"),
        ("remove lite0", "No detector named"),
        ("remove ..", "No detector named"),
    ],
)
def test_what_cannot_be_added_is_told_and_leaves_nothing(
    author: Author, line: str, told: str
) -> None:
    before = sorted((author.data / "models").glob("*"))
    assert told in author.run(f"facegate models {line}", code=3)
    assert sorted((author.data / "models").glob("*")) == before


def test_a_class_must_answer_a_probability(author: Author) -> None:
    text = FILES["mine.py"].replace("class Mine", "class Odd").replace("0, 1))", "0, 1)) + 7")
    (author.folder / "odd.py").write_text(text)
    assert "where a probability is due" in author.run("facegate models add odd --from odd:Odd", 3)


def test_another_facegate_is_such_a_container(tmp_path: Path) -> None:
    """The face alone, cut out with some room, is enough for the other one to find it."""
    other = Live(tmp_path / "other", probability=0.977)
    file = tmp_path / "other.hash_id"
    file.write_text(other.hash_id)
    here = Live(tmp_path / "here", probability=0.233)
    folder = here.settings.data_dir / "models" / "other"
    folder.mkdir(parents=True)
    manifest = {"name": "other", "version": "1", "kind": "remote", "url": other.base}
    more = {"timeout": 30, "hash_id_file": str(file)}
    (folder / "manifest.json").write_text(json.dumps(manifest | more))
    with other, here:
        results = predict(here)["model_results"]
        card = here.get("/v1/model-card").text
    assert results["other"] == {"probability": 0.977, "class": "fake"}
    assert other.base not in card
    assert str(file) not in card
