"""A float32 decoder of the qwen2 / llama family in NumPy, written from the papers and the GGUF
specification, apart from the C++: the outside opinion on what the logits are."""

import numpy as np
from gguf import GGUFReader, dequantize


class NumpyDecoder:
    def __init__(self, path: str) -> None:
        reader = GGUFReader(path)
        field = lambda key: reader.get_field(key).contents()
        self.arch = field("general.architecture")
        a = self.arch
        self.layers = field(f"{a}.block_count")
        self.heads = field(f"{a}.attention.head_count")
        self.kv_heads = field(f"{a}.attention.head_count_kv")
        self.hidden = field(f"{a}.embedding_length")
        self.head_dim = self.hidden // self.heads
        self.epsilon = np.float32(field(f"{a}.attention.layer_norm_rms_epsilon"))
        self.base = float(field(f"{a}.rope.freq_base"))
        self.w = {t.name: dequantize(t.data, t.tensor_type).astype(np.float32)
                  for t in reader.tensors}

    def _norm(self, x: np.ndarray, gain: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * gain

    def _rotate(self, x: np.ndarray) -> np.ndarray:
        """x: [tokens, heads, head_dim]. llama's GGUF pairs neighbours, qwen2's half a head apart."""
        half = self.head_dim // 2
        angle = np.outer(np.arange(len(x)), self.base ** (-2.0 * np.arange(half) / self.head_dim))
        cos, sin = (f(angle).astype(np.float32)[:, None, :] for f in (np.cos, np.sin))
        if self.arch == "llama":
            first, second = x[..., 0::2], x[..., 1::2]
        else:
            first, second = x[..., :half], x[..., half:]
        out = np.empty_like(x)
        rotated = (first * cos - second * sin, first * sin + second * cos)
        if self.arch == "llama":
            out[..., 0::2], out[..., 1::2] = rotated
        else:
            out[..., :half], out[..., half:] = rotated
        return out

    def _project(self, x: np.ndarray, name: str) -> np.ndarray:
        out = x @ self.w[name + ".weight"].T
        return out + self.w[name + ".bias"] if name + ".bias" in self.w else out

    def _attention(self, x: np.ndarray, prefix: str) -> np.ndarray:
        tokens = len(x)
        q = self._project(x, prefix + "attn_q").reshape(tokens, self.heads, self.head_dim)
        k = self._project(x, prefix + "attn_k").reshape(tokens, self.kv_heads, self.head_dim)
        v = self._project(x, prefix + "attn_v").reshape(tokens, self.kv_heads, self.head_dim)
        q, k = self._rotate(q), self._rotate(k)
        group = self.heads // self.kv_heads
        k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(np.float32(self.head_dim))
        scores[:, np.triu(np.ones((tokens, tokens), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("hts,shd->thd", weights, v).reshape(tokens, -1)
        return self._project(mixed, prefix + "attn_output")

    def logits(self, ids: list[int]) -> np.ndarray:
        """[tokens, vocabulary]."""
        x = self.w["token_embd.weight"][ids]
        for layer in range(self.layers):
            prefix = f"blk.{layer}."
            x = x + self._attention(self._norm(x, self.w[prefix + "attn_norm.weight"]), prefix)
            y = self._norm(x, self.w[prefix + "ffn_norm.weight"])
            gate = self._project(y, prefix + "ffn_gate")
            gated = gate / (1 + np.exp(-gate)) * self._project(y, prefix + "ffn_up")
            x = x + self._project(gated, prefix + "ffn_down")
        head = "output" if "output.weight" in self.w else "token_embd"
        return self._project(self._norm(x, self.w["output_norm.weight"]), head)
