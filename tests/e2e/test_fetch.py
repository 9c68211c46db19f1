"""`sluice pull` against a hub that misbehaves. (Wheels: src/tools/fetch_test.cc.)"""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from harness import assert_one_line_error, clean_environment, run_sluice

pytestmark = pytest.mark.usefixtures("binary")

NAME = "qwen2.5-0.5b-instruct"
FILE = "qwen2.5-0.5b-instruct-q4_k_m.gguf"
HUGGINGFACE_PATH = f"/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/main/{FILE}"
MODELSCOPE_PATH = f"/models/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/master/{FILE}"


class Hub:
    """A hub with one file. It answers as Hugging Face does: its own address states the file's
    hash and redirects to where the bytes are."""

    def __init__(self) -> None:
        self.content = random.Random(7).randbytes(700_001)
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self.requests: list[tuple[str, str | None]] = []  # path, Range
        self.cut_after: int | None = None  # bytes, then the connection is closed; once
        self.ranges = True
        self.status = 200
        self.states_hash = True
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.requests.append((request.path, wanted))
        if self.status != 200:
            request.send_response(self.status)
            request.send_header("Content-Length", "5")
            request.end_headers()
            request.wfile.write(b"sorry")
            return
        if request.path in (HUGGINGFACE_PATH, MODELSCOPE_PATH):
            request.send_response(302)
            request.send_header("Location", "/cdn/blob")
            if self.states_hash:
                request.send_header("X-Linked-Etag", f'"{self.sha256}"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if request.path != "/cdn/blob":
            request.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if wanted and self.ranges and start >= len(self.content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if wanted and self.ranges:
            body = self.content[start:]
            request.send_response(206)
            request.send_header("Content-Range",
                                f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            body = self.content
            request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut_after is not None:
            body, self.cut_after = body[:self.cut_after], None
            request.close_connection = True
        request.wfile.write(body)

    def ranges_asked(self) -> list[str | None]:
        return [wanted for path, wanted in self.requests if path == "/cdn/blob"]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    one = Hub()
    yield one
    one.close()


@pytest.fixture
def second_hub() -> Iterator[Hub]:
    one = Hub()
    yield one
    one.close()


class Puller:
    def __init__(self, directory: Path, hub: Hub) -> None:
        self.path = directory / "sluice" / "models" / FILE
        self.partial = self.path.with_name(FILE + ".partial")
        # The second hub is a closed port unless a test gives one.
        self.env = clean_environment(XDG_CACHE_HOME=str(directory), HF_ENDPOINT=hub.url,
                                     MODELSCOPE_ENDPOINT="http://127.0.0.1:9")

    def __call__(self, *words: str, **more) -> CompletedProcess[str]:
        return run_sluice("pull", NAME, *words, env=self.env, **more)


@pytest.fixture
def pull(tmp_path: Path, hub: Hub) -> Puller:
    return Puller(tmp_path, hub)


def test_fetches_verifies_and_asks_nobody_the_second_time(pull: Puller, hub: Hub):
    run = pull()
    assert run.returncode == 0, run.stderr
    assert pull.path.read_bytes() == hub.content
    assert [path for path, _ in hub.requests] == [HUGGINGFACE_PATH, "/cdn/blob"]
    assert "is verified and kept in" in run.stderr
    hub.requests.clear()
    run = pull()
    assert run.returncode == 0, run.stderr
    assert hub.requests == []


def test_progress_is_shown(pull: Puller):
    run = pull()
    assert f"fetching {FILE} from huggingface" in run.stderr
    assert "100 % of 683.6 KiB" in run.stderr


def test_cut_connection_is_continued_by_the_next_run(pull: Puller, hub: Hub):
    hub.cut_after = 400_000
    assert_one_line_error_after_progress(pull(), "continues where it stopped")
    assert not pull.path.exists()
    assert pull.partial.read_bytes() == hub.content[:400_000]
    hub.requests.clear()
    run = pull()
    assert run.returncode == 0, run.stderr
    assert hub.ranges_asked() == ["bytes=400000-"]
    assert pull.path.read_bytes() == hub.content
    assert not pull.partial.exists()


def test_partial_file_that_is_whole_needs_no_more_bytes(pull: Puller, hub: Hub):
    pull.partial.parent.mkdir(parents=True)
    pull.partial.write_bytes(hub.content)
    run = pull()
    assert run.returncode == 0, run.stderr
    assert pull.path.read_bytes() == hub.content


def test_server_without_ranges_is_asked_from_the_start(pull: Puller, hub: Hub):
    hub.cut_after = 400_000
    assert pull().returncode == 1
    hub.ranges = False
    run = pull()
    assert run.returncode == 0, run.stderr
    assert pull.path.read_bytes() == hub.content


def test_wrong_hash_is_refused_and_removed(pull: Puller, hub: Hub):
    right = hub.sha256
    hub.sha256 = "0" * 64
    assert_one_line_error_after_progress(pull(), right, "0" * 64, "fetch it again")
    assert not pull.path.exists()
    assert not pull.partial.exists()
    hub.sha256 = right
    assert pull().returncode == 0
    assert pull.path.read_bytes() == hub.content


def test_damaged_partial_file_is_noticed(pull: Puller, hub: Hub):
    pull.partial.parent.mkdir(parents=True)
    pull.partial.write_bytes(b"x" * 1000)
    assert pull().returncode == 1
    assert pull().returncode == 0
    assert pull.path.read_bytes() == hub.content


def test_missing_file_names_status_and_address(pull: Puller, hub: Hub):
    hub.status = 404
    assert_one_line_error_after_progress(pull(), "404", HUGGINGFACE_PATH, "HF_ENDPOINT")


def test_busy_hub_is_told_from_a_missing_file(pull: Puller, hub: Hub):
    hub.status = 503
    assert_one_line_error_after_progress(pull(), "503", "again later")


def test_no_hub_reachable_is_one_line(pull: Puller):
    pull.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    assert_one_line_error_after_progress(pull(), "check the network")


def test_second_hub_is_asked_when_the_first_fails(pull: Puller, hub: Hub, second_hub: Hub):
    hub.status = 404
    pull.env["MODELSCOPE_ENDPOINT"] = second_hub.url
    run = pull()
    assert run.returncode == 0, run.stderr
    assert second_hub.requests[0][0] == MODELSCOPE_PATH
    assert pull.path.read_bytes() == second_hub.content


def test_modelscope_is_asked_first_when_told(pull: Puller, hub: Hub, second_hub: Hub):
    pull.env |= {"MODELSCOPE_ENDPOINT": second_hub.url, "SLUICE_HUB": "modelscope"}
    run = pull()
    assert run.returncode == 0, run.stderr
    assert hub.requests == []
    assert second_hub.requests[0][0] == MODELSCOPE_PATH


def test_unknown_hub_is_one_line(pull: Puller):
    pull.env["SLUICE_HUB"] = "github"
    assert_one_line_error(pull(), "SLUICE_HUB", "huggingface or modelscope")


def test_full_disk_is_one_line_and_the_next_run_continues(pull: Puller, hub: Hub):
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    assert_one_line_error_after_progress(pull(preexec_fn=limit), "free some space")
    assert not pull.path.exists()
    assert pull.partial.stat().st_size == 300_000
    hub.requests.clear()
    run = pull()
    assert run.returncode == 0, run.stderr
    assert hub.ranges_asked() == ["bytes=300000-"]
    assert pull.path.read_bytes() == hub.content


def test_directory_that_cannot_be_written_is_one_line(pull: Puller, tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert_one_line_error(pull("--models-dir", str(tmp_path / "file" / "models")), "--models-dir")


def test_unknown_name_suggests_the_nearest(tmp_path: Path):
    env = clean_environment(XDG_CACHE_HOME=str(tmp_path))
    assert_one_line_error(run_sluice("pull", "qwen2.5-0.5b-instrct", env=env),
                          f"did you mean {NAME}?")


def test_name_is_asked_for():
    assert_one_line_error(run_sluice("pull"), "sluice models")


def assert_one_line_error_after_progress(run: CompletedProcess[str], *parts: str) -> None:
    lines = run.stderr.splitlines()
    errors = [line for line in lines if line.startswith("sluice: ")]
    assert errors == lines[-1:], run.stderr
    assert_one_line_error(CompletedProcess(run.args, run.returncode, run.stdout, errors[0]), *parts)
