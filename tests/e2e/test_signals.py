"""How a server ends: nothing that was admitted is lost unless somebody insists."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading

import httpx
import pytest
from conftest import SMOLLM
from harness import (ROOT, Server, assert_one_line_error, clean_environment, run_sluice,
                     wait_until)

CHAT = "/v1/chat/completions"
TINY_MODEL = ROOT / "tests/golden/tiny_llama.gguf"


class Reader:
    """Reads one stream in a thread; `begun` is set at the first text."""

    def __init__(self, one: Server, max_tokens: int) -> None:
        self.begun = threading.Event()
        self.text = ""
        self.done = False
        self.error: dict | None = None
        self.broken: Exception | None = None
        self._fields = {"messages": [{"role": "user", "content": "Tell a story."}],
                        "max_tokens": max_tokens, "temperature": 0, "ignore_eos": True}
        self._url = one.url
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.begun.wait(60)

    def _read(self) -> None:
        try:
            with httpx.stream("POST", self._url + CHAT, json=self._fields | {"stream": True},
                              timeout=120) as response:
                for line in response.iter_lines():
                    if line == "data: [DONE]":
                        self.done = True
                    elif line.startswith("data: "):
                        event = json.loads(line[6:])
                        self.error = event.get("error")
                        for choice in event.get("choices", []):
                            self.text += choice["delta"].get("content") or ""
                        if self.text:
                            self.begun.set()
        except httpx.HTTPError as problem:
            self.broken = problem

    def join(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()


def connect_refused(one: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", one.port), timeout=5).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_ends_with_0(server, number: int):
    one = server("--model", "fake")
    one.signal(number)
    assert one.wait_exit(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_loading_ends_at_once(binary, number: int, tmp_path):
    # A pipe that nobody writes to is a file that takes for ever to read.
    template = tmp_path / "template.jinja"
    os.mkfifo(template)
    path = tmp_path / "socket"
    process = subprocess.Popen(
        [binary, "serve", "--model", TINY_MODEL, "--chat-template", template, "--port", "0",
         "--unix-socket", path], env=clean_environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(path.exists, "the listener is open")
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "is serving" not in output
    assert not path.exists()


def test_running_stream_is_finished_after_sigterm(server, smollm_file):
    one = server("--model", SMOLLM)
    quiet = one.chat("Tell a story.", max_tokens=100, ignore_eos=True)
    reader = Reader(one, 100)
    one.signal(signal.SIGTERM)
    reader.join()
    assert reader.done
    assert reader.text == quiet
    assert one.wait_exit() == 0


def test_readiness_turns_bad_at_once_while_the_grace_lasts(server):
    one = server("--model", "fake", "--drain-grace", "60")
    one.signal(signal.SIGTERM)
    answer = wait_until(lambda: (r := one.get("/health")).status_code == 503 and r, "draining")
    assert "drain" in answer.text
    assert one.get("/livez").status_code == 200
    # The listener still serves.
    assert one.chat("hi", max_tokens=4)
    one.signal(signal.SIGTERM)
    one.wait_exit(20)


def test_new_connections_are_refused_after_the_grace(server, smollm_file):
    one = server("--model", SMOLLM)
    reader = Reader(one, 1500)
    one.signal(signal.SIGTERM)
    wait_until(lambda: connect_refused(one), "the listener is closed")
    assert one.alive()
    one.signal(signal.SIGTERM)
    one.wait_exit(20)
    reader.join()
    assert not reader.done, "an interrupted stream must not look complete"


def test_drain_timeout_ends_a_stream_with_an_error(server, smollm_file):
    one = server("--model", SMOLLM, "--drain-timeout", "0.2")
    reader = Reader(one, 4000)
    one.signal(signal.SIGTERM)
    assert one.wait_exit(20) == 0
    reader.join()
    assert not reader.done
    assert reader.error is not None or reader.broken is not None


def test_second_signal_ends_at_once(server, smollm_file):
    one = server("--model", SMOLLM)
    reader = Reader(one, 4000)
    one.signal(signal.SIGINT)
    wait_until(lambda: connect_refused(one), "the listener is closed")
    one.signal(signal.SIGINT)
    one.wait_exit(10)
    reader.join()
    assert not reader.done


def test_port_is_free_again_after_a_stop(server):
    one = server("--model", "fake")
    port = one.port
    one.get("/health")
    one.stop()
    again = server("--model", "fake", "--port", str(port))
    assert again.port == port
    run = run_sluice("serve", "--model", "fake", "--port", str(port))
    assert_one_line_error(run, str(port))
    assert again.get("/health").status_code == 200
