"""Writes tokenizer_qwen2.json and tokenizer_smollm.json: what Hugging Face `tokenizers` says.

    python make_tokenizer_goldens.py <folder with the two GGUF files below>

Each file holds a reduced vocabulary and the ids of the texts below in it. The reduced vocabulary has
every special token, every single byte that the model's has, and every token (with its merges) whose
bytes occur in one of the texts. That is a complete BPE in which the texts come apart exactly as in the
full one, which this script also checks.

Needs: gguf, tokenizers. The pre-tokenizers are those of the models' published tokenizer.json; the
NFC normaliser of Qwen2's is left out, as src/text/tokenizer.h explains.
"""

import json
import pathlib
import random
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

MODELS = {
    "qwen2": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    "smollm": "smollm2-135m-instruct-q4_1.gguf",
}
NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
# Encoded with the vocabulary of qwen2, since no small model has them.
OTHER_PRES = ("llama-bpe", "gpt-2")

TEXTS = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\r\n", "\r\n\r\n", "\t", "\t\t", " \t ", "\r", "\v", "\f", "\0",
    "a", " a", "a ", " a ", "  a", "a  b", "a   b    c     d", "a\nb", "a \n b", "a\n\nb", "a \n\n b", "a\r\nb\r\n",
    "\ta\tb", "  \t\n  x", "x   \n\n\n   y", "   \n", "\n   ", "a\0b", "\0\0\0", "a\u0001\u0002\u0003b", "!\u0004!", "a\u0006b\u0013\u0014c",
    "a\x7fb", "\u0080\u0085\u009f", "a\u0085b", " \u0085 ", "Hello", "Hello, world!", "hello world", "HELLO WORLD",
    "The quick brown fox jumps over the lazy dog.", "It's John's; they're we've I'm I'll he'd can't",
    "IT'S JOHN'S THEY'RE WE'VE I'M I'LL HE'D CAN'T", "'s't're've'm'll'd", "'S'T'RE", "'tis 'twas 'Ve 'lL", "don\u2019t it\u2019s", "'\u017f x'\u017f",
    "isn''t", "''s", "' s", "rock 'n' roll", "e.g. i.e. etc. U.S.A.", "well-known state-of-the-art", "a_b_c __init__ snake_case_name",
    "camelCaseName PascalCaseName SCREAMING_SNAKE", "$100 \u20ac50 \u00a320 \u00a51000", "100% #hashtag @mention", "a&b|c^d~e", "(a)[b]{c}<d>",
    "...", "......", "\u2026", "--", "---", "\u2014", "!!!???", "?!", "***bold*** _it_ `code`", "# Title\n\n- one\n- two\n\n1. x\n2. y\n",
    "0", "1", "12", "123", "1234", "12345678901234567890", "3.14159", "1,000,000", "1e-10", "0xDEADBEEF", "0b1010", "v1.2.3-rc4", "2024-01-31T23:59:59Z",
    "a1b2c3", "abc123def456", "x86_64", "\u0661\u0662\u0663", "\uff11\uff12\uff13", "\u00bd\u00bc\u00b2\u00b3", "\u2160\u2161\u2162", "\u4e00\u4e8c\u4e09", "\u2460\u2461", " 1 22  333   4444",
    "1 2", "1  2", "5  \n6", "def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "if x:\n        y()\n    else:\n        z()\n",
    "#include <vector>\nint main() { return 0; }\n", "SELECT * FROM t WHERE a = 'b' AND c IS NOT NULL;", "<html><body class=\"x\">&amp;</body></html>", '{"a": [1, 2.5, null, true], "b": "c\\n"}',
    "let v: Vec<u8> = vec![0; 1 << 20];", "fn main() -> Result<(), Box<dyn Error>> {}", "x = lambda *a, **k: (a, k)", "https://example.com/path?q=1&r=a%20b#frag", "user@example.com",
    "C:\\Users\\name\\file.txt", "/usr/local/bin:/usr/bin", "$ ls -la | grep '^d' > out.txt 2>&1", "print(f\"{x!r:>{width}}\")", "//comment\r\n/* block */\r\n", "    \n        \n            deep",
    "\t\t\tindent\n\t\t}\n\t}\n}", "}\n\n\n\n}", ";;;;;;;;", "==========", "----------\n", "// ---------- //", "a==b!=c<=d>=e&&f||g", "\\n\\t\\0", "\"\"\"doc\"\"\"",
    "\u4f60\u597d", "\u4f60\u597d\uff0c\u4e16\u754c\uff01", "\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff0c\u6211\u4eec\u53bb\u516c\u56ed\u5427\u3002", "\u4e2d\u6587English\u6df7\u5408123\u6587\u672c", "\u7e41\u9ad4\u4e2d\u6587\u6e2c\u8a66", "\u3000\u5168\u89d2\u3000\u7a7a\u683c", "\u201c\u5f15\u53f7\u201d\u300a\u4e66\u540d\u300b",
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c", "\u30ab\u30bf\u30ab\u30ca \uff76\uff80\uff76\uff85", "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5\uc785\ub2c8\ub2e4.", "\u1112\u1161\u11ab\u1100\u1173\u11af", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0627\u0644\u0633\u0644\u0627\u0645\u064f \u0639\u064e\u0644\u064e\u064a\u0652\u0643\u064f\u0645\u0652", "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u0e19\u0e49\u0e33 \u0e17\u0e35\u0e48", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0995\u09cd\u09b7", "\u0ba8\u0bbf", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0401\u043b\u043a\u0430 \u0439\u043e\u0433\u0443\u0440\u0442", "\u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u039a\u03cc\u03c3\u03bc\u03b5 \u03a3\u03c2", "\u0533\u0561\u0580\u0565\u0582", "\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0", "\u1200\u1208",
    "caf\u00e9", "cafe\u0301", "\u0301", " \u0301", "a\u0301\u0302\u0303\u0304\u0305", "\u0301\u0301\u0301", "Z\u0351\u036b\u0343a\u0329\u0355l\u034ag\u0341o", "\u00c5\u212b\u0041\u030a", "na\u00efve r\u00e9sum\u00e9 \u00fcber Stra\u00dfe", "\u0130stanbul \u0131", "\ufb01\ufb02\ufb03", "\u01c5", "\u1e9e", "\u00aa\u00ba",
    "\U0001f600", "\U0001f600\U0001f600", "Hi \U0001f44b\U0001f3fd!", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "1\ufe0f\u20e3", "\u2764\ufe0f\u2764", "\U0001f9d1\U0001f3ff\u200d\U0001f4bb codes", "\u2603\u2600\u2601", "\u2713\u2717", "\u2192\u21d2\u27f6", "\u2211\u222b\u221a\u221e\u2260\u2264", "x\u00b2+y\u00b2=z\u00b2", "\U0001d400\U0001d401", "\U0001d7d8\U0001d7d9", "\u2500\u2502\u250c\u2510", "\u2588\u2588\u2591",
    "\u00a0", "a\u00a0b", " \u00a0 ", "\u2003\u2009\u200a", "a\u2028b\u2029c", "\u200b", "a\u200bb", "\u200c\u200d\u200e\u200f", "\u202eabc\u202c", "\ufeffBOM", "\u180e", "a\u180eb", " \u180e ", "\u1680x", "\u205f\u3000 y", "\ufffd", "\ufffe\uffff", "\ue000\uf8ff", "\U0010ffff", "\U000e0001\U000e0041", "\U00020000\U0002a6df", "\u0378", "\uff0c\uff0e\uff01",
    "<|im_end|>", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "<|endoftext|>", "a<|endoftext|>b", " <|im_end|> ", "<|im_end|", "<|im_end|>>", "<<|im_end|>", "<|im_end|><|im_end|>", "<|IM_END|>", "<|im_<|im_end|>end|>", "<tool_call>\n{\"name\": \"f\"}\n</tool_call>", "<tool_call", "</tool_call>x", "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>", "<repo_name>x<file_sep>", "<|repo_name|>r\n<|file_sep|>f", "\n<|im_end|>\n\n", "  <|im_end|>  x", "[PAD151665]", "<|vision_start|><|image_pad|>",
    "a" * 40, "ab" * 50, " " * 33, " " * 100 + "x", "\n" * 20, "\t" * 17, "=" * 80, "\u4e2d" * 40, "0" * 40, "\U0001f600" * 12, "\u0301" * 40, "aA" * 40, "the" * 30, " the" * 30, "\r\n" * 12, " \n" * 12, "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
]


def random_texts():
    rng = random.Random(7)
    alphabet = [" ", " ", "\n", "\r", "\t", "'", "s", "re", "LL", "a", "the", "er", "ing", "Z", "0", "7", ".", "!", "_", "<|", "|>",
                "\u00e9", "\u0301", "\u4e2d", "\u56fd", "\u0e33", "\ud55c", "\U0001f600", "\u200d", "\u00a0", "\u0085", "\u2028", "\0", "\u00bd", "\u0663"]
    for _ in range(60):
        yield "".join(rng.choice(alphabet) for _ in range(rng.randrange(4, 40)))


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(rest)}


def make(pre, tokens, types, merges, with_special):
    ids = {token: i for i, token in enumerate(tokens)}
    pairs = [tuple(m.split(" ")) for m in merges]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=pairs, ignore_merges=pre == "llama-bpe"))
    byte_level = {use: pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use) for use in (False, True)}
    stages = {
        "qwen2": [pre_tokenizers.Split(Regex(QWEN2), behavior="isolated"), byte_level[False]],
        "llama-bpe": [pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated"), byte_level[False]],
        "smollm": [pre_tokenizers.Digits(individual_digits=True), byte_level[True]],
        "gpt-2": [byte_level[True]],
    }[pre]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(stages)
    if with_special:
        for token, kind in zip(tokens, types):
            if kind == CONTROL:
                tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
            elif kind == USER_DEFINED:
                tokenizer.add_tokens([AddedToken(token, special=False, normalized=False)])
    return tokenizer


def reduce(tokens, types, merges, texts):
    alphabet = byte_alphabet()
    stored = ["".join(alphabet[b] for b in text.encode()) for text in texts]
    longest = max(map(len, tokens))
    seen = {s[i : i + n] for s in stored for i in range(len(s)) for n in range(1, min(longest, len(s) - i) + 1)}
    single = set(alphabet.values())
    kept = [i for i, t in enumerate(tokens) if types[i] in (UNKNOWN, CONTROL, USER_DEFINED) or (types[i] == NORMAL and (t in seen or t in single))]
    names = {tokens[i] for i in kept}
    return kept, [m for m in merges if all(part in names for part in (*m.split(" "), m.replace(" ", "")))]


def write(pre, path, out):
    fields = GGUFReader(path).fields
    tokens, types, merges = (fields[f"tokenizer.ggml.{k}"].contents() for k in ("tokens", "token_type", "merges"))
    texts = TEXTS + list(random_texts())
    kept, few_merges = reduce(tokens, types, merges, texts)
    few_tokens, few_types = [tokens[i] for i in kept], [types[i] for i in kept]
    cases = []
    for text in texts:
        case = {"text": text}
        for key, special in (("as_text", False), ("parsed", True)):
            case[key] = make_cached(pre, few_tokens, few_types, few_merges, special).encode(text, add_special_tokens=False).ids
            full = make_cached(pre, tokens, types, merges, special).encode(text, add_special_tokens=False).ids
            assert [kept[i] for i in case[key]] == full, text
        for other in OTHER_PRES if pre == "qwen2" else ():
            case[other] = make_cached(other, few_tokens, few_types, few_merges, False).encode(text, add_special_tokens=False).ids
        cases.append(case)
    spec = {"pre": pre, "tokens": few_tokens, "types": few_types, "merges": few_merges}
    with open(out, "w", encoding="utf-8") as file:
        file.write("{\n")
        for key, value in spec.items():
            file.write(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=True)},\n")
        file.write('"cases": [\n' + ",\n".join(json.dumps(c, ensure_ascii=True) for c in cases) + "\n]}\n")
    print(pre, len(few_tokens), "tokens", len(few_merges), "merges", len(cases), "texts")


CACHE = {}


def make_cached(pre, tokens, types, merges, special):
    key = (pre, len(tokens), special)
    if key not in CACHE:
        CACHE[key] = make(pre, tokens, types, merges, special)
    return CACHE[key]


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    for name, file_name in MODELS.items():
        write(name, pathlib.Path(sys.argv[1]) / file_name, here / f"tokenizer_{name}.json")
