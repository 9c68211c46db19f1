"""The OpenAI SDK against the default model."""

from __future__ import annotations

import asyncio

import openai
import pytest
from conftest import CODER
from harness import Server, wait_until

QUESTION = [{"role": "user", "content": "What is 2+2? Answer with the number only."}]
COUNT = [{"role": "user", "content": "Count from 1 to 50, separated by commas."}]
STORY = [{"role": "user", "content": "Tell me a long story about a mill."}]


@pytest.fixture
def sdk(coder: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{coder.url}/v1", api_key="none", max_retries=0)


@pytest.fixture
def refused(sdk: openai.OpenAI):
    """refused(field=value, ...) is the 400 that a chat request with those fields gets."""

    def ask(**fields) -> dict:
        request = {"model": CODER, "messages": QUESTION, "max_tokens": 4} | fields
        with pytest.raises(openai.BadRequestError) as caught:
            sdk.chat.completions.create(**request)
        return caught.value

    return ask


def test_answers_a_question(sdk: openai.OpenAI):
    answer = sdk.chat.completions.create(model=CODER, messages=QUESTION, temperature=0,
                                         max_tokens=32)
    assert answer.object == "chat.completion"
    assert answer.model == CODER
    assert answer.id and answer.created > 1_600_000_000
    [choice] = answer.choices
    assert choice.index == 0
    assert choice.message.role == "assistant"
    assert "4" in choice.message.content
    assert choice.finish_reason == "stop"
    assert "<|" not in choice.message.content
    usage = answer.usage
    assert usage.prompt_tokens > 10
    assert 1 <= usage.completion_tokens <= 32
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert 0 <= usage.prompt_tokens_details.cached_tokens < usage.prompt_tokens


def test_answer_is_cut_at_max_tokens(sdk: openai.OpenAI):
    for limit in ({"max_tokens": 5}, {"max_completion_tokens": 5}):
        answer = sdk.chat.completions.create(model=CODER, messages=STORY, temperature=0, **limit)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == 5


def test_stream_adds_up_to_the_whole_answer(sdk: openai.OpenAI):
    fields = {"model": CODER, "messages": COUNT, "temperature": 0, "max_tokens": 40}
    whole = sdk.chat.completions.create(**fields)
    chunks = list(sdk.chat.completions.create(**fields, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] == whole.choices[0].finish_reason == "length"
    assert set(reasons[:-1]) == {None}
    assert all(chunk.usage is None for chunk in chunks)
    assert sum(1 for chunk in chunks if chunk.choices[0].delta.content) >= 20


def test_usage_comes_last_when_asked_for(sdk: openai.OpenAI):
    chunks = list(sdk.chat.completions.create(
        model=CODER, messages=QUESTION, temperature=0, max_tokens=8, stream=True,
        stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens >= 1
    assert chunks[-2].choices[0].finish_reason is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_conversation_is_remembered(sdk: openai.OpenAI):
    messages = [{"role": "system", "content": "You are a terse assistant."},
                {"role": "user", "content": "My name is Ottilie. Greet me."},
                {"role": "assistant", "content": "Hello, Ottilie!"},
                {"role": "user", "content": "What is my name?"}]
    answer = sdk.chat.completions.create(model=CODER, messages=messages, temperature=0,
                                         max_tokens=24)
    assert "Ottilie" in answer.choices[0].message.content


def test_content_in_parts_is_the_same_as_one_text(sdk: openai.OpenAI):
    parts = [{"type": "text", "text": "What is 2+2? "},
             {"type": "text", "text": "Answer with the number only."}]
    fields = {"model": CODER, "temperature": 0, "max_tokens": 8}
    one = sdk.chat.completions.create(messages=QUESTION, **fields)
    two = sdk.chat.completions.create(messages=[{"role": "user", "content": parts}], **fields)
    assert two.usage.prompt_tokens == one.usage.prompt_tokens
    assert two.choices[0].message.content == one.choices[0].message.content


def test_seed_repeats_and_another_seed_differs(sdk: openai.OpenAI):
    def ask(seed: int) -> str:
        answer = sdk.chat.completions.create(model=CODER, messages=STORY, temperature=1.5,
                                             top_p=1, max_tokens=24, seed=seed)
        return answer.choices[0].message.content

    first = ask(1)
    assert ask(1) == first
    assert ask(2) != first


def test_stop_string_ends_the_answer_and_is_not_shown(sdk: openai.OpenAI):
    fields = {"model": CODER, "temperature": 0, "max_tokens": 60, "messages":
              [{"role": "user", "content": "Count from 1 to 20, separated by commas."}]}
    whole = sdk.chat.completions.create(**fields).choices[0].message.content
    assert "7" in whole
    for stream in (False, True):
        answer = sdk.chat.completions.create(**fields, stop=["7"], stream=stream)
        if stream:
            chunks = list(answer)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            reason = chunks[-1].choices[0].finish_reason
        else:
            text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        assert text == whole[:whole.index("7")]
        assert reason == "stop"


def test_completions_continue_a_text(sdk: openai.OpenAI):
    prompt = "def add(a, b):\n    return"
    answer = sdk.completions.create(model=CODER, prompt=prompt, temperature=0, max_tokens=6)
    assert answer.object == "text_completion"
    assert "a + b" in answer.choices[0].text
    chunks = list(sdk.completions.create(model=CODER, prompt=prompt, temperature=0, max_tokens=6,
                                         stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text
    assert chunks[-1].choices[0].finish_reason == answer.choices[0].finish_reason


def test_models_are_listed_and_found(sdk: openai.OpenAI):
    [model] = sdk.models.list().data
    assert model.id == CODER
    assert model.object == "model"
    assert sdk.models.retrieve(CODER).id == CODER
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"


def test_cancelled_stream_frees_its_work(coder: Server, sdk: openai.OpenAI):
    coder.wait_idle()
    stream = sdk.chat.completions.create(model=CODER, messages=STORY, stream=True,
                                         max_tokens=20_000, extra_body={"ignore_eos": True})
    seen = iter(stream)
    for _ in range(5):
        next(seen)
    wait_until(lambda: coder.metric("num_requests_running") == 1, "it runs")
    cancelled = coder.metric("requests_cancelled_total")
    stream.close()
    coder.wait_idle()
    wait_until(lambda: coder.metric("requests_cancelled_total") == cancelled + 1, "it is counted")


def test_async_streams_side_by_side(coder: Server):
    async def one(client: openai.AsyncOpenAI, word: str) -> str:
        stream = await client.chat.completions.create(
            model=CODER, temperature=0, max_tokens=12, stream=True,
            messages=[{"role": "user", "content": f"Repeat the word {word}."}])
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{coder.url}/v1", api_key="none",
                                      max_retries=0) as client:
            return await asyncio.gather(*(one(client, word) for word in ("apple", "river")))

    apple, river = asyncio.run(all_of_them())
    assert "apple" in apple.lower()
    assert "river" in river.lower()


def test_async_cancelled_midway_frees_its_work(coder: Server):
    async def cancel_after_three_chunks() -> None:
        async with openai.AsyncOpenAI(base_url=f"{coder.url}/v1", api_key="none",
                                      max_retries=0) as client:
            arrived = asyncio.Event()

            async def read() -> None:
                stream = await client.chat.completions.create(
                    model=CODER, messages=STORY, stream=True, max_tokens=20_000,
                    extra_body={"ignore_eos": True})
                count = 0
                async for _ in stream:
                    count += 1
                    if count == 3:
                        arrived.set()

            task = asyncio.create_task(read())
            await asyncio.wait_for(arrived.wait(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel_after_three_chunks())
    coder.wait_idle()


def test_abandoned_answer_that_does_not_stream_frees_its_work(coder: Server):
    async def give_up() -> None:
        async with openai.AsyncOpenAI(base_url=f"{coder.url}/v1", api_key="none",
                                      max_retries=0) as client:
            task = asyncio.create_task(client.chat.completions.create(
                model=CODER, messages=STORY, max_tokens=20_000,
                extra_body={"ignore_eos": True}))
            await asyncio.to_thread(wait_until,
                                    lambda: coder.metric("num_requests_running") == 1, "it runs")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    coder.wait_idle()
    asyncio.run(give_up())
    coder.wait_idle()


# --- errors, as the SDK sees them ---


def test_unknown_model_is_not_found(sdk: openai.OpenAI):
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.chat.completions.create(model="gpt-5", messages=QUESTION)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert "gpt-5" in str(caught.value)


@pytest.mark.parametrize(("fields", "param"), [
    ({"temperature": 3.5}, "temperature"), ({"top_p": 1.5}, "top_p"),
    ({"max_tokens": -1}, "max_tokens"), ({"max_tokens": 0}, "max_tokens"),
    ({"presence_penalty": 9}, "presence_penalty"), ({"messages": []}, "messages"),
    ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
    ({"stop": ["x"] * 17}, "stop"), ({"extra_body": {"top_k": "many"}}, "top_k"),
])
def test_bad_fields_are_named(refused, fields: dict, param: str):
    error = refused(**fields)
    assert error.param == param
    assert error.type == "invalid_request_error"
    assert error.response.headers["x-should-retry"] == "false"


def test_prompt_beyond_the_context_names_both_numbers(refused, sdk: openai.OpenAI):
    limit = sdk.models.retrieve(CODER).max_model_len
    error = refused(messages=[{"role": "user", "content": "word " * (limit + 10)}])
    assert error.code == "context_length_exceeded"
    assert str(limit) in str(error)


def test_answer_beyond_the_context_names_both_numbers(refused, sdk: openai.OpenAI):
    limit = sdk.models.retrieve(CODER).max_model_len
    error = refused(max_tokens=limit)
    assert error.code == "context_length_exceeded"
    assert str(limit) in str(error)


@pytest.mark.parametrize("fields", [
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
    {"logprobs": True}, {"logprobs": True, "top_logprobs": 3},
    {"extra_body": {"guided_regex": "a+"}}, {"extra_body": {"guided_choice": ["a", "b"]}},
    {"extra_body": {"structured_outputs": {"regex": "a+"}}},
])
def test_fields_that_come_later_say_so(refused, fields: dict):
    assert "not supported yet" in str(refused(**fields))


@pytest.mark.parametrize("fields", [
    {"response_format": {"type": "text"}}, {"logprobs": False}, {"n": 1}, {"user": "someone"},
    {"metadata": {"a": "b"}}, {"store": False}, {"extra_body": {"a_field_nobody_knows": 1}},
    {"temperature": None}, {"stop": None}, {"stop": "never said"},
])
def test_harmless_fields_are_accepted(sdk: openai.OpenAI, fields: dict):
    answer = sdk.chat.completions.create(model=CODER, messages=QUESTION, max_tokens=2, **fields)
    assert answer.usage.completion_tokens >= 1
