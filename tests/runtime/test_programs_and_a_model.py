"""What only a model can do of all that programs may ask, through OpenAI's own client."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.inference.conftest import make_tiny_model
from tests.product import ROOT, Product

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=8)
    age: int = Field(ge=0, le=120)
    mood: Literal["glad", "calm"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """Of a product with a tiny model whose weights are random."""
    model = make_tiny_model(tmp_path_factory.mktemp("tiny"))
    with Product(None, MODEL=str(model), EMBEDDER="scripted:", ENGINE_BACKEND="torch") as product:
        command = [sys.executable, "manage.py", "apikey", "create", "--name", "Tests"]
        done = subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True, text=True)
        key = done.stdout.splitlines()[-1]
        with openai.OpenAI(base_url=f"{product.url}/v1", api_key=key, max_retries=0) as client:
            yield client


def test_a_reply_is_parsed_into_the_class_that_was_asked_for(client: openai.OpenAI) -> None:
    completion = client.chat.completions.parse(
        model="base", messages=HELLO, response_format=Answer, max_tokens=120, temperature=1.0, n=2, seed=1
    )

    assert [choice.finish_reason for choice in completion.choices] == ["stop", "stop"]
    first, second = (choice.message.parsed for choice in completion.choices)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert first != second  # by the seed


def test_a_stream_keeps_to_an_expression(client: openai.OpenAI) -> None:
    asked = {"structured_outputs": {"regex": r"\d{4}-\d{2}-\d{2}"}, "min_p": 0.01}
    stream = client.chat.completions.create(
        model="base", messages=HELLO, max_tokens=30, temperature=1.0, stream=True, extra_body=asked
    )

    assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", "".join(c.choices[0].delta.content or "" for c in stream))


def test_log_probabilities_are_the_models(client: openai.OpenAI) -> None:
    choice = client.chat.completions.create(
        model="base", messages=HELLO, max_tokens=8, temperature=0, logprobs=True, top_logprobs=3
    ).choices[0]

    assert choice.logprobs
    assert choice.logprobs.content
    for told in choice.logprobs.content:
        likeliest = [top.logprob for top in told.top_logprobs]
        assert len(likeliest) == 3
        assert likeliest == sorted(likeliest, reverse=True)
        assert sum(map(math.exp, likeliest)) <= 1.0 + 1e-6
        assert told.logprob <= likeliest[0]


def test_a_biased_token_is_all_that_is_said(client: openai.OpenAI) -> None:
    choice = client.chat.completions.create(
        model="base", messages=HELLO, max_tokens=4, temperature=0, logit_bias={"40": 100}, logprobs=True
    ).choices[0]

    assert choice.logprobs
    assert choice.logprobs.content
    assert len({told.token for told in choice.logprobs.content}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_format_that_cannot_be_kept_is_refused_with_its_reason(client: openai.OpenAI, stream: bool) -> None:
    schema: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"uniqueItems": True}}}
    with pytest.raises(openai.APIError) as refused:
        list(client.chat.completions.create(model="base", messages=HELLO, response_format=schema, stream=stream))

    assert refused.value.code == "generation.format_invalid"
    assert "uniqueItems" in refused.value.message
