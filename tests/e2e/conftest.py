"""Servers that the tests share. A model that is not here is a failure, not a skip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Server, binary_path, models_directory

CODER = "qwen2.5-coder-0.5b-instruct"
CODER_FILE = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
SMOLLM = "smollm2-135m-instruct"
SMOLLM_FILE = "smollm2-135m-instruct-q4_1.gguf"


@pytest.fixture(scope="session")
def binary() -> Path:
    path = binary_path()
    if not path.exists():
        pytest.fail(f"{path} is missing: ./dev build, or set SLUICE_BINARY")
    return path


def model_file(name: str, file_name: str) -> Path:
    path = models_directory() / file_name
    if not path.exists():
        pytest.fail(f"{path} is missing: build/release/bin/sluice pull {name}")
    return path


@pytest.fixture(scope="session")
def smollm_file() -> Path:
    return model_file(SMOLLM, SMOLLM_FILE)


@pytest.fixture(scope="session")
def coder_file() -> Path:
    return model_file(CODER, CODER_FILE)


@pytest.fixture
def server(binary: Path) -> Iterator[Callable[..., Server]]:
    """server("--model", "fake", ...) starts one; it is stopped and checked at the end."""
    started: list[Server] = []

    def start(*options: str, **more) -> Server:
        started.append(Server(*options, **more))
        return started[-1]

    yield start
    for one in started:
        if one.alive():
            one.stop()


def shared(*options: str) -> Iterator[Server]:
    one = Server(*options)
    yield one
    one.stop()


@pytest.fixture(scope="session")
def fake(binary: Path) -> Iterator[Server]:
    yield from shared("--model", "fake")


@pytest.fixture(scope="session")
def smollm(binary: Path, smollm_file: Path) -> Iterator[Server]:
    yield from shared("--model", SMOLLM)


@pytest.fixture(scope="session")
def coder(binary: Path, coder_file: Path) -> Iterator[Server]:
    """The default model, as `sluice serve` serves it."""
    yield from shared("--model", CODER)
