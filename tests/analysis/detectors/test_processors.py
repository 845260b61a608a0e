"""One answer on every processor: fast int8 products overflow where a CPU has no VNNI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from service.repository.manifest import load_manifest
from service.settings import PACKAGE
from tests.thorough import either

OLDER = ("qemu-x86_64", "-cpu", "Haswell")  # AVX2, as in servers up to 2018 and AMD's up to 2022
CLIP, LITE = PACKAGE / "models" / "clip", PACKAGE / "models" / "lite0"
# Every product of the tower is opened in the same way: the first of its twelve blocks shows it.
END_OF_BLOCKS = f"Add_{either(70, 38)}_0"  # of two, of one
# On average; products that overflow are off by 0.0036 (clip; 0.04 after two blocks) and 0.05.
TOLERATED = {"clip": 0.001, "lite0": 0.01}
# Run with model files and inputs for each; writes their first outputs beside those. It imports
# what opens sessions, and nothing else, because an emulated processor takes long.
RUN = """
import sys
from pathlib import Path
import numpy as np
from service.repository.session import open_session
for model, inputs in zip(sys.argv[1::2], sys.argv[2::2]):
    with np.load(inputs) as given:
        found = open_session(Path(model)).run(None, dict(given))[0]
    np.save(Path(inputs).with_suffix(".npy"), found)
"""


def first_outputs(given: dict[str, tuple[Path, Path]], *processor: str) -> dict[str, np.ndarray]:
    """Of a model and its inputs by name."""
    files = [str(file) for pair in given.values() for file in pair]
    command = [*processor, sys.executable, "-c", RUN, *files]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return {name: np.load(inputs.with_suffix(".npy")) for name, (_, inputs) in given.items()}


def first_blocks(folder: Path) -> Path:
    """The beginning of the tower, with its weights beside it."""
    manifest = load_manifest(CLIP)
    model = onnx.load(CLIP / manifest.file, load_external_data=False)
    nodes = list(model.graph.node)
    last = next(n for n, node in enumerate(nodes) if END_OF_BLOCKS in node.output)
    del model.graph.node[last + 1 :]
    used = {name for node in model.graph.node for name in node.input}
    for values in (model.graph.input, model.graph.initializer):
        for value in [one for one in values if one.name not in used]:
            values.remove(value)
    del model.graph.output[:]
    model.graph.output.append(onnx.ValueInfoProto(name=END_OF_BLOCKS))
    shutil.copy(CLIP / "base.onnx", folder)
    onnx.save(model, folder / "tower.onnx")
    return folder / "tower.onnx"


def pattern(size: int) -> np.ndarray:
    """1x3xSxS, spread as a normalised photograph's pixels are."""
    return np.random.default_rng(7).normal(0, 1, (1, 3, size, size)).astype(np.float32)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("processors")
    found = {}
    for name in ("clip", "lite0"):
        manifest = load_manifest(PACKAGE / "models" / name)
        model = first_blocks(folder) if name == "clip" else LITE / manifest.file
        found[name] = model, folder / f"{name}.npz"
        np.savez(found[name][1], **{manifest.input.name: pattern(manifest.input.size)})
    return found


@pytest.fixture(scope="module")
def outputs(given: dict[str, tuple[Path, Path]]) -> list[dict[str, np.ndarray]]:
    """Here and on an older processor, which takes long to begin: once for both models."""
    return [first_outputs(given, *processor) for processor in ((), OLDER)]


needs_qemu = pytest.mark.skipif(shutil.which(OLDER[0]) is None, reason="no qemu-user here")


@needs_qemu
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["clip", "lite0"])
def test_a_processor_without_vnni_finds_the_same(
    outputs: list[dict[str, np.ndarray]], name: str
) -> None:
    here, older = (found[name] for found in outputs)
    assert np.abs(here - older).mean() < TOLERATED[name]
