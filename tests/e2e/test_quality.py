"""The default model against what llama.cpp predicts (tests/golden/make_llamacpp_goldens.py)."""

from __future__ import annotations

import json
from pathlib import Path

from harness import ROOT, assert_one_line_error, run_sluice

RECORDING = ROOT / "tests" / "golden" / "llamacpp_default.logits.gz"


def test_distributions_are_llama_cpps(binary: Path, coder_file: Path) -> None:
    run = run_sluice("eval", "kl", str(RECORDING), "--model", str(coder_file), "--json",
                     timeout_s=400)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert report["positions"] == 64 * 64
    assert report["mean_kl"] <= 0.005
    assert report["top1_agreement"] >= 0.975


def test_eval_names_what_is_wrong_with_a_recording(binary: Path, coder_file: Path,
                                                   tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(RECORDING.read_bytes()[:5000])
    run = run_sluice("eval", "kl", str(broken), "--model", str(coder_file))
    assert_one_line_error(run, str(broken))
