"""The classic endpoints, as existing aiohttp and requests clients use them."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import requests
from harness import Server, sse_events

PROMPT = "Name three colours."


def test_aiohttp_reads_a_stream_line_by_line(smollm: Server):
    async def read() -> tuple[str, list[str]]:
        lines = []
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{smollm.url}/stream", json={
                    "prompt": PROMPT, "temperature": 0, "max_tokens": 24}) as response:
                assert response.status == 200
                async for line in response.content:
                    lines.append(line.decode("utf-8"))
                return response.headers["Content-Type"], lines

    content_type, lines = asyncio.run(read())
    assert content_type.startswith("text/event-stream")
    events = sse_events("".join(lines))
    assert [name for name, _ in events[:-1]] == ["text_chunk"] * (len(events) - 1)
    name, data = events[-1]
    assert name == "done"
    done = json.loads(data)
    assert done["finish_reason"] in ("stop", "length")
    assert 1 <= done["usage"]["completion_tokens"] <= 24
    text = "".join(json.loads(data)["text"] for _, data in events[:-1])
    whole = requests.post(f"{smollm.url}/generate", timeout=60, json={
        "prompt": PROMPT, "temperature": 0, "max_tokens": 24}).json()
    assert text == whole["text"]
    assert "retry: 30000\n" in lines
    assert any(line.startswith("id: ") for line in lines)


def test_event_ids_count_up(smollm: Server):
    body = requests.post(f"{smollm.url}/stream", timeout=60,
                         json={"prompt": PROMPT, "max_tokens": 8}).text
    ids = [line.removeprefix("id: ") for line in body.splitlines() if line.startswith("id: ")]
    streams, numbers = zip(*(one.rsplit("-", 1) for one in ids), strict=True)
    assert len(set(streams)) == 1
    assert [int(n) for n in numbers] == list(range(int(numbers[0]), int(numbers[0]) + len(ids)))


def test_generate_streams_when_asked_to(smollm: Server):
    response = requests.post(f"{smollm.url}/generate", timeout=60, json={
        "prompt": PROMPT, "temperature": 0, "max_tokens": 8, "stream": True})
    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert sse_events(response.content.decode())[-1][0] == "done"


def test_aliases_and_numbers_as_text_are_accepted(smollm: Server):
    for field, value in (("max_tokens", 5), ("max_new_tokens", 5), ("max_tokens", "5")):
        answer = requests.post(f"{smollm.url}/generate", timeout=60, json={
            "prompt": PROMPT, "ignore_eos": True, field: value})
        assert answer.status_code == 200, answer.text
        assert answer.json()["usage"]["completion_tokens"] == 5
        assert answer.json()["finish_reason"] == "length"


def test_raw_prompt_skips_the_template(smollm: Server):
    def prompt_tokens(**more) -> int:
        answer = requests.post(f"{smollm.url}/generate", timeout=60,
                               json={"prompt": PROMPT, "max_tokens": 1} | more)
        return answer.json()["usage"]["prompt_tokens"]

    assert prompt_tokens(raw=True) < prompt_tokens()


def test_system_text_reaches_the_model(smollm: Server):
    def prompt_tokens(**more) -> int:
        answer = requests.post(f"{smollm.url}/generate", timeout=60,
                               json={"prompt": PROMPT, "max_tokens": 1} | more)
        return answer.json()["usage"]["prompt_tokens"]

    assert prompt_tokens(system="word " * 50) > prompt_tokens(system="word") + 40


def test_validation_errors_are_fastapis(fake: Server):
    response = requests.post(f"{fake.url}/generate", json={"max_tokens": 5}, timeout=60)
    assert response.status_code == 422
    [detail] = response.json()["detail"]
    assert detail["loc"] == ["body", "prompt"]
    assert detail["type"] == "missing"
    assert detail["msg"] == "Field required"

    response = requests.post(f"{fake.url}/stream", timeout=60,
                             json={"prompt": "hi", "max_tokens": "many"})
    assert response.status_code == 422
    [detail] = response.json()["detail"]
    assert detail["loc"] == ["body", "max_tokens"]
    assert detail["type"] == "int_parsing"
    assert detail["input"] == "many"


def test_malformed_json_is_a_422_of_its_own_type(fake: Server):
    response = requests.post(f"{fake.url}/generate", data='{"prompt": ', timeout=60)
    assert response.status_code == 422
    assert response.json()["detail"][0]["type"] == "json_invalid"


def test_empty_prompt_is_refused(fake: Server):
    response = requests.post(f"{fake.url}/generate", json={"prompt": ""}, timeout=60)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "prompt"]


def test_answer_that_cannot_fit_is_clamped(smollm: Server):
    response = requests.post(f"{smollm.url}/generate", timeout=60, json={
        "prompt": "Say hello.", "temperature": 0, "max_tokens": 1_000_000, "stop": ["!", ".", "?"]})
    assert response.status_code == 200, response.text


def test_chinese_text_arrives_whole(coder: Server):
    response = requests.post(f"{coder.url}/stream", timeout=60, json={
        "prompt": "用中文介绍一下北京。", "temperature": 0, "max_tokens": 40})
    events = sse_events(response.content.decode("utf-8"))
    pieces = [json.loads(data)["text"] for _, data in events[:-1]]
    text = "".join(pieces)
    assert "北京" in text
    assert "\ufffd" not in text
    assert "北京".encode() in response.content, "non-ASCII text is sent raw"
