"""A reply that is asked to be of a format is, on every engine that takes such a request; the others refuse it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inference.contract import MAX_FORMAT_CHARS, Engine, EngineConfig, OutputFormat
from inference.serving.engine import TransformersEngine
from inference.serving.scripted import ScriptedEngine
from tests.inference.contract.conftest import BACKENDS, config_for
from tests.inference.listening import Listener, ask, ids_of, text_of
from tests.inference.upstream_server import Server

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["老", "new"]}, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
DATE = OutputFormat("regex", r"\d{4}-\d{2}-\d{2}")


def of_schema(schema: object) -> OutputFormat:
    return OutputFormat("json_schema", json.dumps(schema))


@pytest.fixture(params=BACKENDS)
def writing(request: pytest.FixtureRequest, tiny_folder: Path, start: Callable[[Engine], Listener]) -> Listener:
    return start(TransformersEngine(replace(config_for(request.param, tiny_folder), max_running=8)))


def test_a_reply_fits_its_schema_and_ends(writing: Listener) -> None:
    requests = [ask(max_tokens=200, temperature=1.0, seed=seed, format=of_schema(PERSON)) for seed in range(6)]
    for events in writing.run(*requests):
        assert events[-1].finish_reason == "stop"
        jsonschema.validate(json.loads(text_of(events)), PERSON)


def test_a_reply_is_what_the_whole_expression_matches(writing: Listener) -> None:
    requests = [ask(max_tokens=30, temperature=1.0, seed=seed, format=DATE) for seed in range(4)]
    for events in writing.run(*requests):
        assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text_of(events))
        assert events[-1].finish_reason == "stop"


scalars = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.integers(-50, 50).flatmap(
        lambda least: st.builds(
            lambda more: {"type": "integer", "minimum": least, "maximum": least + more}, st.integers(0, 40)
        )
    ),
    st.integers(0, 6).map(lambda length: {"type": "string", "maxLength": length}),
    st.lists(st.text(max_size=4) | st.integers(-9, 9) | st.none(), min_size=1, max_size=3).map(lambda v: {"enum": v}),
)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties)[::2],
        "additionalProperties": False,
    }


schemas = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(
            lambda items, most: {"type": "array", "items": items, "maxItems": most}, inner, st.integers(0, 3)
        ),
        st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3).map(_object),
        st.lists(inner, min_size=1, max_size=2).map(lambda of: {"anyOf": of}),
    ),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=schemas, seed=st.integers(0, 999), temperature=st.sampled_from([0.0, 1.0]))
@example(schema=PERSON, seed=1, temperature=0.0)
def test_whatever_the_schema_the_text_fits_or_was_cut(
    tiny: Listener, schema: dict[str, Any], seed: int, temperature: float
) -> None:
    (events,) = tiny.run(ask(max_tokens=120, temperature=temperature, seed=seed, format=of_schema(schema)))
    assert events[-1].finish_reason in ("stop", "length"), events[-1].failure
    if events[-1].finish_reason == "stop":
        jsonschema.validate(json.loads(text_of(events)), schema)


def test_a_reply_of_a_format_continued_at_any_point_equals_the_uninterrupted_one(writing: Listener) -> None:
    options: dict[str, Any] = {"max_tokens": 200, "temperature": 0.9, "seed": 4, "format": of_schema(PERSON)}
    (whole,) = writing.run(ask(**options))
    ids = ids_of(whole)
    parts = writing.run(*(ask(prefix=ids[:cut], **options) for cut in range(len(ids) + 1)))
    for cut, events in enumerate(parts):
        assert ids_of(events) == ids[cut:]
        assert events[-1].finish_reason == whole[-1].finish_reason


def test_a_format_changes_nothing_for_those_beside_it(writing: Listener) -> None:
    free = [ask(f"Number {i}", temperature=0.9, seed=i) for i in range(3)]
    alone = [ids_of(events) for (events,) in map(writing.run, free)]
    beside = [replace(request, generation_id=f"beside {request.generation_id}") for request in free]
    together = writing.run(ask(max_tokens=100, format=of_schema(PERSON)), *beside, ask(format=DATE))
    assert [ids_of(events) for events in together[1:-1]] == alone


def test_a_stop_string_ends_a_reply_of_a_format_too(writing: Listener) -> None:
    (events,) = writing.run(ask(max_tokens=200, stop=('"age"',), format=of_schema(PERSON)))
    assert events[-1].finish_reason == "stop"
    assert text_of(events).startswith('{"name": ')
    assert '"age"' not in text_of(events)


HOSTILE = {
    "an expression that is none": OutputFormat("regex", "(a"),
    "JSON that is none": OutputFormat("json_schema", "{"),
    "a type that is none": of_schema({"type": "poem"}),
    "what cannot be kept to": of_schema({"type": "array", "uniqueItems": True}),
    "what nothing fits": of_schema({"type": "integer", "minimum": 5, "maximum": 3}),
    "itself": of_schema({"$ref": "#"}),
    "an address": of_schema({"$ref": "http://127.0.0.1:9/schema"}),
    "a depth without end": OutputFormat("json_schema", '{"items":' * 5000 + "{}" + "}" * 5000),
    "more than there is room for": of_schema(
        {"allOf": [{"anyOf": [{"properties": {f"{i} {j}": {}}} for j in range(8)]} for i in range(6)]}
    ),
}


@pytest.mark.parametrize("format_", HOSTILE.values(), ids=HOSTILE)
def test_a_format_that_cannot_be_kept_fails_its_own_request_alone(tiny: Listener, format_: OutputFormat) -> None:
    bad, good = tiny.run(ask(format=format_), ask(max_tokens=5))
    failure = bad[-1].failure
    assert failure
    assert (failure.code, failure.retryable) == ("generation.format_invalid", False)
    assert [event.kind for event in bad] == ["started", "failed"]
    assert "\n" not in failure.message
    assert len(ids_of(good)) == 5
    assert not len(tiny.engine._parked)  # type: ignore[attr-defined]  # an engine of ours


def test_a_format_that_turns_out_to_be_too_much_ends_its_own_reply_alone(tiny: Listener) -> None:
    """How many states an expression has shows only as it is walked."""
    hostile = OutputFormat("regex", "((a|[^b]{0,9999})[^c]{0,9999}){0,9999}x")
    bad, good = tiny.run(ask(max_tokens=200, format=hostile), ask(max_tokens=40))
    assert bad[-1].failure
    assert bad[-1].failure.code == "generation.format_invalid"
    assert len(ids_of(good)) == 40


def test_a_format_that_is_too_long_is_none() -> None:
    with pytest.raises(ValueError, match="characters"):
        OutputFormat("regex", "a" * (MAX_FORMAT_CHARS + 1))


def test_a_request_can_be_cancelled_while_its_format_is_compiled(tiny: Listener) -> None:
    request = ask(format=of_schema({"enum": [f"{i} words" for i in range(3000)]}))
    tiny.engine.submit(request)
    tiny.engine.cancel(request.generation_id)
    events = tiny.end_of(request)
    assert (events[-1].kind, events[-1].finish_reason) == ("finished", "cancelled")
    assert tiny.run(ask(max_tokens=3))[0][-1].kind == "finished"
    assert tiny.of(request) == events


def test_an_engine_that_keeps_to_no_format_refuses(start: Callable[[Engine], Listener]) -> None:
    (events,) = start(ScriptedEngine(EngineConfig("scripted:tokens=5"))).run(ask(format=DATE))
    failure = events[-1].failure
    assert failure
    assert (failure.code, failure.retryable) == ("engine.unable", False)


def test_another_server_is_told_the_format(server: Server, upstream: Listener) -> None:
    upstream.run(ask(max_tokens=3, format=of_schema(PERSON)), ask(max_tokens=3, format=DATE), ask(max_tokens=3))
    told = [(asked.get("response_format"), asked.get("structured_outputs")) for asked in server.asked]
    schema = {"type": "json_schema", "json_schema": {"name": "reply", "schema": PERSON, "strict": True}}
    assert sorted(told, key=str) == sorted([(schema, None), (None, {"regex": DATE.text}), (None, None)], key=str)
