"""Programs at the front door of the started product, with the clients that people really use: OpenAI's own, and
Hugging Face's, which shares no code with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import openai
import pytest
from huggingface_hub import InferenceClient

from inference.serving.scripted import scripted_pieces, scripted_text
from tests.product import ROOT, Product

pytestmark = pytest.mark.timeout(180)

TOKENS = 40
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
HELLO_REPLY = scripted_text("Hello", TOKENS)


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product(f"tokens_per_second=20&tokens={TOKENS}") as started:
        yield started


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    return new_key(product)


def new_key(product: Product) -> str:
    command = [sys.executable, "manage.py", "apikey", "create", "--name", "Tests"]
    done = subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


@pytest.fixture
def client(product: Product, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{product.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def newest(product: Product) -> tuple[str, str, int]:
    """State, end and tokens of the newest reply."""
    [row] = product.rows(
        "SELECT state, finish_reason, completion_tokens FROM assistant_generation ORDER BY id DESC LIMIT 1"
    )
    return row  # type: ignore[return-value]  # what the columns hold only the database knows


def until(holds: Callable[[], bool], within_s: float = 30) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["parley", "base"]
    assert client.models.retrieve("base").id == "base"


def test_a_whole_reply(client: openai.OpenAI, product: Product) -> None:
    completion = client.chat.completions.create(model="parley", messages=HELLO)

    [choice] = completion.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", HELLO_REPLY, "stop")
    assert completion.usage
    assert completion.usage.completion_tokens == TOKENS
    assert completion.usage.total_tokens == TOKENS + completion.usage.prompt_tokens > TOKENS
    assert newest(product) == ("completed", "stop", TOKENS)
    [stored] = product.rows("SELECT text FROM assistant_message ORDER BY id DESC LIMIT 1")
    assert stored == (HELLO_REPLY,)


def test_a_reply_comes_word_by_word(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="base", messages=HELLO, max_tokens=10, stream=True, stream_options={"include_usage": True}
        )
    )

    *said, last, usage = chunks
    deltas = [chunk.choices[0].delta.content or "" for chunk in said]
    assert "".join(deltas) == scripted_text("Hello", 10)
    assert len([delta for delta in deltas if delta]) > 4
    assert said[0].choices[0].delta.role == "assistant"
    assert last.choices[0].finish_reason == "length"
    assert usage.usage
    assert (usage.choices, usage.usage.completion_tokens) == ([], 10)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_talk_is_one_conversation(client: openai.OpenAI, product: Product) -> None:
    messages: list[Any] = [{"role": "system", "content": "Talk."}]
    [before] = product.rows("SELECT count(*) FROM assistant_conversation")
    for question in ("One", "Two", "Three"):
        messages.append({"role": "user", "content": question})
        completion = client.chat.completions.create(model="parley", messages=messages, max_tokens=3)
        messages.append(completion.choices[0].message)
        assert completion.choices[0].message.content == scripted_text(question, 3)

    [after] = product.rows("SELECT count(*) FROM assistant_conversation")
    assert after[0] == before[0] + 1


def test_what_is_not_to_be_stored_is_a_temporary_chat(client: openai.OpenAI, product: Product) -> None:
    client.chat.completions.create(model="base", messages=HELLO, max_tokens=2, store=False)

    [row] = product.rows("SELECT is_temporary, title FROM assistant_conversation ORDER BY id DESC LIMIT 1")
    assert (bool(row[0]), row[1]) == (True, "")


def test_the_older_interface(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="base", prompt="Hello", max_tokens=5)
    streamed = client.completions.create(model="base", prompt="Hello", max_tokens=5, stream=True)

    assert whole.choices[0].text == "".join(chunk.choices[0].text for chunk in streamed) == scripted_text("Hello", 5)


def test_log_probabilities_come_with_each_token(client: openai.OpenAI) -> None:
    """Of the scripted engine, which is certain of what it says."""
    asked: dict[str, Any] = {"model": "base", "messages": HELLO, "max_tokens": 6, "logprobs": True, "top_logprobs": 1}
    whole = client.chat.completions.create(**asked).choices[0]
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**asked, stream=True)]

    assert whole.logprobs
    assert whole.logprobs.content
    told = whole.logprobs.content
    assert [each.token for each in told] == scripted_pieces("Hello", 6)
    assert [each.logprob for each in told] == [0.0] * 6
    assert [[(top.token, top.bytes) for top in each.top_logprobs] for each in told] == [
        [(each.token, list(each.token.encode()))] for each in told
    ]
    streamed = [each for chunk in chunks if chunk.logprobs for each in chunk.logprobs.content or ()]
    assert streamed == told
    assert (
        client.chat.completions.create(**asked | {"logprobs": False, "top_logprobs": None}).choices[0].logprobs is None
    )


def test_log_probabilities_of_the_older_interface(client: openai.OpenAI) -> None:
    logprobs = client.completions.create(model="base", prompt="Hello", max_tokens=3, logprobs=1).choices[0].logprobs

    assert logprobs
    assert logprobs.tokens == scripted_pieces("Hello", 3)
    assert logprobs.token_logprobs == [0.0] * 3
    assert logprobs.top_logprobs == [{token: 0.0} for token in logprobs.tokens]
    assert logprobs.text_offset == [0, len(logprobs.tokens[0]), len(logprobs.tokens[0] + logprobs.tokens[1])]


def test_several_choices(client: openai.OpenAI, product: Product) -> None:
    whole = client.chat.completions.create(model="base", messages=HELLO, max_tokens=5, n=3)

    text = scripted_text("Hello", 5)
    assert [(choice.index, choice.message.content) for choice in whole.choices] == [(0, text), (1, text), (2, text)]
    assert whole.usage
    assert whole.usage.completion_tokens == 15
    states = product.rows("SELECT state FROM assistant_generation ORDER BY id DESC LIMIT 3")
    assert states == [("completed",)] * 3


def test_several_choices_come_side_by_side(client: openai.OpenAI) -> None:
    chunks = [
        chunk.choices[0]
        for chunk in client.chat.completions.create(model="base", messages=HELLO, max_tokens=10, n=2, stream=True)
    ]

    for index in (0, 1):
        own = [choice for choice in chunks if choice.index == index]
        assert own[0].delta.role == "assistant"
        assert "".join(choice.delta.content or "" for choice in own) == scripted_text("Hello", 10)
        assert own[-1].finish_reason == "length"
    order = [choice.index for choice in chunks]
    assert sum(a != b for a, b in pairwise(order)) > 4
    texts = client.completions.create(model="base", prompt="Hello", max_tokens=3, n=2)
    assert [(choice.index, choice.text) for choice in texts.choices] == [(i, scripted_text("Hello", 3)) for i in (0, 1)]


def test_who_closes_a_stream_stops_all_of_its_choices(client: openai.OpenAI, product: Product) -> None:
    stream = client.chat.completions.create(model="base", messages=HELLO, n=3, stream=True)
    for _ in range(8):
        next(iter(stream))
    stream.close()

    newest_states = "SELECT state FROM assistant_generation ORDER BY id DESC LIMIT 3"
    until(lambda: product.rows(newest_states) == [("cancelled",)] * 3)


def test_a_format_that_the_engine_cannot_keep_to_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="base", messages=HELLO, response_format={"type": "json_object"})

    assert refused.value.code == "engine.unable"
    assert "script" in refused.value.message


def test_a_stop_string_ends_a_reply(client: openai.OpenAI) -> None:
    word = HELLO_REPLY.split()[4]

    choice = client.chat.completions.create(model="base", messages=HELLO, stop=word).choices[0]

    assert (choice.message.content, choice.finish_reason) == (HELLO_REPLY[: HELLO_REPLY.index(word)], "stop")


def test_who_closes_a_stream_stops_the_reply(client: openai.OpenAI, product: Product) -> None:
    stream = client.chat.completions.create(model="base", messages=HELLO, stream=True)
    for _ in range(4):
        next(iter(stream))
    stream.close()

    until(lambda: newest(product)[0] == "cancelled")
    assert 0 < newest(product)[2] < TOKENS


def test_who_does_not_wait_for_a_whole_reply_stops_it(client: openai.OpenAI, product: Product) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=1.0).chat.completions.create(model="base", messages=HELLO)

    until(lambda: newest(product)[0] == "cancelled")


def test_a_stream_goes_on_when_its_worker_is_killed(client: openai.OpenAI, product: Product) -> None:
    text = ""
    for number, chunk in enumerate(client.chat.completions.create(model="base", messages=HELLO, stream=True)):
        text += chunk.choices[0].delta.content or ""
        if number == 5:
            product.send_signal("worker-interactive", signal.SIGKILL)

    assert text == HELLO_REPLY
    assert newest(product) == ("completed", "stop", TOKENS)


def test_errors_are_those_that_the_client_knows(client: openai.OpenAI, product: Product) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="base", messages=HELLO, extra_body={"colour": "red"})
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{product.url}/v1", api_key="parley_no", max_retries=0).models.list()
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="base", input="Hello")

    assert missing.value.code == "model.not_found"
    assert bad.value.code == "request.invalid"
    assert "colour" in bad.value.message


def test_the_client_of_hugging_face(product: Product, key: str) -> None:
    client = InferenceClient(base_url=f"{product.url}/v1", api_key=key)

    whole = client.chat.completions.create(model="base", messages=HELLO, max_tokens=8, seed=1, stop=["nowhere"])
    streamed = client.chat.completions.create(model="base", messages=HELLO, max_tokens=8, stream=True)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed if chunk.choices)
    assert whole.choices[0].message.content == text == scripted_text("Hello", 8)
    assert whole.usage.completion_tokens == 8


def test_many_programs_are_answered_side_by_side(client: openai.OpenAI) -> None:
    streams = [
        client.chat.completions.create(
            model="base", messages=[{"role": "user", "content": f"Number {i}"}], max_tokens=20, stream=True
        )
        for i in range(16)
    ]
    for i, stream in enumerate(streams):
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == scripted_text(f"Number {i}", 20)
