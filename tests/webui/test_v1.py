"""The front door for programs: who may come in, what is refused, and how that is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from pytest_django import Settings

from assistant.accounts import api_keys
from assistant.chat import stream
from assistant.chat.context import sampling_of
from assistant.models import Adapter, ApiKey, Conversation, Generation, Message, Person
from inference.contract import OutputFormat
from tests.assistant.rows import worker

pytestmark = pytest.mark.django_db(transaction=True)

HELLO = {"model": "parley", "messages": [{"role": "user", "content": "Hello"}]}


def program_of(person: Person) -> Client:
    key = api_keys.create(person.id, "Tests", by=None)
    return Client(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def program(alice: Person) -> Client:
    """A program that acts for alice."""
    return program_of(alice)


def asked(client: Client, **fields: Any) -> Any:
    # A reply that nobody writes would be waited for without end; what is streamed is read by nobody here.
    return client.post("/v1/chat/completions", {**HELLO, "stream": True, **fields}, "application/json")


def test_without_a_key_nobody_comes_in(enter: Callable[..., Client], alice: Person) -> None:
    """Not even with alice's cookie: a page elsewhere could send that."""
    key = api_keys.create(alice.id, "Tests", by=None)
    ApiKey.objects.all().delete()
    clients = [enter("alice"), Client(), *(Client(headers={"Authorization": h}) for h in (f"Bearer {key}", "Bearer "))]

    for client in clients:
        for answer in (client.get("/v1/models"), asked(client)):
            assert answer.status_code == 401
            assert answer.json() == {
                "error": {
                    "message": "Send an API key that is in use, as Authorization: Bearer KEY.",
                    "type": "authentication_error",
                    "param": None,
                    "code": "api_key.invalid",
                }
            }
    assert not Conversation.objects.exists()


def test_what_a_program_asks_belongs_to_the_person_of_its_key(program: Client, alice: Person, charlie: Person) -> None:
    assert asked(program).status_code == 200
    assert asked(program_of(charlie)).status_code == 200

    assert {conversation.owner for conversation in Conversation.objects.all()} == {alice, charlie}


def test_a_key_opens_nothing_but_the_front_door(program: Client) -> None:
    assert program.get("/api/conversations").status_code == 401


def test_the_models_are_what_the_person_may_choose(program: Client, bob: Person) -> None:
    worker()
    live = Adapter.objects.create(name="June run", sha256="a" * 64, base_model_sha256="b", state="live")
    Adapter.objects.create(name="July run", sha256="c" * 64, base_model_sha256="b")
    names = [[model["id"] for model in each.get("/v1/models").json()["data"]] for each in (program, program_of(bob))]

    assert names == [
        ["parley", "base", "June run@aaaaaaaaaaaa"],
        ["parley", "base", "June run@aaaaaaaaaaaa", "July run@cccccccccccc"],
    ]
    one = program.get("/v1/models/June run@aaaaaaaaaaaa").json()
    assert one == {
        "id": "June run@aaaaaaaaaaaa",
        "object": "model",
        "created": int(live.created_at.timestamp()),
        "owned_by": "parley",
    }


def test_a_model_is_the_one_that_was_named_or_none(program: Client) -> None:
    live = Adapter.objects.create(name="June", sha256="a" * 64, base_model_sha256="b", state="live")
    Adapter.objects.create(name="July", sha256="c" * 64, base_model_sha256="b")

    for name in ("parley", "base", f"June@{'a' * 12}"):
        assert asked(program, model=name).status_code == 200
    for name in ("gpt-4o", "June", f"July@{'c' * 12}", ""):
        answer = asked(program, model=name)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model.not_found")
        assert name in answer.json()["error"]["message"]
    adapters = Generation.objects.order_by("id").values_list("adapter_id", flat=True)
    assert list(adapters) == [live.id, None, live.id]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"n": 9}, "n:"),
        ({"n": 0}, "n:"),
        ({"frequency_penalty": 2.5}, "frequency_penalty"),
        ({"min_p": 2}, "min_p"),
        ({"logit_bias": {"50256": -101}}, "logit_bias"),
        ({"logit_bias": {"-1": 1}}, "logit_bias"),
        ({"logprobs": True, "top_logprobs": 21}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs: it needs logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": 7}}}, "schema"),
        ({"structured_outputs": {"regex": "a" * 70_000}}, "at most 65536 characters"),
        ({"structured_outputs": {"regex": "a", "grammar": "a"}}, "grammar"),
        ({"structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"}}, "response_format"),
        ({"audio": {}}, "audio"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": 7}, "temperature must be between"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "4", "tool_call_id": "1"}]}, "role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "type"),
        ({"messages": [{"role": "user", "content": None}]}, "empty"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "last message"),
        ({"messages": [{"role": "user", "content": "Hi"}, {"role": "system", "content": "No"}]}, "before all others"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(program: Client, fields: dict[str, Any], word: str) -> None:
    answer = asked(program, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert word in answer.json()["error"]["message"]
    assert not Conversation.objects.exists()


def test_what_says_nothing_new_is_taken(program: Client) -> None:
    """Clients send defaults, and replies back as they got them."""
    reply = {"role": "assistant", "content": "Hi.", "refusal": None, "annotations": [], "tool_calls": None}
    messages = [
        {"role": "system", "content": "Be"},
        {"role": "developer", "content": [{"type": "text", "text": "brief."}]},
        {"role": "user", "content": "Hello", "name": "alice"},
        reply,
        {"role": "user", "content": [{"type": "text", "text": "And "}, {"type": "text", "text": "now?"}]},
    ]

    answer = asked(
        program, messages=messages, n=1, presence_penalty=0, frequency_penalty=0.0, logit_bias={}, tools=[], user="a",
        response_format={"type": "text"}, stop="END", metadata={"a": "b"}, tool_choice="none", logprobs=False,
    )  # fmt: skip

    assert answer.status_code == 200
    generation = Generation.objects.select_related("conversation", "reply__parent").get()
    assert generation.sampling["stop"] == ["END"]
    assert generation.conversation.system_message == "Be\n\nbrief."
    assert generation.reply.parent.text == "And now?"


def test_what_is_asked_of_one_reply_is_not_kept_for_the_next(program: Client, alice: Person) -> None:
    """The person may go on with the conversation on the page."""
    once = {"min_p": 0.1, "presence_penalty": 0.5, "frequency_penalty": -1.0}

    assert asked(program, **once, logit_bias={"7": -100, "9": 2.5}, logprobs=True, top_logprobs=3).status_code == 200

    generation = Generation.objects.select_related("conversation").get()
    sampling = sampling_of(generation)
    assert {name: getattr(sampling, name) for name in once} == once
    assert (sampling.logit_bias, sampling.logprobs) == (((7, -100.0), (9, 2.5)), 3)
    assert generation.knowledge == Generation.Knowledge.UNASKED
    assert generation.conversation.sampling == {}


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, OutputFormat("json_schema", '{"type": "object"}')),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"enum": ["是"]}}}},
            OutputFormat("json_schema", '{"enum": ["是"]}'),
        ),
        ({"structured_outputs": {"regex": "[ab]+"}}, OutputFormat("regex", "[ab]+")),
    ],
)
def test_a_format_is_asked_of_one_reply_which_a_model_writes(
    program: Client, fields: dict[str, Any], kept: OutputFormat | None
) -> None:
    assert asked(program, **fields).status_code == 200

    generation = Generation.objects.select_related("conversation").get()
    assert sampling_of(generation).format == kept
    assert generation.knowledge == ("unasked" if kept else "")
    assert generation.conversation.sampling == {}


def test_the_older_interface_asks_its_prompt_as_a_question(program: Client) -> None:
    fields = {"model": "base", "prompt": ["Once upon a time"], "stream": True, "store": False}
    answer = program.post("/v1/completions", fields, "application/json")

    assert answer.status_code == 200
    generation = Generation.objects.select_related("conversation", "reply__parent").get()
    assert generation.reply.parent.text == "Once upon a time"
    assert generation.conversation.is_temporary
    for refused in (
        {"prompt": ["a", "b"]},
        {"prompt": [1, 2]},
        {"prompt": "a", "echo": True},
        {"prompt": "a", "logprobs": 6},
    ):
        answer = program.post("/v1/completions", {"model": "base", **refused}, "application/json")
        assert answer.status_code == 400, refused


def test_what_is_not_served_says_so_in_the_shape_of_the_interface(program: Client) -> None:
    for answer in (
        program.post("/v1/embeddings", {"model": "base", "input": "a"}, "application/json"),
        program.get("/v1/models/nothing"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    broken = program.post("/v1/chat/completions", "{", "application/json")
    large = program.post("/v1/chat/completions", "x" * 1_100_000, "application/json")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "request.invalid")
    assert large.status_code in (400, 413)


def test_who_asks_too_much_is_told_when_to_come_back(settings: Settings, program: Client, charlie: Person) -> None:
    settings.LIMITS, settings.MESSAGES_PER_MINUTE = True, 2
    settings.RUNNING_REPLIES_PER_PERSON = 100

    answers = [asked(program) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert answers[2].json()["error"]["type"] == "rate_limit_error"
    assert answers[2].json()["error"]["code"] == "rate.limited"
    assert asked(program_of(charlie)).status_code == 200


def test_each_of_several_choices_counts_against_the_limits(settings: Settings, program: Client) -> None:
    settings.LIMITS, settings.MESSAGES_PER_MINUTE, settings.RUNNING_REPLIES_PER_PERSON = True, 7, 5

    answers = [asked(program, n=n) for n in (4, 2, 1, 1)]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 429]
    codes = [answer.json()["error"]["code"] for answer in answers if answer.status_code == 429]
    assert codes == ["generation.too_many", "rate.limited"]
    assert Generation.objects.count() == 5


def test_a_full_queue_takes_no_further_question(settings: Settings, program: Client, charlie: Person) -> None:
    settings.LIMITS, settings.WAITING_REPLIES = True, 2
    asked(program_of(charlie))

    too_many, fits, full = asked(program, n=2), asked(program), asked(program)

    assert [answer.status_code for answer in (too_many, fits, full)] == [429, 200, 429]
    assert full["Retry-After"] == "10"
    assert full.json()["error"]["code"] == "generation.queue_full"
    assert Generation.objects.count() == 2
    assert Conversation.objects.count() == 2


def test_who_has_too_much_written_at_once_is_told_to_come_back(settings: Settings, program: Client) -> None:
    settings.LIMITS, settings.RUNNING_REPLIES_PER_PERSON = True, 1
    asked(program)

    answer = asked(program)

    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert answer.json()["error"]["code"] == "generation.too_many"


def test_requests_are_counted_for_the_person_of_the_key_and_wrong_keys_for_their_address(
    settings: Settings, program: Client, charlie: Person
) -> None:
    settings.LIMITS, settings.REQUESTS_PER_MINUTE, settings.PEOPLE_PER_ADDRESS = True, 2, 3

    assert [program.get("/v1/models").status_code for _ in "123"] == [200, 200, 429]
    assert program_of(charlie).get("/v1/models").status_code == 200
    assert [Client().get("/v1/models", headers={"Authorization": "Bearer x"}).status_code for _ in "1234"][-1] == 429


@pytest.fixture
def when_asked() -> Iterator[Callable[[dict[str, Any], str], None]]:
    """Ends the next reply that is asked for in this way, as a worker would."""
    threads: list[threading.Thread] = []

    def end(fields: dict[str, Any], text: str) -> None:
        def wait_and_end() -> None:
            while not (generation := Generation.objects.filter(state="queued").first()):
                time.sleep(0.05)
            Message.objects.filter(pk=generation.reply_id).update(text=text)
            Generation.objects.filter(pk=generation.pk).update(text_sha256=stream.text_sha256(text), **fields)
            connection.close()

        threads.append(threading.Thread(target=wait_and_end))
        threads[-1].start()

    yield end
    for thread in threads:
        thread.join(timeout=10)


def test_a_reply_that_is_not_streamed_comes_whole(program: Client, when_asked: Callable[..., None]) -> None:
    ended = {"state": "completed", "finish_reason": "length", "prompt_tokens": 3, "completion_tokens": 2}
    when_asked(ended, "Hi, alice.")

    answer = asked(program, stream=False).json()

    assert answer["choices"][0]["message"]["content"] == "Hi, alice."
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_log_probabilities_that_went_with_the_log_are_not_made_up(
    program: Client, when_asked: Callable[..., None]
) -> None:
    when_asked({"state": "completed", "finish_reason": "stop"}, "Hi, alice.")

    answer = asked(program, stream=False, logprobs=True)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "generation.logprobs_lost")


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_that_fails_is_an_error(program: Client, when_asked: Callable[..., None], stream: bool) -> None:
    failed = {"state": "failed", "error_code": "generation.prompt_too_long", "error_message": "Too long."}
    when_asked(failed, "")

    answer = asked(program, stream=stream)

    if stream:
        said = b"".join(async_to_sync(_all)(answer.streaming_content)).decode()
        assert said.count("data: ") == 2  # the role, then the error: no [DONE] after it
        error = json.loads(said.split("data: ")[-1])["error"]
    else:
        assert answer.status_code == 400
        error = answer.json()["error"]
    assert error["code"] == "generation.prompt_too_long"
    assert error["message"] == "The message is longer than the model can read. Shorten it."


async def _all(parts: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in parts]


def test_errors_are_in_the_language_that_is_asked_for(program: Client) -> None:
    answer = program.get("/v1/models/nothing", headers={"Accept-Language": "zh-hans"})

    assert "nothing" in answer.json()["error"]["message"]
    assert "There is no model" not in answer.json()["error"]["message"]
