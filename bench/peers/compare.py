#!/usr/bin/env python3
"""Sluice and llama.cpp on the same file, alternating; medians and ratios of the rounds.

    ./dev bench peers [--rounds 5] [--batch 1,4,16,32] [--model FILE.gguf]

Writes bench/baselines/peers.json with a description of the machine, and README's table from it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def run(command: list[str]) -> dict[int, dict]:
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return {row["batch"]: row for row in rows}


def machine() -> dict:
    info = Path("/proc/cpuinfo").read_text()
    pick = lambda key: next((line.split(":", 1)[1].strip() for line in info.splitlines()
                             if line.startswith(key)), "?")
    return {"cpu": pick("model name"), "family": pick("cpu family"), "model": pick("model\t"),
            "cores": os.cpu_count(), "kernel": platform.release()}


def readme_table(rows: list[dict], about: dict) -> str:
    """The rows as README shows them: prefill once, then decoding by the number of streams."""
    shown = [r for r in rows if r["metric"] == "decode_tokens_per_s"]
    prefill = max((r for r in rows if r["metric"] == "prefill_tokens_per_s"),
                  key=lambda r: r["batch"])
    lines = [f"{about['cpu']} (family {about['family']}), {about['cores']} cores, tokens per second:",
             "", "| | Sluice | llama.cpp | ratio |", "|-|-|-|-|"]
    for name, row in [("prefill", prefill)] + [
            (f"{r['batch']} stream" + ("s" if r["batch"] > 1 else ""), r) for r in shown]:
        lines.append(f"| {name} | {row['sluice']:.0f} | {row['llama.cpp']:.0f} | "
                     f"{row['ratio']:.1f} x |")
    return "\n".join(lines)


def update_readme(table: str) -> None:
    path = ROOT / "README.md"
    before, rest = path.read_text().split("<!-- peers -->\n", 1)
    after = rest.split("<!-- /peers -->", 1)[1]
    path.write_text(f"{before}<!-- peers -->\n{table}\n<!-- /peers -->{after}")


def main() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", default="1,4,16,32")
    parser.add_argument("--prompt", default="128")
    parser.add_argument("--output", default="64")
    parser.add_argument("--threads", default=str(min(2, os.cpu_count() or 1)))
    parser.add_argument("--isa", default="auto")
    parser.add_argument("--model",
                        default=str(cache / "sluice/models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"))
    parser.add_argument("--peer-python", default=sys.executable)
    options = parser.parse_args()
    work = ["--batch", options.batch, "--prompt", options.prompt, "--output", options.output,
            "--threads", options.threads]
    sides = {
        "sluice": [str(ROOT / "build/release/bin/sluice"), "bench", "engine", "--json",
                   "--cpu-isa", options.isa, "--model", options.model, *work],
        "llama.cpp": [options.peer_python, str(ROOT / "bench/peers/llama_cpp_peer.py"),
                      options.model, *work],
    }
    rounds = []
    for number in range(options.rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        rounds.append({side: run(sides[side]) for side in order})
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    rows = []
    for batch in map(int, options.batch.split(",")):
        for metric in ("prefill_tokens_per_s", "decode_tokens_per_s"):
            ours = [r["sluice"][batch][metric] for r in rounds]
            theirs = [r["llama.cpp"][batch][metric] for r in rounds]
            rows.append({"batch": batch, "metric": metric, "sluice": statistics.median(ours),
                         "llama.cpp": statistics.median(theirs),
                         "ratio": statistics.median(a / b for a, b in zip(ours, theirs)),
                         "sluice_rounds": ours, "llama.cpp_rounds": theirs})
    for row in rows:
        print(f"{row['batch']:3d} streams  {row['metric']:22s} sluice {row['sluice']:8.1f}   "
              f"llama.cpp {row['llama.cpp']:8.1f}   ratio {row['ratio']:.2f}")
    target = ROOT / "bench/baselines/peers.json"
    target.parent.mkdir(exist_ok=True)
    about = machine()
    update_readme(readme_table(rows, about))
    target.write_text(json.dumps({"machine": about, "model": Path(options.model).name,
                                  "prompt_tokens": options.prompt, "threads": options.threads,
                                  "isa": options.isa, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
