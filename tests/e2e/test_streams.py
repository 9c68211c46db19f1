"""Same request, same answer: alone, in a crowd, on one thread or two, streamed or not."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

import httpx
import pytest
from conftest import CODER, SMOLLM
from harness import Server

LONG = "The river was high that spring, and the miller opened the sluice by a hand's breadth. "
CHINESE = "请用一句话解释什么是水闸，并说明它为什么有用。"
CODE = "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n"


def chat(content: str, max_tokens: int, **fields) -> tuple[str, dict]:
    return "/v1/chat/completions", {"messages": [{"role": "user", "content": content}],
                                    "max_tokens": max_tokens, "stream": True,
                                    "stream_options": {"include_usage": True}} | fields


def completion(prompt: str, max_tokens: int, **fields) -> tuple[str, dict]:
    return "/v1/completions", {"prompt": prompt, "max_tokens": max_tokens, "stream": True,
                               "stream_options": {"include_usage": True}} | fields


def stream(prompt: str, max_tokens: int, **fields) -> tuple[str, dict]:
    return "/stream", {"prompt": prompt, "max_tokens": max_tokens} | fields


# Twenty: both families, short and long prompts (some over several prefill chunks, some sharing a
# prefix), greedy and seeded, answers of many lengths.
REQUESTS = [
    chat("What is a sluice?", 24, temperature=0),
    chat("What is a sluice?", 24, temperature=1.0, seed=1),
    chat("What is a sluice?", 24, temperature=1.0, seed=2),
    chat("Count from 1 to 30.", 40, temperature=0),
    chat(CHINESE, 32, temperature=0),
    chat(CHINESE, 32, temperature=0.8, top_p=0.9, seed=3),
    chat(LONG * 12 + "Summarise this.", 24, temperature=0),
    chat(LONG * 12 + "Translate this.", 24, temperature=0.7, top_k=20, seed=4),
    chat(LONG * 40 + "Who opened the sluice?", 16, temperature=0),
    completion(CODE, 40, temperature=0),
    completion(CODE, 40, temperature=0.9, min_p=0.05, seed=5),
    completion("Once upon a time", 48, temperature=0, ignore_eos=True),
    completion("Once upon a time", 48, temperature=1.3, seed=6, ignore_eos=True),
    completion("1, 2, 3,", 20, temperature=0, repetition_penalty=1.2),
    completion("1, 2, 3,", 20, temperature=0.5, presence_penalty=1, frequency_penalty=0.5, seed=7),
    stream("Name three rivers.", 20, temperature=0),
    stream("Name three rivers.", 20, temperature=1.0, seed=8),
    stream(LONG * 5, 12, temperature=0, raw=True),
    chat("Write one word.", 1, temperature=0),
    chat("List ten animals, one a line.", 40, temperature=0, stop=["5."]),
]
assert len(REQUESTS) == 20


@dataclass
class Answer:
    text: str
    finish_reason: str
    completion_tokens: int
    prompt_tokens: int
    first_s: float
    last_s: float

    def content(self) -> tuple[str, str, int, int]:
        return self.text, self.finish_reason, self.completion_tokens, self.prompt_tokens


async def ask(client: httpx.AsyncClient, path: str, body: dict) -> Answer:
    text, reason, usage, first = "", None, None, None
    complete = False
    async with client.stream("POST", path, json=body) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                complete |= line == "event: done"
                continue
            data = line.removeprefix("data: ")
            if data == "[DONE]":
                complete = True
                continue
            event = json.loads(data)
            assert "error" not in event, event
            first = first or time.monotonic()
            usage = event.get("usage") or usage
            if path == "/stream":
                text += event.get("text", "")
                reason = event.get("finish_reason", reason)
            else:
                for choice in event["choices"]:
                    text += choice.get("text") or choice.get("delta", {}).get("content") or ""
                    reason = choice["finish_reason"] or reason
    assert complete, "the stream ended without its mark"
    return Answer(text, reason, usage["completion_tokens"], usage["prompt_tokens"], first,
                  time.monotonic())


def ask_one_by_one(one: Server) -> list[Answer]:
    async def ask_all() -> list[Answer]:
        async with httpx.AsyncClient(base_url=one.url, timeout=120) as client:
            return [await ask(client, path, body) for path, body in REQUESTS]

    return asyncio.run(ask_all())


def ask_all_at_once(one: Server) -> list[Answer]:
    async def ask_all() -> list[Answer]:
        async with httpx.AsyncClient(base_url=one.url, timeout=120) as client:
            return await asyncio.gather(*(ask(client, path, body) for path, body in REQUESTS))

    return asyncio.run(ask_all())


def assert_same(some: list[Answer], others: list[Answer]) -> None:
    for i, (one, other) in enumerate(zip(some, others, strict=True)):
        assert one.content() == other.content(), f"request {i}: {REQUESTS[i]}"


def most_at_once(answers: list[Answer]) -> int:
    return max(sum(a.first_s <= at <= a.last_s for a in answers)
               for at in (answer.first_s for answer in answers))


@pytest.fixture(scope="module")
def coder_alone(coder: Server) -> list[Answer]:
    return ask_one_by_one(coder)


@pytest.fixture(scope="module")
def smollm_alone(smollm: Server) -> list[Answer]:
    return ask_one_by_one(smollm)


def test_the_requests_try_what_they_should(coder_alone: list[Answer]):
    assert {answer.finish_reason for answer in coder_alone} == {"stop", "length"}
    assert coder_alone[0].text != coder_alone[1].text != coder_alone[2].text
    assert max(answer.prompt_tokens for answer in coder_alone) > 600
    assert sum(answer.completion_tokens for answer in coder_alone) > 300


def test_twenty_streams_equal_the_same_alone_default_model(coder: Server,
                                                           coder_alone: list[Answer]):
    crowd = ask_all_at_once(coder)
    assert_same(crowd, coder_alone)
    assert most_at_once(crowd) >= 10


def test_twenty_streams_equal_the_same_alone_smollm2(smollm: Server, smollm_alone: list[Answer]):
    crowd = ask_all_at_once(smollm)
    assert_same(crowd, smollm_alone)
    assert most_at_once(crowd) >= 10


@pytest.mark.parametrize("threads", ["1", "2"])
def test_number_of_threads_changes_nothing_smollm2(server, smollm_alone: list[Answer],
                                                   threads: str):
    assert_same(ask_all_at_once(server("--model", SMOLLM, "--threads", threads)), smollm_alone)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_number_of_threads_changes_nothing_default_model(server, coder_alone: list[Answer],
                                                         threads: str):
    assert_same(ask_all_at_once(server("--model", CODER, "--threads", threads)), coder_alone)


def test_cache_of_prefixes_changes_nothing(server, smollm_alone: list[Answer]):
    one = server("--model", SMOLLM, "--no-prefix-cache")
    assert_same(ask_all_at_once(one), smollm_alone)
    assert_same(ask_all_at_once(one), smollm_alone)


def test_waiting_for_a_place_changes_nothing(server, smollm_alone: list[Answer]):
    one = server("--model", SMOLLM, "--max-running", "3", "--max-waiting", "40")
    assert_same(ask_all_at_once(one), smollm_alone)


def test_preempted_streams_only_pause(server, smollm: Server):
    """Six answers grow past a memory of about 256 tokens: some give up their blocks and are
    computed again later."""
    small = server("--model", SMOLLM, "--ctx", "256", "--memory-limit", "116MiB",
                   "--max-running", "24")
    requests = [completion(f"Chapter {i}. Once upon a time", 70, ignore_eos=True,
                           temperature=i % 2, seed=i) for i in range(6)]

    async def at_once() -> list[Answer]:
        async with httpx.AsyncClient(base_url=small.url, timeout=120) as client:
            return await asyncio.gather(*(ask(client, *request) for request in requests))

    async def alone() -> list[Answer]:
        async with httpx.AsyncClient(base_url=smollm.url, timeout=120) as client:
            return [await ask(client, *request) for request in requests]

    crowd = asyncio.run(at_once())
    assert small.metric("num_preemptions_total") > 0
    assert [a.content() for a in crowd] == [a.content() for a in asyncio.run(alone())]
    small.wait_idle()


def test_whole_answer_equals_the_stream(smollm: Server, smollm_alone: list[Answer]):
    for (path, body), streamed in zip(REQUESTS, smollm_alone, strict=True):
        whole = {k: v for k, v in body.items() if not k.startswith("stream")}
        response = smollm.post("/generate" if path == "/stream" else path, whole).json()
        if path == "/stream":
            text = response["text"]
        else:
            [choice] = response["choices"]
            text = choice["text"] if "text" in choice else choice["message"]["content"]
        assert text == streamed.text
        assert response["usage"]["completion_tokens"] == streamed.completion_tokens


def test_repeated_prompt_is_taken_from_the_cache(smollm: Server):
    body = {"messages": [{"role": "user", "content": "A prompt of this test. " + LONG * 8}],
            "max_tokens": 4, "temperature": 0}
    first = smollm.post("/v1/chat/completions", body).json()
    second = smollm.post("/v1/chat/completions", body).json()
    cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert first["usage"]["prompt_tokens_details"]["cached_tokens"] < cached
    assert 64 <= cached < second["usage"]["prompt_tokens"]
    assert second["choices"] == first["choices"]


def test_special_tokens_in_user_text_stay_text(coder: Server):
    """The text of a special token is spelled out in several tokens, so that a user cannot end the
    own turn and speak as another."""
    def prompt_tokens(content: str) -> int:
        answer = coder.post("/v1/chat/completions", {
            "messages": [{"role": "user", "content": content}], "max_tokens": 1})
        return answer.json()["usage"]["prompt_tokens"]

    plain = prompt_tokens("")
    for text in ("<|im_end|>", "<|endoftext|>", "<|im_start|>"):
        assert prompt_tokens(text) - plain >= 3, text
    # A completion's prompt is the client's own: there it is the one token.
    raw = [coder.post("/v1/completions", {"prompt": "a" + text, "max_tokens": 1})
           .json()["usage"]["prompt_tokens"] for text in ("", "<|im_end|>")]
    assert raw[1] - raw[0] == 1


def test_clients_that_vanish_leave_nothing_behind(smollm: Server):
    """A hundred streams, closed before, at or after their first event; an answer in their midst is
    the quiet one."""
    quiet = smollm.chat("What is a sluice?", max_tokens=24)
    request = {"messages": [{"role": "user", "content": LONG}], "max_tokens": 2000, "stream": True,
               "ignore_eos": True}

    async def vanish(client: httpx.AsyncClient, events: int) -> None:
        async with client.stream("POST", "/v1/chat/completions", json=request) as response:
            if response.status_code == 503:
                return
            assert response.status_code == 200
            async for _ in response.aiter_lines():
                events -= 1
                if events <= 0:
                    return

    async def vanish_at_once(client: httpx.AsyncClient) -> None:
        task = asyncio.create_task(client.post("/v1/chat/completions", json=request))
        await asyncio.wait([task], timeout=0.01)
        task.cancel()
        await asyncio.wait([task])

    async def storm() -> str:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=smollm.url, timeout=120, limits=limits) as client:
            answer = asyncio.create_task(client.post("/v1/chat/completions", json={
                "messages": [{"role": "user", "content": "What is a sluice?"}], "max_tokens": 24,
                "temperature": 0}))
            await asyncio.gather(*(vanish(client, i % 4) for i in range(60)),
                                 *(vanish_at_once(client) for _ in range(40)))
            return (await answer).json()["choices"][0]["message"]["content"]

    assert asyncio.run(storm()) == quiet
    smollm.wait_idle()
    assert smollm.chat("What is a sluice?", max_tokens=24) == quiet
