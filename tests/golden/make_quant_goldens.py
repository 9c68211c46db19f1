#!/usr/bin/env python3
"""Writes tests/golden/quants.bin: random blocks of every quantised type and what they are worth,
as the gguf package (github.com/ggml-org/llama.cpp, gguf-py/gguf/quants.py) dequantises them.

    python3 tests/golden/make_quant_goldens.py        # needs numpy and gguf

Layout, little endian, a record for each type: u32 ggml type id, u32 values, u32 bytes of blocks,
the blocks, the values as f32.
"""
import pathlib
import struct

import gguf
import numpy as np
from gguf.quants import dequantize

VALUES = 1024
TYPES = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q8_0", "Q4_K", "Q6_K"]
# Byte offsets of the fp16 fields of a block: random bytes there could be infinities.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208]}


def main():
    random = np.random.default_rng(7)
    out = bytearray()
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        block_values, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        count = VALUES // block_values
        if name in HALVES:
            blocks = random.integers(0, 256, (count, block_bytes), dtype=np.uint8)
            for offset in HALVES[name]:
                scales = random.uniform(-0.05, 0.05, count).astype(np.float16)
                scales[0] = np.float16(6e-8)  # the smallest subnormal
                blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
        else:
            floats = random.uniform(-4, 4, VALUES).astype(np.float32)
            if name == "F16":
                blocks = floats.astype(np.float16).view(np.uint8)
            else:
                blocks = (floats.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        data = blocks.reshape(-1)
        values = dequantize(data.reshape(1, -1), kind).astype(np.float32).reshape(-1)
        assert values.size == VALUES
        out += struct.pack("<III", int(kind), values.size, data.size)
        out += data.tobytes() + values.tobytes()
    path = pathlib.Path(__file__).with_name("quants.bin")
    path.write_bytes(out)
    print(f"{path}: {len(out)} bytes")


if __name__ == "__main__":
    main()
