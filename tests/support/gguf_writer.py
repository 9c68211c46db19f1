"""Writes small GGUF v3 files for tests, with numpy only.

    writer = GgufWriter()
    writer.add("general.architecture", "qwen2")      # str, bool, int, float, lists of them
    writer.add("qwen2.block_count", 2)
    writer.tensor("output_norm.weight", array)       # F32, or "F16", "Q8_0", "Q4_0"
    writer.write(path)

A numpy shape is slowest first, as rows x columns; the file has it the other way round.
Source of the format: github.com/ggml-org/ggml, docs/gguf.md; of the blocks: ggml-quants.c.
"""

import struct

import numpy as np

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
TENSOR_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8}
ALIGNMENT = 32

_FORMATS = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f",
            BOOL: "<B", U64: "<Q", I64: "<q", F64: "<d"}


def _string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def _type_of(value):
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, (str, bytes)):
        return STRING
    if isinstance(value, (list, tuple)):
        return ARRAY
    if isinstance(value, int):
        if -2**31 <= value < 0:
            return I32
        if 0 <= value < 2**32:
            return U32
        return I64 if value < 0 else U64
    return F32


def _array_type(values):
    """One type that holds all elements: one negative integer makes all of them signed."""
    types = {_type_of(value) for value in values}
    if types <= {I32, U32, I64, U64} and len(types) > 1:
        return I32 if min(values) >= -2**31 and max(values) < 2**31 else I64
    if len(types) > 1:
        raise ValueError(f"mixed types in an array: {sorted(types)}")
    return types.pop() if types else I32


def _value(kind, value):
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        element = _array_type(value)
        return struct.pack("<IQ", element, len(value)) + b"".join(_value(element, v) for v in value)
    return struct.pack(_FORMATS[kind], value)


def _blocks(values):
    if values.shape[-1] % 32:
        raise ValueError(f"{values.shape[-1]} columns are not whole blocks of 32")
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1, 32)


def _inverse(scale):
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale != 0)


def quantize_q8_0(values):
    """Blocks of an fp16 scale and 32 signed bytes."""
    blocks = _blocks(values)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    quants = np.round(blocks * _inverse(scale)).astype(np.int8)
    return np.hstack([scale.astype("<f2").view(np.uint8), quants.view(np.uint8)]).tobytes()


def quantize_q4_0(values):
    """Blocks of an fp16 scale and 32 nibbles of value + 8: byte j holds values j and j + 16."""
    blocks = _blocks(values)
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = extreme / np.float32(-8)
    quants = np.minimum(15, np.floor(blocks * _inverse(scale) + 8.5)).astype(np.uint8)
    packed = quants[:, :16] | quants[:, 16:] << 4
    return np.hstack([scale.astype("<f2").view(np.uint8), packed]).tobytes()


_ENCODERS = {
    "F32": lambda values: np.ascontiguousarray(values, dtype="<f4").tobytes(),
    "F16": lambda values: np.ascontiguousarray(values, dtype="<f2").tobytes(),
    "Q8_0": quantize_q8_0,
    "Q4_0": quantize_q4_0,
}


class GgufWriter:
    def __init__(self):
        self._metadata = []
        self._tensors = []

    def add(self, key, value, kind=None):
        """A key; `kind` overrides the type that the Python value suggests."""
        kind = _type_of(value) if kind is None else kind
        self._metadata.append(_string(key) + struct.pack("<I", kind) + _value(kind, value))

    def tensor(self, name, values, kind="F32"):
        values = np.asarray(values)
        self._tensors.append((name, values.shape[::-1], kind, _ENCODERS[kind](values)))

    def to_bytes(self):
        out = b"GGUF" + struct.pack("<IQQ", 3, len(self._tensors), len(self._metadata))
        out += b"".join(self._metadata)
        data = b""
        for name, dims, kind, encoded in self._tensors:
            out += _string(name) + struct.pack("<I", len(dims))
            out += struct.pack(f"<{len(dims)}Q", *dims)
            out += struct.pack("<IQ", TENSOR_TYPES[kind], len(data))
            data += encoded + bytes(-len(encoded) % ALIGNMENT)
        return out + bytes(-len(out) % ALIGNMENT) + data

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.to_bytes())
