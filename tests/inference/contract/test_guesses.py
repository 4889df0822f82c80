"""What a reply guesses ahead of itself changes how soon its words come, and never which."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from inference import model_files
from inference.contract import Engine, GenerationRequest
from inference.drafting.conversing import Answer
from inference.drafting.counting import Counting
from inference.serving import drafts
from inference.serving.engine import TransformersEngine
from inference.serving.lookup import Lookup
from tests.inference.contract.conftest import BACKENDS, config_for
from tests.inference.listening import Listener, ask, ids_of, text_of

SONG = "the river carries small boats home, " * 6


@pytest.fixture(params=BACKENDS)
def both(
    request: pytest.FixtureRequest, tiny_folder: Path, start: Callable[[Engine], Listener]
) -> tuple[Listener, Listener]:
    """An engine that guesses, and one that does not."""
    config = replace(config_for(request.param, tiny_folder), max_running=4)
    guessing, plain = (start(TransformersEngine(replace(config, speculation=how))) for how in ("lookup", "off"))
    return guessing, plain


def repeating(seed: int, **changes: object) -> GenerationRequest:
    """Two tokens are so likely that they follow each other in all ways there are, and all have been seen."""
    request = ask(SONG, seed=seed)
    bias = ((17, 14.0), (18, 14.0))
    sampling = replace(request.sampling, **{"temperature": 1.0, "max_tokens": 60, "logit_bias": bias, **changes})
    return replace(request, sampling=sampling)


def test_a_reply_is_the_same_with_guesses_and_without(both: tuple[Listener, Listener]) -> None:
    requests = [
        repeating(1, temperature=0.0, repetition_penalty=1.2),
        repeating(2),
        repeating(3, no_repeat_ngram=4, presence_penalty=0.5, logprobs=2),
        repeating(4, max_tokens=1),
        ask(SONG, max_tokens=60),
        ask("Hello", temperature=0.9, seed=5, max_tokens=60),
    ]
    for request in requests:  # one by one: beside others there are no guesses
        (guessed,), (plain,) = (listener.run(request) for listener in both)
        assert [(e.kind, e.token_ids, e.delta, e.finish_reason) for e in guessed] == [
            (e.kind, e.token_ids, e.delta, e.finish_reason) for e in plain
        ]
    guessing, plain_ = (listener.engine.metrics for listener in both)  # type: ignore[attr-defined]  # engines of ours
    assert guessing.tokens_written == plain_.tokens_written
    assert guessing.steps < 0.8 * plain_.steps


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_reply_is_the_same_with_a_table_and_takes_fewer_steps(
    backend: str, tiny_folder: Path, tmp_path: Path, start: Callable[[Engine], Listener]
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    config = replace(config_for(backend, folder), max_running=4)
    requests = ask("Hello", temperature=0.0, max_tokens=60), ask("你好", temperature=1.0, seed=2, max_tokens=60)
    plain = start(TransformersEngine(replace(config, speculation="off")))
    expected = [reply for request in requests for reply in plain.run(request)]
    counting = Counting()
    for ids in [*map(ids_of, expected), ids_of(expected[0])[:30]] * 2:  # it is wrong now and then, too
        counting.add(Answer((0,), tuple(ids), tuple(ids)))
    drafts.save(counting.drafts(), folder / drafts.FILE, model_files.base_model_sha256(folder))
    guessing = start(TransformersEngine(config))
    replies = [reply for request in requests for reply in guessing.run(request)]
    assert [ids_of(reply) for reply in replies] == [ids_of(reply) for reply in expected]
    took = [listener.engine.metrics.steps for listener in (guessing, plain)]  # type: ignore[attr-defined]
    assert took[0] < 0.8 * took[1]


def test_log_probabilities_are_those_of_a_reply_without_guesses(both: tuple[Listener, Listener]) -> None:
    (guessed,), (plain,) = (listener.run(repeating(3, logprobs=1)) for listener in both)
    for one, other in zip(guessed, plain, strict=True):
        for told, expected in zip(one.logprobs, other.logprobs, strict=True):
            assert told.chosen.token_id == expected.chosen.token_id
            assert told.chosen.logprob == pytest.approx(expected.chosen.logprob, abs=1e-3)


def test_a_stop_string_among_what_was_guessed_ends_the_reply(both: tuple[Listener, Listener]) -> None:
    (free,) = both[1].run(repeating(2))
    stop = (text_of(free)[20:26],)
    (guessed,), (plain,) = (listener.run(repeating(2, stop=stop)) for listener in both)
    assert ids_of(guessed) == ids_of(plain)
    assert (text_of(guessed), guessed[-1].finish_reason) == (text_of(plain), "stop")
    assert both[0].run(ask(max_tokens=3))[0][-1].kind == "finished"


def test_the_guess_is_what_followed_the_longest_run_the_last_time() -> None:
    lookup = Lookup()
    assert lookup.guess([1, 2, 3], 3) == []
    assert lookup.guess([1, 2, 3, 4, 9, 2, 3], 3) == [4, 9, 2]
    assert lookup.guess([1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3], 2) == [4, 9]
    assert lookup.guess([1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3, 7, 8, 2, 3], 9) == [7, 8, 2, 3]
