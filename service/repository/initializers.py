"""The default values of a model's inputs, read from its ONNX file.

ONNX Runtime lays other values over them but does not give them out, and the package that does is
large. A file is a protocol buffer: ModelProto.graph (7), GraphProto.initializer (5), TensorProto
with dims (1), data_type (2), float_data (4), name (8) and raw_data (9).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

FLOAT = 1  # TensorProto.DataType
VARINT = 0  # a type on the wire; the others are told apart by `_size`
Value = int | memoryview


def read_initializer(file: Path, name: str) -> np.ndarray:
    """The float32 values of this name. Raises LookupError where the file has none, or no float32.

    Raises ValueError where the file is no protocol buffer, and OSError.
    """
    with memoryview(file.read_bytes()) as data:
        for graph in _parts(data, 7):
            for tensor in _parts(graph, 5):
                if any(bytes(part) == name.encode() for part in _parts(tensor, 8)):
                    return _floats(tensor)
    raise LookupError(name)


def _floats(tensor: memoryview) -> np.ndarray:
    types = [value for number, value in _fields(tensor) if number == 2]
    raw = b"".join(bytes(part) for number in (9, 4) for part in _parts(tensor, number))
    if types != [FLOAT] or not raw:
        raise LookupError("no float32 values")
    return np.frombuffer(raw, "<f4").astype(np.float32)


def _parts(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(data):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: Value
        if key & 7 == VARINT:
            value, at = _varint(data, at)
        else:
            size, at = _size(data, at, key & 7)
            value, at = data[at : at + size], at + size
        yield key >> 3, value


def _size(data: memoryview, at: int, kind: int) -> tuple[int, int]:
    match kind:
        case 1:  # a double or a fixed integer
            return 8, at
        case 2:  # bytes, text, another message, or packed numbers
            return _varint(data, at)
        case 5:  # a float, and float_data that is not packed
            return 4, at
    raise ValueError("no protocol buffer")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < len(data):
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("no protocol buffer")
