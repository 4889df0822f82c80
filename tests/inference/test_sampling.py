"""Sampling agrees with transformers' own processors, and draws depend on (seed, position) alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from inference.contract import SamplingParams
from inference.serving.nucleus import Nucleus, nuclei, nucleus
from inference.serving.sampling import (
    Chosen,
    SamplingRow,
    ban_repeated_ngrams,
    choose,
    penalise_repetition,
    uniform,
)

UNIFORM = [0.6487508310490744, 0.20798701980113665, 0.9632715104810026]


def logits(seed: int, vocabulary: int, spread: float = 3.0) -> torch.Tensor:
    return torch.randn(vocabulary, generator=torch.Generator().manual_seed(seed)) * spread


def token_of(scores: Any, row: SamplingRow) -> int:
    chosen = choose(scores, [row])[0]
    assert chosen
    return chosen.token_id


def row_by_row(scores: torch.Tensor, params: SamplingParams) -> Nucleus:
    return nucleus(scores.numpy(), params)


def all_at_once(scores: torch.Tensor, params: SamplingParams) -> Nucleus:
    return nuclei(scores[None], [params])[0]


def of_numpy(scores: torch.Tensor) -> Any:
    """The same memory, as logits come from a CPU."""
    return scores.numpy()


def of_torch(scores: torch.Tensor) -> Any:
    return scores


KINDS = pytest.mark.parametrize("kind", [of_numpy, of_torch])
Kind = Callable[[torch.Tensor], Any]
WAYS = pytest.mark.parametrize("way", [row_by_row, all_at_once])
Way = Callable[[torch.Tensor, SamplingParams], Nucleus]


@KINDS
@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.3, 4.0])
def test_the_repetition_penalty_is_that_of_transformers(kind: Kind, penalty: float) -> None:
    scores, history = logits(1, 50), [3, 7, 7, 12, 49]
    expected = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([history]), scores.clone()[None])[0]
    penalise_repetition(kind(scores[None]), [history], [penalty])
    assert torch.equal(scores, expected)


@KINDS
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("history", [[1, 2, 3, 1, 2, 3, 1, 2], [5], [5, 5, 5, 5], [1, 2, 3]])
def test_the_ngram_ban_is_that_of_transformers(kind: Kind, size: int, history: list[int]) -> None:
    scores = logits(2, 20)
    expected = NoRepeatNGramLogitsProcessor(size)(torch.tensor([history]), scores.clone()[None])[0]
    ban_repeated_ngrams(kind(scores), history, size)
    assert torch.equal(scores, expected)


@WAYS
@pytest.mark.parametrize("vocabulary", [40, 3000])
@pytest.mark.parametrize("spread", [0.05, 3.0])
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1, 0, 0.9), (0.2, 0, 0.9), (2, 5, 1), (1, 30, 0.5), (1, 0, 1), (1, 0, 0.99), (1, 999, 0.9)],
)
def test_what_top_k_and_top_p_leave_is_what_transformers_leaves(
    way: Way, vocabulary: int, spread: float, temperature: float, top_k: int, top_p: float
) -> None:
    scores = logits(3, vocabulary, spread)
    expected = TemperatureLogitsWarper(float(temperature))(None, scores[None])
    if top_k:
        expected = TopKLogitsWarper(top_k)(None, expected)
    if top_p < 1:
        expected = TopPLogitsWarper(top_p)(None, expected)
    distribution = expected[0].softmax(0)
    ids, probabilities = way(scores, SamplingParams(0, temperature=temperature, top_k=top_k, top_p=top_p))
    assert sorted(ids.tolist()) == distribution.nonzero().flatten().tolist()
    assert torch.allclose(torch.from_numpy(probabilities), distribution[ids], atol=1e-6)


@WAYS
@pytest.mark.parametrize("min_p", [0.0, 0.05, 0.5, 1.0])
def test_what_min_p_leaves_is_what_transformers_leaves(way: Way, min_p: float) -> None:
    scores = logits(4, 3000)
    distribution = MinPLogitsWarper(min_p)(None, scores[None])[0].softmax(0)
    ids, probabilities = way(scores, SamplingParams(0, temperature=1.0, top_p=1.0, min_p=min_p))
    assert sorted(ids.tolist()) == distribution.nonzero().flatten().tolist()
    assert torch.allclose(torch.from_numpy(probabilities), distribution[ids], atol=1e-6)


@KINDS
def test_presence_and_frequency_count_the_reply_alone(kind: Kind) -> None:
    scores = torch.zeros(1, 6)
    params = SamplingParams(1, temperature=0, presence_penalty=0.5, frequency_penalty=0.25)
    choose(kind(scores), [SamplingRow(params, [4, 4, 5, 1, 2, 1], 3)])  # the prompt is 4 4 5
    assert scores[0].tolist() == [0.0, -1.0, -0.75, 0.0, 0.0, 0.0]


@KINDS
def test_a_bias_can_force_and_forbid_a_token(kind: Kind) -> None:
    params = SamplingParams(1, temperature=0, logit_bias=((2, 100.0), (999, 1.0)))
    scores = logits(5, 10)
    assert token_of(kind(scores.clone()[None]), SamplingRow(params, [], 0)) == 2
    best = int(scores.argmax())
    params = SamplingParams(1, temperature=0, logit_bias=((best, -100.0),))
    assert token_of(kind(scores.clone()[None]), SamplingRow(params, [], 0)) == int(scores.topk(2).indices[1])


@KINDS
def test_log_probabilities_are_those_of_the_model_whatever_is_done_to_the_logits(kind: Kind) -> None:
    scores = logits(6, 50)
    expected = scores.log_softmax(0)
    params = SamplingParams(1, temperature=1.5, logit_bias=((7, 50.0),), logprobs=3)
    silent = SamplingParams(1, temperature=0)
    rows = [SamplingRow(params, [], 0), SamplingRow(silent, [], 0)]
    told, untold = choose(kind(torch.stack([scores, scores])), rows)
    assert told
    assert untold == Chosen(int(scores.argmax()))
    assert told.token_id == 7
    ids, values = zip(*told.chances, strict=True)
    assert ids == (7, *expected.topk(3).indices.tolist())
    assert values == pytest.approx(expected[list(ids)].tolist(), abs=1e-5)


@KINDS
def test_what_a_format_does_not_allow_is_never_chosen(kind: Kind) -> None:
    scores = logits(7, 50)
    allowed = np.zeros(50, dtype=np.bool_)
    allowed[[3, 11]] = True
    row = SamplingRow(SamplingParams(1, temperature=0), [], 0, allowed)
    assert token_of(kind(scores.clone()[None]), row) == (3 if scores[3] > scores[11] else 11)


@KINDS
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_chosen_where_the_likeliest_is_no_number(kind: Kind, temperature: float, value: float) -> None:
    table = torch.stack([logits(8, 50), logits(9, 50)])
    table[0, 20] = value
    unsound, sound = choose(kind(table), [SamplingRow(SamplingParams(1, temperature=temperature), [], 0)] * 2)
    assert unsound is None
    assert sound


@KINDS
def test_rows_with_different_settings_are_chosen_as_if_alone(kind: Kind) -> None:
    settings = [
        SamplingParams(1, temperature=0),
        SamplingParams(2, temperature=1.0, top_p=0.8),
        SamplingParams(3, temperature=0.7, top_k=4, repetition_penalty=1.5),
        SamplingParams(4, temperature=0, no_repeat_ngram=2),
    ]
    rows = [SamplingRow(params, [1, 2, 3, 1], 3) for params in settings]
    table = torch.stack([logits(i, 60) for i in range(len(rows))])
    together = choose(kind(table.clone()), rows)
    assert together == [choose(kind(table[i : i + 1].clone()), [row])[0] for i, row in enumerate(rows)]


@given(st.integers(0, 1000), st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_what_is_known_to_be_likeliest_changes_nothing(seed: int, history: list[int]) -> None:
    """Whatever is done to the logits before one is chosen."""
    scores = logits(seed, 41)
    likeliest = int(scores.argmax())
    settings = [
        SamplingParams(seed, temperature=temperature, **change)
        for temperature in (0.0, 0.8)
        for change in (
            {},
            {"logit_bias": ((likeliest, -3.0),)},
            {"logit_bias": ((history[0], 9.0), (99, 1.0))},
            {"logit_bias": ((history[0], -9.0),)},
            {"repetition_penalty": 2.0},
            {"presence_penalty": 2.0},
            {"frequency_penalty": -2.0},
            {"no_repeat_ngram": 1},
        )
    ]
    rows = [SamplingRow(params, [*history], len(history)) for params in settings]
    rows.append(SamplingRow(settings[0], history, 0, np.arange(41) == history[0]))
    table = np.stack([scores.numpy()] * len(rows))
    assert choose(table.copy(), rows, [likeliest] * len(rows)) == choose(table, rows)


@given(
    st.integers(0, 1000),
    st.sampled_from([0.2, 0.7, 1.0, 5.0]),
    st.sampled_from([{}, {"min_p": 0.1}, {"top_p": 0.9}, {"top_k": 3}, {"top_k": 20, "top_p": 0.9}, {"top_k": 500}]),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([1, 60, 4096]),
)
def test_what_a_draw_does_not_reach_need_not_be_there(
    seed: int, temperature: float, change: dict[str, Any], draw: float, vocabulary: int
) -> None:
    scores = logits(seed, vocabulary).numpy()
    params = SamplingParams(seed, temperature=temperature, **{"top_p": 1.0, **change})
    ids, chances = nucleus(scores, params)
    some, their_chances = nucleus(scores, params, draw)
    assert chances.sum() == pytest.approx(1.0, abs=1e-4)
    assert (np.diff(chances) <= 0).all()
    assert some.tolist() == ids[: len(some)].tolist()
    assert np.allclose(their_chances, chances[: len(some)], rtol=1e-4)
    assert their_chances.sum(dtype=np.float64) > draw - 1e-4


def test_draws_follow_the_probabilities() -> None:
    scores = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    params = SamplingParams(11, temperature=1.0, top_p=1.0)
    draws = Counter(token_of(scores.clone()[None].numpy(), SamplingRow(params, [0] * i, i)) for i in range(4000))
    assert [draws[i] / 4000 for i in range(4)] == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.02)


def test_a_draw_is_the_same_on_every_machine() -> None:
    assert [uniform(1, 0), uniform(1, 1), uniform(2**63 - 1, 999_999)] == UNIFORM


@KINDS
def test_a_row_whose_every_token_is_banned_still_gets_one(kind: Kind) -> None:
    params = SamplingParams(1, temperature=1.0, no_repeat_ngram=1)
    assert token_of(kind(torch.zeros(1, 3)), SamplingRow(params, [0, 1, 2], 3)) in (0, 1, 2)
