"""What curl and other plain clients see: bytes, headers, statuses."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess

import pytest
from harness import DEADLINE_S, Server, clean_environment, sse_events, wait_until

CHAT = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 20,
        "temperature": 0}


def curl(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    assert shutil.which("curl"), "these tests need curl"
    return subprocess.run(["curl", "-sS", "--max-time", "60", *words], input=stdin, text=True,
                          capture_output=True, check=False, env=clean_environment())


def curl_with_headers(*words: str) -> tuple[int, dict[str, str], str]:
    run = curl("-i", *words)
    assert run.returncode == 0, run.stderr
    head, _, body = run.stdout.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.split("\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return int(status.split()[1]), headers, body


def test_the_line_to_paste_answers(server):
    one = server("--model", "fake")
    # The ready line is followed by a command to paste.
    command = one.stdout.wait_for(re.compile(r"^\s*(curl .*)$"), DEADLINE_S)
    assert command
    run = subprocess.run(["bash", "-c", command[1]], capture_output=True, text=True, timeout=60,
                         check=False, env=clean_environment())
    assert run.returncode == 0, run.stderr
    assert '"choices"' in run.stdout or "data: {" in run.stdout


def test_stream_arrives_event_by_event(smollm: Server):
    body = json.dumps(CHAT | {"stream": True, "max_tokens": 4000, "ignore_eos": True})
    process = subprocess.Popen(["curl", "-sSN", f"{smollm.url}/v1/chat/completions", "-d", body],
                               stdout=subprocess.PIPE, text=True, env=clean_environment())
    try:
        seen = [process.stdout.readline() for _ in range(12)]
        # The stream still runs while its first events are here.
        wait_until(lambda: smollm.metric("num_requests_running") == 1, "it runs")
        assert all(line == "\n" or line.startswith(("data: {", ":")) for line in seen), seen
        assert '"role":"assistant"' in seen[0]
    finally:
        process.kill()
        process.wait()
    smollm.wait_idle()


def test_stream_headers_and_frames(smollm: Server):
    status, headers, body = curl_with_headers(
        "-N", f"{smollm.url}/v1/chat/completions", "-d", json.dumps(CHAT | {"stream": True}))
    assert status == 200
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["transfer-encoding"] == "chunked"
    assert headers["x-request-id"]
    assert "content-encoding" not in headers
    events = [data for _, data in sse_events(body)]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(data) for data in events[:-1]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] in ("stop", "length")


def test_streams_are_never_compressed(smollm: Server):
    _, headers, body = curl_with_headers(
        "-N", "-H", "Accept-Encoding: gzip", f"{smollm.url}/v1/chat/completions", "-d",
        json.dumps(CHAT | {"stream": True}))
    assert "content-encoding" not in headers
    assert body.rstrip().endswith("data: [DONE]")


def test_client_request_id_comes_back(fake: Server):
    _, headers, _ = curl_with_headers("-H", "X-Request-Id: my-own-id-7", f"{fake.url}/health")
    assert headers["x-request-id"] == "my-own-id-7"


def test_insane_request_id_is_replaced(fake: Server):
    _, headers, _ = curl_with_headers("-H", "X-Request-Id: " + "x" * 5000, f"{fake.url}/health")
    assert headers["x-request-id"]
    assert len(headers["x-request-id"]) < 200


def test_generate_without_a_content_type(fake: Server):
    run = curl("-d", '{"prompt": "hi"}', f"{fake.url}/generate")
    answer = json.loads(run.stdout)
    assert answer["text"]
    assert answer["result"] == answer["text"]
    assert answer["finish_reason"] in ("stop", "length")
    assert answer["usage"]["completion_tokens"] >= 1


def test_chat_without_a_content_type(smollm: Server):
    run = curl("-H", "Content-Type:", "-d", json.dumps(CHAT), f"{smollm.url}/v1/chat/completions")
    assert json.loads(run.stdout)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("path", ["/health", "/healthz", "/livez"])
def test_health_answers_get_and_head(fake: Server, path: str):
    status, headers, body = curl_with_headers(f"{fake.url}{path}")
    assert status == 200
    assert int(headers["content-length"]) == len(body) > 0
    run = curl("-I", f"{fake.url}{path}")
    assert run.stdout.startswith("HTTP/1.1 200")
    assert f"content-length: {headers['content-length']}" in run.stdout.lower()


def test_health_says_ok(fake: Server):
    assert fake.get("/health").json()["status"] == "OK"
    plain = fake.get("/healthz")
    assert plain.text.strip() == "OK"
    assert plain.headers["content-type"].startswith("text/plain")


def test_time_of_health_can_be_measured(fake: Server):
    run = curl("-o", "/dev/null", "-w", "%{time_total}\n", f"{fake.url}/health")
    assert 0 < float(run.stdout) < 5


def test_wrong_method_names_the_right_ones(fake: Server):
    status, headers, body = curl_with_headers("-X", "DELETE", f"{fake.url}/v1/chat/completions")
    assert status == 405
    assert "POST" in headers["allow"]
    assert json.loads(body)["error"]["message"]


def test_unknown_path_is_404(fake: Server):
    status, _, body = curl_with_headers(f"{fake.url}/v1/nothing/here")
    assert status == 404
    assert json.loads(body)["error"]["type"] == "not_found_error"


def test_foreign_origin_and_host_are_refused(fake: Server):
    body = json.dumps(CHAT)
    for header in ("Origin: https://evil.example", "Host: evil.example"):
        status, _, _ = curl_with_headers("-H", header, f"{fake.url}/v1/chat/completions", "-d",
                                         body)
        assert status == 403, header


def test_answers_are_compressed_when_asked_for(fake: Server):
    _, headers, _ = curl_with_headers(f"{fake.url}/metrics")
    assert "content-encoding" not in headers
    run = curl("--compressed", "-o", "/dev/null", "-D", "-", f"{fake.url}/metrics")
    assert "content-encoding: gzip" in run.stdout.lower()


def test_two_requests_on_one_connection(fake: Server):
    run = curl("-w", "%{num_connects}\n", "-o", "/dev/null", "-o", "/dev/null",
               f"{fake.url}/health", f"{fake.url}/health")
    assert run.stdout.split() == ["1", "0"]


def test_half_closed_connection_cancels_its_stream(smollm: Server):
    smollm.wait_idle()
    body = json.dumps(CHAT | {"stream": True, "max_tokens": 4000, "ignore_eos": True}).encode()
    with socket.create_connection(("127.0.0.1", smollm.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.shutdown(socket.SHUT_WR)
        smollm.wait_idle()


def test_metrics_are_prometheus_text(smollm: Server):
    smollm.wait_idle()
    before = smollm.metric("generation_tokens_total")
    smollm.chat("Say hello.", max_tokens=5, ignore_eos=True)
    # The engine publishes its counters after the step in which the answer ended.
    wait_until(lambda: smollm.metric("generation_tokens_total") > before + 4, "it is counted")
    assert smollm.metric("generation_tokens_total") == before + 5
    response = smollm.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    for line in response.text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2, line
