"""Where answers end: stop strings, ids and limits, the same streamed or not."""

from __future__ import annotations

import json

import pytest
from harness import Server, sse_events

CHAT = "/v1/chat/completions"
LIST = {"messages": [{"role": "user", "content": "Write a paragraph about rivers and mills."}],
        "temperature": 0, "max_tokens": 60}


def answer(one: Server, **fields) -> tuple[str, str, int]:
    """Text, finish reason and tokens; streamed and whole must agree."""
    response = one.post(CHAT, LIST | fields)
    assert response.status_code == 200, response.text
    whole = response.json()
    text = whole["choices"][0]["message"]["content"]
    reason = whole["choices"][0]["finish_reason"]
    events = sse_events(one.post(CHAT, LIST | fields | {"stream": True}).text)
    assert events[-1][1] == "[DONE]"
    chunks = [json.loads(data)["choices"][0] for _, data in events[:-1]]
    assert "".join(chunk["delta"].get("content") or "" for chunk in chunks) == text
    assert chunks[-1]["finish_reason"] == reason
    return text, reason, whole["usage"]["completion_tokens"]


@pytest.fixture(scope="module")
def quiet(smollm: Server) -> str:
    text, _, _ = answer(smollm)
    assert len(text) > 120
    return text


@pytest.mark.parametrize(("start", "length"), [(0, 1), (5, 1), (11, 4), (23, 9), (40, 30), (70, 3)])
def test_stop_string_anywhere_never_leaks(smollm: Server, quiet: str, start: int, length: int):
    stop = quiet[start:start + length]
    text, reason, tokens = answer(smollm, stop=stop)
    assert text == quiet[:quiet.index(stop)]
    assert reason == "stop"
    assert tokens >= 1
    text, _, _ = answer(smollm, stop=stop, include_stop_str_in_output=True)
    assert text == quiet[:quiet.index(stop) + len(stop)]


def test_earliest_of_sixteen_stop_strings_counts(smollm: Server, quiet: str):
    stops = [quiet[start:start + 6] for start in range(90, 10, -5)]
    assert len(stops) == 16
    text, reason, _ = answer(smollm, stop=stops)
    assert text == quiet[:min(quiet.index(stop) for stop in stops)]
    assert reason == "stop"


def test_beginning_of_a_stop_string_is_shown_in_the_end(smollm: Server, quiet: str):
    # The text ends while the last characters might still become a stop string.
    text, reason, _ = answer(smollm, stop=[quiet[-5:] + "\u2603"])
    assert text == quiet
    assert reason == "length"


def test_stop_token_ids_end_the_answer(smollm: Server, quiet: str):
    ids = smollm.post("/tokenize", {"prompt": quiet, "add_special_tokens": False}).json()["tokens"]
    text, reason, tokens = answer(smollm, stop_token_ids=[ids[10]])
    assert quiet.startswith(text)
    assert len(text) < len(quiet)
    assert reason == "stop"
    assert tokens <= 11


def test_limit_is_exact(smollm: Server):
    for limit in (1, 2, 31, 32, 33):
        _, reason, tokens = answer(smollm, max_tokens=limit, ignore_eos=True)
        assert (reason, tokens) == ("length", limit)


def test_answer_that_just_fits_the_context_is_given(server, smollm_file):
    one = server("--model", str(smollm_file), "--ctx", "128")
    prompt = one.post(CHAT, LIST | {"max_tokens": 1}).json()["usage"]["prompt_tokens"]
    room = 128 - prompt
    _, reason, tokens = answer(one, max_tokens=room, ignore_eos=True)
    assert (reason, tokens) == ("length", room)
    refused = one.post(CHAT, LIST | {"max_tokens": room + 1})
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["code"] == "context_length_exceeded"
    assert "128" in error["message"]
    # Without a limit the answer gets the room that is left.
    unlimited = {k: v for k, v in LIST.items() if k != "max_tokens"} | {"ignore_eos": True}
    whole = one.post(CHAT, unlimited).json()
    assert whole["usage"]["completion_tokens"] == room
    # The classic family cuts instead of refusing.
    classic = one.post("/generate", {"prompt": "hi", "max_tokens": 100_000, "ignore_eos": True})
    assert classic.status_code == 200
    assert classic.json()["finish_reason"] == "length"


def test_several_choices_are_those_of_one_seed(smollm: Server):
    fields = {"n": 3, "seed": 5, "temperature": 1.0, "max_tokens": 16}
    whole = smollm.post(CHAT, LIST | fields).json()
    texts = [choice["message"]["content"] for choice in whole["choices"]]
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3
    alone = smollm.post(CHAT, LIST | fields | {"n": 1}).json()
    assert alone["choices"][0]["message"]["content"] == texts[0]
    streamed = ["", "", ""]
    events = sse_events(smollm.post(CHAT, LIST | fields | {"stream": True}).text)
    assert events[-1][1] == "[DONE]"
    for _, data in events[:-1]:
        for choice in json.loads(data)["choices"]:
            streamed[choice["index"]] += choice["delta"].get("content") or ""
    assert streamed == texts


def test_template_holds_what_tokenize_counts(smollm: Server):
    """The prompt that is counted is the template's text, tokenized."""
    messages = LIST["messages"]
    usage = smollm.post(CHAT, LIST | {"max_tokens": 1}).json()["usage"]
    text = smollm.post("/apply-template", {"messages": messages}).json()["prompt"]
    assert messages[0]["content"] in text
    raw = smollm.post("/v1/completions", {"prompt": text, "max_tokens": 1}).json()["usage"]
    assert raw["prompt_tokens"] == usage["prompt_tokens"]
