"""Default values of inputs, read from ONNX files without the package that writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from service.repository.initializers import read_initializer
from service.settings import PACKAGE
from tests.headed import make_headed, shipped_weight


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_headed(tmp_path_factory.mktemp("models")) / "model.onnx"


def test_values_kept_as_raw_bytes(file: Path) -> None:
    found = read_initializer(file, "head.weight")
    assert found.dtype == np.float32
    assert found.tolist() == shipped_weight().ravel().tolist()


def test_values_kept_one_by_one(file: Path) -> None:
    assert read_initializer(file, "head.bias").tolist() == [0.25]


@pytest.mark.parametrize("name", ["nosuch", "head", "axis", ""])
def test_what_is_no_float_of_that_name_is_told(file: Path, name: str) -> None:
    with pytest.raises(LookupError):
        read_initializer(file, name)


def test_another_type_is_no_float(tmp_path: Path) -> None:
    half = numpy_helper.from_array(np.float16([1.0]), "w")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])],
        "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT16, [1])], [half],
    )  # fmt: skip
    onnx.save(helper.make_model(graph), tmp_path / "half.onnx")
    with pytest.raises(LookupError):
        read_initializer(tmp_path / "half.onnx", "w")


@pytest.mark.parametrize("content", [b"\x3a\xff", b"\x07", b"\xff" * 40])
def test_what_is_no_model_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises((LookupError, ValueError)):
        read_initializer(tmp_path / "model.onnx", "w")


def test_every_float_of_the_shipped_models_is_what_their_package_reads() -> None:
    compared = 0
    for path in sorted((PACKAGE / "models").glob("*/*.onnx")):
        for tensor in onnx.load(path).graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and compared < 40:
                expected = numpy_helper.to_array(tensor).ravel()
                assert np.array_equal(read_initializer(path, tensor.name), expected)
                compared += 1
    assert compared
