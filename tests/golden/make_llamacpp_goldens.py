#!/usr/bin/env python3
"""Records what llama.cpp predicts on the default model, for `sluice eval kl`.

    pip install llama-cpp-python==0.3.36 numpy
    python tests/golden/make_llamacpp_goldens.py MODEL.gguf tests/golden/llamacpp_default.logits.gz

Each prompt goes through the model's ChatML frame; 64 tokens are then drawn by llama.cpp (temperature
0.8, fixed seed) and fed back, and the 64 most likely tokens of every one of these positions are
kept. The file (gzip) is little-endian:

    "SLUICE-LOGITS-1\\n"  u32 top, u32 prompts; for each prompt:
    u32 prefix, u32 forced, u32 prefix_ids[prefix], u32 forced_ids[forced],
    for each forced position: u32 ids[top], f16 log_probabilities[top]
"""

import gzip
import struct
import sys

import numpy as np
from llama_cpp import Llama
from prompts import PROMPTS

TOP = 64
FORCED = 64


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def main() -> None:
    model_path, out_path = sys.argv[1:]
    model = Llama(model_path, n_ctx=512, n_batch=512, logits_all=True, flash_attn=True, seed=1,
                  verbose=False)
    random = np.random.default_rng(20)
    out = bytearray(b"SLUICE-LOGITS-1\n")
    out += struct.pack("<II", TOP, len(PROMPTS))
    for number, prompt in enumerate(PROMPTS):
        text = ("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
                f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n")
        prefix = model.tokenize(text.encode(), add_bos=False, special=True)
        model.reset()
        model.eval(prefix)
        forced, rows = [], []
        for _ in range(FORCED):
            logp = log_softmax(model.scores[model.n_tokens - 1])
            ids = np.argsort(-logp, kind="stable")[:TOP]
            rows.append((ids, logp[ids]))
            weights = np.exp(logp[ids] / 0.8)
            forced.append(int(ids[random.choice(TOP, p=weights / weights.sum())]))
            model.eval(forced[-1:])
        out += struct.pack("<II", len(prefix), len(forced))
        out += np.array(prefix, "<u4").tobytes() + np.array(forced, "<u4").tobytes()
        for ids, logp in rows:
            out += ids.astype("<u4").tobytes() + logp.astype("<f2").tobytes()
        print(f"{number + 1}/{len(PROMPTS)}", model.detokenize(forced)[:60], flush=True)
    with open(out_path, "wb") as file:
        file.write(gzip.compress(bytes(out), 9, mtime=0))


if __name__ == "__main__":
    main()
