"""Hostile and mistaken requests: a clear 4xx, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest
from conftest import SMOLLM
from harness import Server

CHAT = "/v1/chat/completions"


def body(**fields) -> bytes:
    whole = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4} | fields
    return json.dumps(whole).encode()


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def content(json_text: bytes) -> bytes:
    """A chat request whose user message is that JSON value, byte for byte."""
    return b'{"max_tokens":4,"messages":[{"role":"user","content":' + json_text + b"}]}"


# name -> (body, param or None where the body as a whole is at fault)
BAD_CHATS: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"", None),
    "not_json": (b"hello", None),
    "cut": (b'{"messages": [{"role": "user", "content": "hi', None),
    "two_values": (body() + body(), None),
    "trailing_comma": (b'{"messages": [],}', None),
    "array": (b"[]", None),
    "text": (b'"hi"', None),
    "null": (b"null", None),
    "single_quotes": (b"{'messages': []}", None),
    "nan": (b'{"messages": [], "temperature": NaN}', None),
    "raw_nul": (content(b'"a\x00b"'), None),
    "raw_newline": (content(b'"a\nb"'), None),
    "bad_escape": (content(b'"\\q"'), None),
    "lone_high_surrogate": (content(b'"\\ud800"'), None),
    "lone_low_surrogate": (content(b'"\\udc00 x"'), None),
    "swapped_surrogates": (content(b'"\\udc00\\ud800"'), None),
    "surrogate_as_bytes": (content(b'"\xed\xa0\x80"'), None),
    "invalid_utf8": (content(b'"\xff\xfe"'), None),
    "cut_utf8": (content(b'"\xe4\xb8"'), None),
    "overlong_utf8": (content(b'"\xc0\xaf"'), None),
    "deep_arrays": (b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    "deep_objects": (b'{"metadata":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, None),
    "deep_unclosed": (b"[" * 1_000_000, None),
    "duplicate_key": (b'{"messages":[{"role":"user","content":"a"}],"stream":false,'
                      b'"stream":true}', "stream"),
    "duplicate_key_escaped": (b'{"messages":[{"role":"user","content":"a"}],"n":1,"\\u006e":1}',
                              "n"),
    "duplicate_in_message": (b'{"messages":[{"role":"user","content":"a","content":"b"}]}',
                             "messages[0].content"),
    "no_messages": (b'{"max_tokens": 4}', "messages"),
    "no_fields": (b"{}", "messages"),
    "messages_text": (body(messages="hi"), "messages"),
    "messages_empty": (body(messages=[]), "messages"),
    "messages_null": (body(messages=None), "messages"),
    "message_text": (body(messages=["hi"]), "messages[0]"),
    "role_missing": (body(messages=[{"content": "hi"}]), "messages[0].role"),
    "role_unknown": (body(messages=[{"role": "wizard", "content": "hi"}]), "messages[0].role"),
    "role_number": (body(messages=[{"role": 1, "content": "hi"}]), "messages[0].role"),
    "content_missing": (body(messages=[{"role": "user"}]), "messages[0].content"),
    "content_number": (body(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
    "part_of_unknown_type": (body(messages=[{"role": "user", "content": [{"type": "smell"}]}]),
                             "messages[0].content[0].type"),
    "image_part": (body(messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:,"}}]}]), "messages[0].content[0].type"),
    "model_number": (body(model=7), "model"),
    "temperature_text": (body(temperature="hot"), "temperature"),
    "temperature_negative": (body(temperature=-0.1), "temperature"),
    "temperature_high": (body(temperature=2.1), "temperature"),
    "temperature_endless": (content(b'"hi"').replace(b'"max_tokens":4', b'"temperature":1e999'),
                            None),
    "top_p_zero": (body(top_p=0), "top_p"),
    "top_p_high": (body(top_p=1.01), "top_p"),
    "top_k_low": (body(top_k=-2), "top_k"),
    "top_k_fraction": (body(top_k=1.5), "top_k"),
    "min_p_high": (body(min_p=1.5), "min_p"),
    "repetition_penalty_zero": (body(repetition_penalty=0), "repetition_penalty"),
    "presence_penalty_high": (body(presence_penalty=2.5), "presence_penalty"),
    "frequency_penalty_low": (body(frequency_penalty=-2.5), "frequency_penalty"),
    "max_tokens_zero": (body(max_tokens=0), "max_tokens"),
    "max_tokens_negative": (body(max_tokens=-5), "max_tokens"),
    "max_tokens_fraction": (body(max_tokens=1.5), "max_tokens"),
    "max_tokens_text": (body(max_tokens="5"), "max_tokens"),
    "max_tokens_bool": (body(max_tokens=True), "max_tokens"),
    "max_tokens_huge": (body(max_tokens=10**9), "max_tokens"),
    "max_tokens_beyond_64_bits": (body(max_tokens=10**30), None),
    "n_zero": (body(n=0), "n"),
    "n_high": (body(n=17), "n"),
    "seed_text": (body(seed="x"), "seed"),
    "stream_text": (body(stream="yes"), "stream"),
    "stream_options_text": (body(stream=True, stream_options="usage"), "stream_options"),
    "stop_number": (body(stop=5), "stop"),
    "stop_of_numbers": (body(stop=[5]), "stop[0]"),
    "stop_many": (body(stop=[f"word{i}" for i in range(1000)]), "stop"),
    "stop_seventeen": (body(stop=[f"word{i}" for i in range(17)]), "stop"),
    "stop_token_ids_text": (body(stop_token_ids=["a"]), "stop_token_ids[0]"),
    "tools": (body(tools=[{"type": "function", "function": {"name": "f"}}]), "tools"),
    "json_mode": (body(response_format={"type": "json_object"}), "response_format"),
    "logprobs": (body(logprobs=True), "logprobs"),
    "guided": (body(guided_regex="a+"), "guided_regex"),
}


@pytest.mark.parametrize("name", BAD_CHATS)
def test_bad_chat_is_a_400_that_names_the_field(fake: Server, name: str):
    data, param = BAD_CHATS[name]
    response = fake.post(CHAT, data)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert len(response.content) < 20_000, "an error must not repeat the whole body"
    assert response.headers["x-should-retry"] == "false"
    if param is not None:
        assert (error["param"] or "").split(".type")[0] == param.split(".type")[0], error
        assert param.split("[")[0].split(".")[0] in error["message"], error


def test_all_problems_are_named_at_once(fake: Server):
    error = fake.post(CHAT, body(temperature="hot", top_p=7, stop=5)).json()["error"]
    for field in ("temperature", "top_p", "stop"):
        assert field in error["message"]
    assert error["param"] == "temperature"


def test_escaped_nul_is_refused_by_its_path(fake: Server):
    response = fake.post(CHAT, content(b'"a\\u0000b"'))
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"] == "messages[0].content"
    classic = fake.post("/generate", b'{"prompt": "a\\u0000b"}')
    assert classic.status_code == 422, classic.text
    assert classic.json()["detail"][0]["loc"] == ["body", "prompt"]


def test_deepest_allowed_nesting_is_accepted(fake: Server):
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    assert fake.post(CHAT, body(an_unknown_field=deep)).status_code == 200


def test_unknown_model_is_404(smollm: Server):
    for path, fields in ((CHAT, {"messages": [{"role": "user", "content": "hi"}]}),
                         ("/v1/completions", {"prompt": "hi"})):
        response = smollm.post(path, fields | {"model": "gpt-5"})
        assert response.status_code == 404
        error = response.json()["error"]
        assert error["code"] == "model_not_found"
        assert error["param"] == "model"
        assert SMOLLM in error["message"], "it says which model there is"


def test_model_may_be_left_out_or_named(smollm: Server):
    for fields in ({}, {"model": SMOLLM}, {"model": ""}):
        assert smollm.post(CHAT, body(**fields)).status_code == 200


@pytest.mark.parametrize("fields", [{}, {"prompt": None}, {"prompt": 5}, {"prompt": {}},
                                    {"prompt": [True]}, {"prompt": "hi", "suffix": 5},
                                    {"prompt": "hi", "max_tokens": -1},
                                    {"prompt": [10**9]}, {"prompt": [-1]}])
def test_bad_completion_is_a_400(smollm: Server, fields: dict):
    response = smollm.post("/v1/completions", fields)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].split("[")[0] in fields or not fields


@pytest.mark.parametrize(("data", "loc"), [
    (b"", None), (b"{", None), (b"[]", ["body"]), (b"{}", ["body", "prompt"]),
    (b'{"prompt": 5}', ["body", "prompt"]), (b'{"prompt": ""}', ["body", "prompt"]),
    (b'{"prompt": null}', ["body", "prompt"]), (b'{"prompt": "\\ud800"}', None),
    (b'{"prompt": "a", "max_tokens": "x"}', ["body", "max_tokens"]),
    (b'{"prompt": "a", "temperature": 9}', ["body", "temperature"]),
    (b'{"prompt": "a", "stop": [1]}', ["body", "stop", 0]),
    (b'{"prompt": "a", "stream": "perhaps"}', ["body", "stream"]),
    (b'{"prompt": "a", "prompt": "b"}', None),
    (b'{"prompt": ' + b"[" * 50_000, None),
])
@pytest.mark.parametrize("path", ["/generate", "/stream"])
def test_bad_classic_request_is_a_422(fake: Server, path: str, data: bytes,
                                      loc: list | None):
    response = fake.post(path, data)
    assert response.status_code == 422, response.text
    [detail, *_] = response.json()["detail"]
    assert detail["msg"] and detail["type"]
    assert detail["loc"][0] == "body"
    if loc is not None:
        assert detail["loc"] == loc


def test_prompt_of_5_megabytes_is_beyond_the_context(smollm: Server):
    for text in ("word " * 1_000_000, "a" * 5_000_000, "\u4e2d" * 1_700_000, "\n" * 5_000_000,
                 " " * 5_000_000):
        response = smollm.post(CHAT, body(messages=[{"role": "user", "content": text}]))
        assert response.status_code == 400, response.text[:500]
        assert response.json()["error"]["code"] == "context_length_exceeded"
    response = smollm.post("/generate", {"prompt": "word " * 1_000_000})
    assert response.status_code in (400, 422), response.text[:500]
    assert "context" in response.text


def test_other_requests_are_answered_while_5_megabytes_are_read(smollm: Server):
    async def both() -> float:
        async with httpx.AsyncClient(base_url=smollm.url, timeout=120) as client:
            big = asyncio.create_task(client.post(CHAT, content=body(
                messages=[{"role": "user", "content": "some words " * 450_000}])))
            slowest = 0.0
            loop = asyncio.get_running_loop()
            while not big.done():
                start = loop.time()
                assert (await client.get("/health")).status_code == 200
                slowest = max(slowest, loop.time() - start)
            assert (await big).status_code == 400
            return slowest

    assert asyncio.run(both()) < 1.0


def test_body_beyond_the_limit_is_413(fake: Server):
    response = fake.post(CHAT, b'{"a": "' + b"x" * (17 << 20) + b'"}')
    assert response.status_code == 413
    assert "16" in response.json()["error"]["message"]


def test_completion_prompt_that_cannot_fit_names_both_numbers(smollm: Server):
    limit = smollm.get("/v1/models").json()["data"][0]["max_model_len"]
    response = smollm.post("/v1/completions", {"prompt": "word " * (limit + 1), "max_tokens": 1})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "context_length_exceeded"
    assert str(limit) in error["message"]


@pytest.mark.parametrize("request_bytes", [
    b"\r\n\r\n", b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
    b"Content-Length: 6\r\n\r\nhello",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"zz\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    bytes(range(256)) * 300,
])
def test_malformed_http_is_refused_and_closed(fake: Server, request_bytes: bytes):
    with socket.create_connection(("127.0.0.1", fake.port), timeout=30) as connection:
        connection.settimeout(30)
        try:
            connection.sendall(request_bytes)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            answer = b""  # It stopped reading: closed is answer enough.
    assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505 ")), answer[:200]
    assert fake.get("/health").status_code == 200


def test_running_stream_does_not_notice_bad_requests(smollm: Server):
    """A long greedy stream, alone and then beside every bad request there is."""
    fields = {"messages": [{"role": "user", "content": "Tell a long story about a mill."}],
              "max_tokens": 150, "temperature": 0, "ignore_eos": True}
    quiet = smollm.post(CHAT, fields).json()["choices"][0]["message"]["content"]

    async def crowd() -> tuple[str, int]:
        pieces: list[str] = []
        started = asyncio.Event()
        during = 0
        async with httpx.AsyncClient(base_url=smollm.url, timeout=120) as client:

            async def read() -> None:
                async with client.stream("POST", CHAT, json=fields | {"stream": True}) as response:
                    async for line in response.aiter_lines():
                        if line.startswith("data: {"):
                            for choice in json.loads(line[6:])["choices"]:
                                pieces.append(choice["delta"].get("content") or "")
                            started.set()
                        elif line == "data: [DONE]":
                            pieces.append("\n[DONE]")

            reader = asyncio.create_task(read())
            await asyncio.wait_for(started.wait(), 60)
            for data, _ in BAD_CHATS.values():
                during += not reader.done()
                response = await client.post(CHAT, content=data)
                assert response.status_code == 400, response.text
            await reader
        return "".join(pieces), during

    text, during = asyncio.run(crowd())
    assert text == quiet + "\n[DONE]"
    assert during >= 10, "the stream was too short to meet the bad requests"
    smollm.wait_idle()
