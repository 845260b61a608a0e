"""Which kind of product this processor is fastest at, held to a single core.

What `clip` costs is mostly the products of its twelve layers. `served` is how the service computes
them here: bytes, made wider where the processor would overflow. `narrow` are bytes that are not
made wider, which gives wrong answers where VNNI is missing. `float32` takes floats instead.
"""

from __future__ import annotations

import os
import statistics
import time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from service.repository.session import must_widen

TOKENS, LAYERS, RUNS = 129, 12, 40
SHAPES = {(768, 768): 4, (768, 3072): 1, (3072, 768): 1}  # of weights: how many in a layer
RUNTIME = "com.microsoft"


def product(weight: np.ndarray) -> bytes:
    """A model of one product, TOKENS x rows -> TOKENS x columns; of bytes if `weight` is int8."""
    rows, columns = weight.shape
    parts, kind, domain = [numpy_helper.from_array(weight, "w")], "MatMul", ""
    if weight.dtype == np.int8:
        parts.append(numpy_helper.from_array(np.full(columns, 0.01, np.float32), "scale"))
        kind, domain = "DynamicQuantizeMatMul", RUNTIME
    node = helper.make_node(kind, ["x", *(one.name for one in parts)], ["y"], domain=domain)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [TOKENS, size])
        for name, size in (("x", rows), ("y", columns))
    ]
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], parts)
    sets = [helper.make_opsetid("", 17), helper.make_opsetid(RUNTIME, 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    return bytes(model.SerializeToString())


def milliseconds(model: bytes, rows: int, wide: bool) -> float:
    """The median of one product."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", str(int(wide)))
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(TOKENS, rows)).astype(np.float32)
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        session.run(None, {"x": x})
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def tower(kind: type[np.generic], wide: bool) -> float:
    """Milliseconds of all products of the tower."""
    draw = np.random.default_rng(0)
    total = 0.0
    for (rows, columns), count in SHAPES.items():
        weight = draw.integers(-127, 128, (rows, columns)).astype(kind)
        total += LAYERS * count * milliseconds(product(weight), rows, wide)
    return total


def main() -> None:
    """Print a line for each kind of product."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    ways = {
        "served": (np.int8, must_widen()),
        "narrow": (np.int8, False),
        "float32": (np.float32, False),
    }
    took = {name: tower(kind, wide) for name, (kind, wide) in ways.items()}
    for name, spent in took.items():
        print(f"{name:8s} {spent:6.1f} ms  {spent / took['served']:5.2f} of served", flush=True)


if __name__ == "__main__":
    main()
