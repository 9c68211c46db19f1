"""Starting and stopping `sluice`, and small helpers that every end-to-end test shares."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 60.0
DEADLINE_S = 30.0
READY_LINE = re.compile(r"sluice is serving (\S+) on (http://\S+)")


def binary_path() -> Path:
    return Path(os.environ.get("SLUICE_BINARY", ROOT / "build/release/bin/sluice"))


def models_directory() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "sluice" / "models"


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would configure the program."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "HF_", "PORT"))}
    return kept | more


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S):
    """Asks again and again until the condition holds; returns its value."""
    pause = threading.Event()
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        pause.wait(0.01)


def run_sluice(*words: str, env: dict[str, str] | None = None, cwd: Path | None = None,
               timeout_s: float = DEADLINE_S, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([binary_path(), *words], env=env or clean_environment(), cwd=cwd,
                          capture_output=True, text=True, timeout=timeout_s, check=False, **more)


def assert_one_line_error(run: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The program said in one line what is wrong, and exited with 1."""
    assert run.returncode == 1, (run.returncode, run.stdout, run.stderr)
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    assert lines[0].startswith("sluice: "), run.stderr
    for part in parts:
        assert part in lines[0], f"{part!r} is not in: {lines[0]}"


class Lines:
    """The lines of a pipe, collected by a thread of their own."""

    def __init__(self, pipe) -> None:
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, args=(pipe,), daemon=True)
        self._thread.start()

    def _collect(self, pipe) -> None:
        for line in pipe:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def text(self) -> str:
        with self._changed:
            return "\n".join(self._lines)

    def wait_for(self, pattern: re.Pattern[str], deadline_s: float) -> re.Match[str] | None:
        """The first line that matches, as soon as it is there; None if the pipe ends before."""
        end = time.monotonic() + deadline_s
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    if match := pattern.search(line):
                        return match
                seen = len(self._lines)
                if self._ended:
                    return None
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no line {pattern.pattern!r} within {deadline_s} s")
                self._changed.wait(left)

    def join(self) -> str:
        self._thread.join(STOP_DEADLINE_S)
        return self.text()


class Server:
    """A running `sluice serve`. `url` and `model` are what its ready line says."""

    def __init__(self, *options: str, env: dict[str, str] | None = None) -> None:
        words = ["serve", "--port", "0", "--drain-grace", "0", *options]
        self.process = subprocess.Popen(
            [binary_path(), *words], env=env or clean_environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            errors="replace")
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        try:
            match = self.stdout.wait_for(READY_LINE, START_DEADLINE_S)
        except AssertionError:
            self.process.kill()
            raise
        assert match, f"sluice ended before it was ready: {self.stderr.join()}"
        self.model = match[1]
        self.url = match[2].rstrip("/")
        self.port = int(self.url.rsplit(":", 1)[1])
        self.client = httpx.Client(base_url=self.url, timeout=httpx.Timeout(120.0))

    # --- asking ---

    def get(self, path: str, **more) -> httpx.Response:
        return self.client.get(path, **more)

    def post(self, path: str, body=None, **more) -> httpx.Response:
        if isinstance(body, (bytes, str)):
            return self.client.post(path, content=body, **more)
        return self.client.post(path, json=body, **more)

    def chat(self, prompt: str, **fields) -> str:
        """The answer to one user message, at temperature 0 unless told otherwise."""
        body = {"messages": [{"role": "user", "content": prompt}], "temperature": 0} | fields
        response = self.post("/v1/chat/completions", body)
        assert response.status_code == 200, response.text
        return response.json()["choices"][0]["message"]["content"]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples, without the prefix in its name."""
        total, found = 0.0, False
        for line in self.get("/metrics").text.splitlines():
            match = re.fullmatch(r"sluice_(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name:
                have = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= have.items():
                    total += float(match[3])
                    found = True
        assert found, f"no metric {name} {labels}"
        return total

    def wait_idle(self) -> None:
        wait_until(lambda: self.metric("num_requests_running") == 0
                   and self.metric("num_requests_waiting") == 0, "the server is idle")

    def alive(self) -> bool:
        return self.process.poll() is None

    # --- stopping ---

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait_exit(self, deadline_s: float = STOP_DEADLINE_S) -> int:
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {deadline_s} s") from None
        self.client.close()
        self.stdout.join()
        self.stderr.join()
        return code

    def stop(self) -> None:
        """SIGTERM; the server must have lived until now and end with 0."""
        assert self.alive(), f"the server died:\n{self.stderr.join()}"
        self.signal(signal.SIGTERM)
        code = self.wait_exit()
        assert code == 0, f"exit code {code}:\n{self.stderr.text()}"


def sse_events(body: str) -> list[tuple[str, str]]:
    """(event name, data) of each event of a whole SSE body."""
    events = []
    for block in body.replace("\r\n", "\n").split("\n\n"):
        name, data = "message", []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
        if data:
            events.append((name, "\n".join(data)))
    return events
