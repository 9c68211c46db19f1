#!/usr/bin/env python3
"""Writes the tiny random models of the unit tests and the logits that NumPy computes for them.

    python tests/golden/make_tiny_models.py

tiny_<name>.gguf: F32 weights, or in "mixed" four quantised types; tiny_<name>.logits: "u32 tokens, u32 vocab, u32 rows, u32 ids[tokens],
f32 logits[rows][vocab]" of the last `rows` positions, little-endian. The sequence is longer than
one attention chunk (256 positions).
"""

from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter
from gguf.quants import quantize
from numpy_decoder import NumpyDecoder

HERE = Path(__file__).parent
TOKENS, ROWS = 300, 24
SHAPES = {
    # name: arch, hidden, heads, kv_heads, feed_forward, layers, vocab; qwen2's head is its embedding.
    "qwen2": ("qwen2", 64, 4, 2, 96, 2, 90),
    "llama": ("llama", 96, 3, 1, 64, 2, 70),
    "mixed": ("qwen2", 128, 4, 2, 160, 2, 75),
}
MIXED = {"token_embd": Type.Q8_0, "attn_q": Type.Q5_0, "attn_k": Type.Q4_1, "attn_v": Type.Q8_0,
         "attn_output": Type.Q4_0, "ffn_gate": Type.Q5_0, "ffn_up": Type.Q4_1, "ffn_down": Type.Q4_0}


def write_model(model: str, path: Path, random: np.random.Generator) -> None:
    arch, hidden, heads, kv_heads, feed_forward, layers, vocab = SHAPES[model]
    writer = GGUFWriter(str(path), arch)
    writer.add_block_count(layers)
    writer.add_context_length(512)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    kv = hidden // heads * kv_heads

    def tensor(name: str, *shape: int, scale: float = 1.0, mean: float = 0.0) -> None:
        data = random.normal(mean, scale, shape).astype(np.float32)
        kind = MIXED.get(name.split(".")[-2]) if model == "mixed" and len(shape) == 2 else None
        if kind is None:
            writer.add_tensor(name, data)
        else:
            writer.add_tensor(name, quantize(data, kind), raw_dtype=kind)

    tensor("token_embd.weight", vocab, hidden)
    for i in range(layers):
        for name, rows, columns in [
            ("attn_q", hidden, hidden), ("attn_k", kv, hidden), ("attn_v", kv, hidden),
            ("attn_output", hidden, hidden), ("ffn_gate", feed_forward, hidden),
            ("ffn_up", feed_forward, hidden), ("ffn_down", hidden, feed_forward),
        ]:
            tensor(f"blk.{i}.{name}.weight", rows, columns, scale=columns**-0.5)
            if arch == "qwen2" and name in ("attn_q", "attn_k", "attn_v"):
                tensor(f"blk.{i}.{name}.bias", rows, scale=0.5)
        for name in ("attn_norm", "ffn_norm"):
            tensor(f"blk.{i}.{name}.weight", hidden, scale=0.2, mean=1.0)
    tensor("output_norm.weight", hidden, scale=0.2, mean=1.0)
    if arch == "llama":
        tensor("output.weight", vocab, hidden, scale=0.3)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    random = np.random.default_rng(7)
    for name, shape in SHAPES.items():
        path = HERE / f"tiny_{name}.gguf"
        write_model(name, path, random)
        vocab = shape[6]
        ids = random.integers(0, vocab, TOKENS)
        logits = NumpyDecoder(str(path)).logits(list(ids))[-ROWS:]
        with open(HERE / f"tiny_{name}.logits", "wb") as file:
            file.write(np.array([TOKENS, vocab, ROWS], "<u4").tobytes())
            file.write(ids.astype("<u4").tobytes() + logits.astype("<f4").tobytes())
        print(path.name, path.stat().st_size, "logits", logits.std())


if __name__ == "__main__":
    main()
