#!/usr/bin/env python3
"""The work of `sluice bench engine`, done by llama.cpp through llama-cpp-python's batch API.

    python bench/peers/llama_cpp_peer.py MODEL.gguf --batch 1,16 --prompt 128 --output 64 --threads 2

One JSON object a line, with the same fields. Flash attention on, repacking on, batch 2,048,
micro-batch 512, one context a stream.
"""

import argparse
import ctypes
import json
import time

import llama_cpp as L


def run_case(model, vocab_size: int, batch: int, prompt: int, output: int, threads: int) -> dict:
    params = L.llama_context_default_params()
    params.n_ctx = batch * (prompt + output + 8)
    params.n_batch, params.n_ubatch = 2048, 512
    params.n_seq_max = batch
    params.n_threads = params.n_threads_batch = threads
    if hasattr(params, "flash_attn_type"):
        params.flash_attn_type = 1
    else:
        params.flash_attn = True
    context = L.llama_init_from_model(model, params)
    tokens = L.llama_batch_init(2048, 0, 1)

    def put(slot: int, token: int, position: int, sequence: int, wanted: bool) -> None:
        tokens.token[slot] = token
        tokens.pos[slot] = position
        tokens.n_seq_id[slot] = 1
        tokens.seq_id[slot][0] = sequence
        tokens.logits[slot] = wanted

    def argmax(row: int) -> int:
        logits = L.llama_get_logits_ith(context, row)
        array = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float * vocab_size)).contents
        import numpy
        return int(numpy.frombuffer(array, dtype=numpy.float32).argmax())

    last = [0] * batch
    start = time.perf_counter()
    for sequence in range(batch):
        for begin in range(0, prompt, 2048):
            count = min(2048, prompt - begin)
            for i in range(count):
                token = (sequence * 7919 + (begin + i) * 104729 + 1000) % vocab_size
                put(i, token, begin + i, sequence, begin + i == prompt - 1)
            tokens.n_tokens = count
            assert L.llama_decode(context, tokens) == 0
        last[sequence] = argmax(-1)
    prefill = batch * prompt / (time.perf_counter() - start)
    steps = []
    start = time.perf_counter()
    for step in range(output - 1):
        begun = time.perf_counter()
        for sequence in range(batch):
            put(sequence, last[sequence], prompt + step, sequence, True)
        tokens.n_tokens = batch
        assert L.llama_decode(context, tokens) == 0
        last = [argmax(sequence) for sequence in range(batch)]
        steps.append(time.perf_counter() - begun)
    decode = batch * len(steps) / (time.perf_counter() - start)
    L.llama_batch_free(tokens)
    L.llama_free(context)
    return {"batch": batch, "prompt_tokens": prompt, "output_tokens": output,
            "prefill_tokens_per_s": prefill, "decode_tokens_per_s": decode,
            "step_ms_median": sorted(steps)[len(steps) // 2] * 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--batch", default="1,4,16,32")
    parser.add_argument("--prompt", default="128")
    parser.add_argument("--output", default="64")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    numbers = lambda text: [int(word) for word in text.split(",")]
    silent = L.llama_log_callback(lambda *_: None)
    L.llama_log_set(silent, None)
    L.llama_backend_init()
    model = L.llama_model_load_from_file(options.model.encode(), L.llama_model_default_params())
    vocab_size = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
    for prompt in numbers(options.prompt):
        for output in numbers(options.output):
            for batch in numbers(options.batch):
                print(json.dumps(run_case(model, vocab_size, batch, prompt, output,
                                          options.threads)), flush=True)


if __name__ == "__main__":
    main()
