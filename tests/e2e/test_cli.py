"""The command line: help, options from every source, and one-line errors."""

from __future__ import annotations

import re
import resource
import socket
import struct
from pathlib import Path

import pytest
from conftest import CODER, SMOLLM
from harness import assert_one_line_error, clean_environment, run_sluice

pytestmark = pytest.mark.usefixtures("binary")


def test_version_is_one_line():
    run = run_sluice("--version")
    assert run.returncode == 0
    assert re.fullmatch(r"sluice \d+\.\d+\.\d+ \(\w+\)\n", run.stdout)


def test_help_lists_the_commands():
    run = run_sluice("--help")
    assert run.returncode == 0
    for command in ("serve", "pull", "models"):
        assert re.search(rf"^  {command} ", run.stdout, re.MULTILINE)


def test_serve_help_shows_each_option_with_its_default():
    run = run_sluice("serve", "--help")
    assert run.returncode == 0
    assert "--model NAME|FILE" in run.stdout
    assert re.search(r"--port N? +TCP port; .*\[8000\]", run.stdout)
    assert "(also --max-model-len)" in run.stdout
    assert re.search(r"--trusted-proxies NET,\.\.\. .*\[127\.0\.0\.0/8,::1\]", run.stdout)
    assert "--no-access-log" in run.stdout


def test_no_command_shows_the_usage_and_fails():
    run = run_sluice()
    assert run.returncode == 1
    assert "usage: sluice COMMAND" in run.stderr


def test_unknown_command_suggests_the_nearest():
    assert_one_line_error(run_sluice("serv"), "did you mean serve?")


@pytest.mark.parametrize(("flag", "nearest"), [
    ("--prot", "--port"), ("--modle", "--model"), ("--max-runing", "--max-running"),
    ("--kv_dtpye=bf16", "--kv-dtype"), ("--queue-timeuot", "--queue-timeout"),
])
def test_unknown_flag_suggests_the_nearest(flag: str, nearest: str):
    assert_one_line_error(run_sluice("serve", flag, "1"), f"did you mean {nearest}?")


def test_unknown_variable_suggests_the_nearest():
    run = run_sluice("serve", "--print-config", env=clean_environment(SLUICE_PROT="1"))
    assert_one_line_error(run, "SLUICE_PROT", "did you mean SLUICE_PORT?")


def test_unknown_key_of_a_file_names_file_line_and_nearest(tmp_path: Path):
    config = tmp_path / "sluice.toml"
    config.write_text('host = "127.0.0.1"\nprot = 1\n')
    run = run_sluice("serve", "--config", str(config), "--print-config")
    assert_one_line_error(run, f"{config}:2", "did you mean port?")


def test_malformed_file_names_line_and_column(tmp_path: Path):
    config = tmp_path / "sluice.toml"
    config.write_text("port = = 1\n")
    assert_one_line_error(run_sluice("serve", "--config", str(config)), f"{config}:1:")


def test_missing_file_is_named(tmp_path: Path):
    config = tmp_path / "none.toml"
    assert_one_line_error(run_sluice("serve", "--config", str(config)), str(config))


@pytest.mark.parametrize(("words", "source"), [
    (("--port", "banana"), "--port"), (("--port", "65536"), "--port"),
    (("--port", "-1"), "--port"), (("--threads", "0"), "--threads"),
    (("--kv-dtype", "int3"), "--kv-dtype"), (("--temperature", "nan"), "--temperature"),
    (("--memory-limit", "many"), "--memory-limit"), (("--max-running", "1e9"), "--max-running"),
    (("--queue-timeout", ""), "--queue-timeout"),
])
def test_values_out_of_range_name_the_flag(words: tuple[str, str], source: str):
    assert_one_line_error(run_sluice("serve", *words), source)


def test_flags_win_over_variables_and_variables_over_the_file(tmp_path: Path):
    config = tmp_path / "sluice.toml"
    config.write_text("port = 1001\nmax_running = 11\nthreads = 1\n")
    run = run_sluice("serve", "--config", str(config), "--port", "1003", "--print-config",
                     env=clean_environment(SLUICE_PORT="1002", SLUICE_MAX_RUNNING="12"))
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert "port = 1003" in lines
    assert "max_running = 12" in lines
    assert "threads = 1" in lines


def test_familiar_spellings_are_accepted():
    run = run_sluice("serve", "--max-model-len", "1234", "--max_num_seqs", "7", "--print-config")
    assert run.returncode == 0, run.stderr
    assert "ctx = 1234" in run.stdout
    assert "max_running = 7" in run.stdout


def test_port_of_the_hosting_platform_is_accepted():
    env = clean_environment(PORT="1234")
    assert "port = 1234\n" in run_sluice("serve", "--print-config", env=env).stdout
    env |= {"SLUICE_PORT": "1235"}
    assert "port = 1235\n" in run_sluice("serve", "--print-config", env=env).stdout
    assert run_sluice("models", env=env).returncode == 0


def test_printed_configuration_sets_the_same_again(tmp_path: Path):
    words = ("--port", "8123", "--host", "::1", "--cors-origin", "https://a.example",
             "--cors-origin", "https://b.example", "--memory-limit", "3GiB", "--temperature",
             "0.7", "--no-access-log", "--model", 'odd "name"\\.gguf', "--queue-timeout", "1.5")
    first = run_sluice("serve", *words, "--print-config")
    assert first.returncode == 0, first.stderr
    assert 'cors_origin = ["https://a.example","https://b.example"]' in first.stdout
    assert "temperature = 0.7\n" in first.stdout
    config = tmp_path / "sluice.toml"
    config.write_text(first.stdout)
    second = run_sluice("serve", "--config", str(config), "--print-config")
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout


def test_other_commands_pass_over_the_servers_options(tmp_path: Path):
    config = tmp_path / "sluice.toml"
    config.write_text("port = 8001\n")
    run = run_sluice("models", "--config", str(config), env=clean_environment(SLUICE_PORT="8002"))
    assert run.returncode == 0, run.stderr
    assert_one_line_error(run_sluice("models", "--port", "8001"), "--port")


def test_fractions_of_a_file_are_kept_exactly(tmp_path: Path):
    config = tmp_path / "sluice.toml"
    config.write_text("top_p = 0.123456789\nqueue_timeout = 1e-3\n")
    run = run_sluice("serve", "--config", str(config), "--print-config")
    assert "top_p = 0.123456789\n" in run.stdout
    assert "queue_timeout = 0.001\n" in run.stdout


def test_models_lists_the_catalogue_and_marks_the_default():
    run = run_sluice("models")
    assert run.returncode == 0
    rows = {line.split()[0]: line for line in run.stdout.splitlines() if line.strip()}
    for name in (CODER, SMOLLM, "qwen2.5-0.5b-instruct", "qwen2-0.5b-instruct"):
        assert name in rows
    assert rows[CODER].endswith("*")
    assert "468.6 MiB" in rows[CODER]


def test_models_tells_what_is_here(tmp_path: Path, smollm_file: Path):
    assert re.search(rf"^{SMOLLM} .* here ", run_sluice("models").stdout, re.MULTILINE)
    assert " here " not in run_sluice("models", "--models-dir", str(tmp_path)).stdout
    (tmp_path / smollm_file.name).write_bytes(b"GGUF")
    run = run_sluice("models", "--models-dir", str(tmp_path))
    assert re.search(rf"^{SMOLLM} .* unverified ", run.stdout, re.MULTILINE)


# --- serve refuses in one line ---


def test_port_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        run = run_sluice("serve", "--model", "fake", "--port", port)
        assert_one_line_error(run, port, "in use", "--port")


def test_model_that_is_not_fetched_names_the_command(tmp_path: Path):
    run = run_sluice("serve", "--model", SMOLLM, "--models-dir", str(tmp_path))
    assert_one_line_error(run, f"sluice pull {SMOLLM}")


def test_unknown_model_suggests_the_nearest():
    run = run_sluice("serve", "--model", "smollm2-135m-instrct")
    assert_one_line_error(run, f"did you mean {SMOLLM}?")


def test_missing_model_file_is_named():
    assert_one_line_error(run_sluice("serve", "--model", "/no/such.gguf"), "/no/such.gguf")


def test_host_that_cannot_be_had_is_one_line():
    run = run_sluice("serve", "--model", "fake", "--port", "0", "--host", "203.0.113.7")
    assert_one_line_error(run, "203.0.113.7")


def gguf_header(tensors: int, keys: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, keys)


FOREIGN = {
    "empty.gguf": (b"", "empty"),
    "archive.gguf": (b"PK\3\4" + bytes(100), "zip"),
    "page.gguf": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "tensors.gguf": (struct.pack("<Q", 64) + b'{"__metadata__":{}}'.ljust(64) + bytes(64),
                     "safetensors"),
    "noise.gguf": (bytes(range(256)) * 16, "not a GGUF file"),
    "short.gguf": (b"GGU", "not a GGUF file"),
    "header-only.gguf": (gguf_header(1, 1), "byte"),
    "huge-counts.gguf": (gguf_header(2**63, 2**63) + bytes(64), "byte"),
    "no-keys.gguf": (gguf_header(0, 0), "general.architecture"),
    "future.gguf": (b"GGUF" + struct.pack("<IQQ", 9999, 0, 0), "version"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_file_is_one_line(name: str, tmp_path: Path):
    content, hint = FOREIGN[name]
    path = tmp_path / name
    path.write_bytes(content)
    assert_one_line_error(run_sluice("serve", "--model", str(path), "--port", "0"), name, hint)


def test_directory_as_model_is_one_line(tmp_path: Path):
    path = tmp_path / "folder.gguf"
    path.mkdir()
    run = run_sluice("serve", "--model", str(path), "--port", "0")
    assert_one_line_error(run, "folder.gguf", "directory")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.999])
def test_truncated_model_is_one_line(share: float, tmp_path: Path, smollm_file: Path):
    path = tmp_path / "cut.gguf"
    content = smollm_file.read_bytes()
    path.write_bytes(content[:int(len(content) * share)])
    assert_one_line_error(run_sluice("serve", "--model", str(path), "--port", "0"), "cut.gguf")


def test_overwritten_header_is_one_line(tmp_path: Path, smollm_file: Path):
    content = bytearray(smollm_file.read_bytes())
    content[200:400] = b"\xff" * 200
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    assert_one_line_error(run_sluice("serve", "--model", str(path), "--port", "0"),
                          "damaged.gguf")


def test_too_little_memory_is_one_line(smollm_file: Path):
    run = run_sluice("serve", "--model", str(smollm_file), "--memory-limit", "50MiB",
                     "--port", "0")
    assert_one_line_error(run, "memory", "--memory-limit")


def test_refused_allocation_is_one_line(smollm_file: Path):
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20))

    run = run_sluice("serve", "--model", str(smollm_file), "--port", "0", preexec_fn=limit)
    assert_one_line_error(run, "memory")


def test_a_directory_is_no_chat_template(binary: Path, tmp_path: Path, smollm_file: Path):
    run = run_sluice("serve", "--port", "0", "--model", str(smollm_file),
                     "--chat-template", str(tmp_path))
    assert_one_line_error(run, "--chat-template", str(tmp_path))


def test_a_list_option_takes_one_word(server):
    one = server("--served-model-name", "a,b", "fake")
    assert [model["id"] for model in one.get("/v1/models").json()["data"]] == ["a", "b"]
