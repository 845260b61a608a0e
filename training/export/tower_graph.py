"""CLIP's tower as an ONNX graph whose large products are int8 and whose tuned parts are inputs.

The values of readout, species and head are inputs without defaults: without them there is no logit.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.data.species import SPECIES
from training.export.graph import DEPTH, RUNTIME, Graph
from training.nets.patches import PATCH, SIZE, TOKENS, pooling, strips
from training.nets.tower import HEADS, HIDDEN, WIDTH, ClipNet, TowerBlock, Weights

OPSET = 17
FEATURES = HIDDEN + 1


def build(net: ClipNet, weights: Weights) -> onnx.ModelProto:
    """image 1x3x224x224 -> logit 1x1; what its head sees, features 1xFEATURES; and what the readout
    sees, pools 1x`net.pooled`. Every shape is fixed."""
    graph, pools = Graph(weights), list[str]()
    x = _tokens(graph, net)
    for number, block in enumerate(net.blocks):
        last = number == len(net.blocks) - 1  # of the last layer the class token alone is read
        x = _block(graph, x, number, block, 1 if last else TOKENS)
        pools += _pools(graph, x) if number in net.read else []
    pools.append(graph.norm(x, "after", net.after))
    _readout(graph, graph.one("Concat", *pools, axis=0), net.pooled)
    return _model(graph, net.pooled)


def _pools(graph: Graph, x: str) -> list[str]:
    """Of one layer, 3xWIDTH and 1xWIDTH: as `ClipNet.pools`."""
    *means, mean = pooling()
    squares = graph.one("MatMul", graph.fixed([mean]), graph.one("Mul", x, x))
    return [graph.one("MatMul", graph.fixed(means), x), graph.one("Sqrt", squares)]


def _readout(graph: Graph, pools: str, pooled: int) -> None:
    """Makes the outputs: of the pools the features, the last of them what all species together
    say; of these the logit."""
    size = graph.fixed([1, pooled], np.int64)
    graph.nodes.append(helper.make_node("Reshape", [pools, size], ["pools"]))
    hidden = graph.one("Relu", _linear(graph, "pools", "readout", [pooled, HIDDEN]))
    species = _linear(graph, hidden, "species", [HIDDEN, SPECIES])
    fake_logit = graph.one("ReduceLogSumExp", species, axes=[1], keepdims=1)
    graph.nodes.append(helper.make_node("Concat", [hidden, fake_logit], ["features"], axis=1))
    terms = graph.one("Mul", "features", graph.given("head.weight", [1, FEATURES]))
    total = graph.one("ReduceSum", terms, graph.fixed([1], np.int64), keepdims=1)
    graph.nodes.append(helper.make_node("Add", [total, graph.given("head.bias", [1])], ["logit"]))


def _linear(graph: Graph, x: str, name: str, shape: list[int]) -> str:
    seen = graph.one("MatMul", x, graph.given(f"{name}.weight", shape))
    return graph.one("Add", seen, graph.given(f"{name}.bias", shape[1:]))


def _tokens(graph: Graph, net: ClipNet) -> str:
    """The class token and the patches that are looked at, each with its place."""
    pixels = graph.one("Reshape", "image", graph.fixed([-1, PATCH], np.int64))
    seen = graph.one("Gather", pixels, graph.fixed(strips(), np.int64), axis=0)
    flat = graph.one("Reshape", seen, graph.fixed([TOKENS - 1, 3 * PATCH**2], np.int64))
    kernel = net.patch.float().numpy().reshape(WIDTH, -1)
    # A product of these alone takes half as long as a convolution, which computes all patches.
    rows = graph.one("MatMul", flat, graph.constant("patch", kernel.T))
    placed = graph.one("Add", rows, graph.constant("place", net.place.numpy()))
    token = graph.constant("token", net.token.reshape(1, WIDTH).numpy())
    return graph.norm(graph.one("Concat", token, placed, axis=0), "before", net.before)


def _block(graph: Graph, x: str, number: int, block: TowerBlock, asked: int) -> str:
    """One layer, for the first `asked` tokens; the others are only attended to."""
    name, packaged = f"blocks.{number}", graph.weights.products
    at = f"encoder.layers.{number}."
    mixed = _attention(graph, graph.norm(x, f"{name}.norm1", block.norm1), number, block, asked)
    out = graph.linear(mixed, f"{name}.out", packaged[at + "self_attn.out_proj"], block.out)
    x = graph.one("Add", graph.first(x, asked), out)
    normed = graph.norm(x, f"{name}.norm2", block.norm2)
    up = graph.linear(normed, f"{name}.up", packaged[at + "mlp.fc1"], block.up)
    gated = graph.one("QuickGelu", up, domain=RUNTIME, alpha=1.702)
    down = graph.linear_by_token(gated, f"{name}.down", packaged[at + "mlp.fc2"], block.down)
    return graph.one("Add", x, down)


def _attention(graph: Graph, x: str, number: int, block: TowerBlock, asked: int) -> str:
    """What the first `asked` tokens take from all of them: asked x 768."""
    query, key, value = _apart(graph, x, number, block, asked)
    scaled = graph.one("Mul", query, graph.fixed(DEPTH**-0.5))
    share = graph.one("MatMul", scaled, graph.one("Transpose", key, perm=[0, 2, 1]))
    mixed = graph.one("MatMul", graph.one("Softmax", share, axis=-1), value)
    flat = graph.one("Transpose", mixed, perm=[1, 0, 2])
    return graph.one("Reshape", flat, graph.fixed([asked, WIDTH], np.int64))


def _apart(graph: Graph, x: str, number: int, block: TowerBlock, asked: int) -> list[str]:
    """Query of the first `asked` tokens, key and value of all: each HEADS x tokens x DEPTH.

    By a product each, whose weights are cut apart when a session starts: cutting what one product
    of them gives takes longer than to quantise its input three times.
    """
    name, (weight, _) = f"blocks.{number}.qkv", graph.weights.joined(number)
    cut, bias = graph.fixed([WIDTH] * 3, np.int64), graph.tunable(f"{name}.bias", block.qkv.bias)
    values, scales = graph.quantised(name, weight)
    columns, *factors = (
        graph.op("Split", whole, cut, outputs=3, axis=axis)
        for whole, axis in ((values, 1), (scales, 0), (bias, 0))
    )
    rows = (graph.first(x, asked), x, x)
    counts = (asked, TOKENS, TOKENS)
    return [
        graph.heads(graph.product(seen, *taken), count, HEADS)
        for seen, count, *taken in zip(rows, counts, columns, *factors, strict=True)
    ]


def _model(graph: Graph, pooled: int) -> onnx.ModelProto:
    sizes = {"logit": 1, "features": FEATURES, "pools": pooled}
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count])
        for name, count in sizes.items()
    ]
    whole = helper.make_graph(graph.nodes, "clip", [image, *graph.inputs], outputs, graph.constants)
    sets = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME, 1)]
    model = helper.make_model(whole, opset_imports=sets, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
