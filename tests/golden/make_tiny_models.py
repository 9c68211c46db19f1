#!/usr/bin/env python3
"""Writes the tiny random models of the unit tests and the logits that NumPy computes for them.

    python tests/golden/make_tiny_models.py

tiny_<arch>.gguf: F32 weights; tiny_<arch>.logits: "u32 tokens, u32 vocab, u32 rows, u32 ids[tokens],
f32 logits[rows][vocab]" of the last `rows` positions, little-endian. The sequence is longer than
one attention chunk (256 positions).
"""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from numpy_decoder import NumpyDecoder

HERE = Path(__file__).parent
TOKENS, ROWS = 300, 24
SHAPES = {
    # arch: hidden, heads, kv_heads, feed_forward, layers, vocab; qwen2's head is its embedding.
    "qwen2": (64, 4, 2, 96, 2, 90),
    "llama": (96, 3, 1, 64, 2, 70),
}


def write_model(arch: str, path: Path, random: np.random.Generator) -> None:
    hidden, heads, kv_heads, feed_forward, layers, vocab = SHAPES[arch]
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
        writer.add_tensor(name, data)

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
    for arch, shape in SHAPES.items():
        path = HERE / f"tiny_{arch}.gguf"
        write_model(arch, path, random)
        ids = random.integers(0, shape[5], TOKENS)
        logits = NumpyDecoder(str(path)).logits(list(ids))[-ROWS:]
        with open(HERE / f"tiny_{arch}.logits", "wb") as file:
            file.write(np.array([TOKENS, shape[5], ROWS], "<u4").tobytes())
            file.write(ids.astype("<u4").tobytes() + logits.astype("<f4").tobytes())
        print(path.name, path.stat().st_size, "logits", logits.std())


if __name__ == "__main__":
    main()
