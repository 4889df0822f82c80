"""The measurement of the engine: whose turn it is, what is kept, and how samples become a verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.engine import report
from bench.engine.figures import Figure, Missing, Plain, Ratio
from bench.engine.peers import lockstep
from bench.engine.record import Record
from bench.engine.replies import common_beginning, tokens_per_s
from bench.engine.rows import TABLE, Row
from bench.engine.stages.product import times_of_tokens
from bench.engine.turns import Turn, in_order
from inference.serving.lookup import Lookup


def test_each_round_has_every_turn_once_and_another_one_begins() -> None:
    group = [Turn(name, lambda _: {}) for name in "abc"]
    orders = ["".join(turn.name for turn in in_order(group, number)) for number in range(4)]
    assert orders == ["abc", "bca", "cab", "abc"]


def test_a_rate_is_of_the_time_in_which_all_write() -> None:
    early, late = [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]
    assert tokens_per_s([early, late]) == pytest.approx(2.0)
    assert tokens_per_s([early]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="ended before"):
        tokens_per_s([[0.0, 1.0], [2.0, 3.0]])


def test_tokens_of_text_come_when_their_text_comes() -> None:
    pieces = [(1.0, "one two"), (2.0, ""), (3.0, " three four")]
    assert times_of_tokens(pieces, lambda text: len(text.split())) == [1.0, 1.0, 3.0, 3.0]


def test_prompts_are_read_in_chunks_and_each_is_asked_for_its_last_token() -> None:
    prompts = [list(range(500)), list(range(100)), [7]]
    chunks = list(lockstep.chunks(prompts))
    assert [len(chunk.token_ids) for chunk in chunks] == [512, 89]
    assert np.concatenate([chunk.token_ids for chunk in chunks]).tolist() == [*prompts[0], *prompts[1], 7]
    assert [chunk.outputs.tolist() for chunk in chunks] == [[499], [87, 88]]
    assert chunks[1].slots.tolist() == [1] * 88 + [2]
    assert chunks[1].positions.tolist() == [*range(12, 100), 0]


def test_a_lockstep_writer_gives_each_reply_its_own_tokens_at_its_own_positions() -> None:
    seen = []

    def step(chosen: np.ndarray, positions: np.ndarray) -> np.ndarray:
        seen.append(positions.tolist())
        return chosen + 1

    replies = lockstep.write([[1, 2], [3]], 3, lambda prompts: np.array([10, 20], np.int32), step)
    assert [reply.token_ids for reply in replies] == [(10, 11, 12), (20, 21, 22)]
    assert seen == [[2, 1], [3, 2]]
    assert list(replies[0].times_s) == sorted(replies[0].times_s)


def test_a_writer_that_guesses_writes_the_same_in_fewer_steps_and_forgets_what_was_wrong() -> None:
    def follows(token: int) -> int:
        return token % 7 + (token % 3 == 0)  # soon goes round in a circle

    prompt, read, steps = [1, 2, 3], [1, 2, 3], 0

    def step(ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
        nonlocal steps
        steps += 1
        assert positions.tolist() == [*range(len(read), len(read) + len(ids))]
        read.extend(ids.tolist())
        return np.array([follows(token) for token in ids.tolist()], np.int32)

    def forget(position: int) -> None:
        del read[position:]

    first = np.array([follows(3)], np.int32)
    reply = lockstep.write_guessing(prompt, 30, Lookup(), lambda _: first, step, forget)
    expected = [follows(3)]
    while len(expected) < 30:
        expected.append(follows(expected[-1]))
    assert list(reply.token_ids) == expected
    assert len(reply.times_s) == 30
    assert steps < 20
    assert read == [*prompt, *expected[:-1]]


def test_two_texts_are_alike_up_to_the_first_token_that_differs() -> None:
    assert common_beginning([1, 2, 3], [1, 2, 4]) == 2
    assert common_beginning([1, 2], [1, 2, 4]) == 2


def test_a_run_that_was_stopped_goes_on_and_another_one_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record = Record(path, {"commit": "a"})
    record.add("kernel", {"tokens_per_s": 3.0})
    again = Record(path, {"commit": "a"})
    assert again.has("kernel", 0)
    assert not again.has("kernel", 1)
    assert not Record(path, {"commit": "b"}).has("kernel", 0)


def test_a_ratio_is_to_the_best_of_the_others() -> None:
    samples = {
        "ours": [{"tokens_per_s": 30.0}, {"tokens_per_s": 20.0}, {"tokens_per_s": 40.0}],
        "slow": [{"tokens_per_s": 1.0}] * 3,
        "fast": [{"tokens_per_s": 10.0}] * 3,
    }
    figure = Ratio("ours", ("slow", "fast", "absent")).of(samples)
    assert (figure.value, figure.low, figure.high) == (3.0, 2.0, 4.0)
    assert "fast" in figure.of


def test_of_times_the_shortest_is_the_best() -> None:
    samples = {"ours": [{"first_ms": 100.0}], "slow": [{"first_ms": 900.0}], "fast": [{"first_ms": 300.0}]}
    assert Ratio("ours", ("slow", "fast"), "first_ms", True).of(samples).value == 3.0


def test_what_was_not_measured_has_no_figure() -> None:
    with pytest.raises(Missing, match="fast"):
        Ratio("ours", ("fast",)).of({"ours": [{"tokens_per_s": 1.0}]})
    with pytest.raises(Missing, match="ours"):
        Plain("ours", "tokens_per_s").of({})


@pytest.mark.parametrize(
    ("value", "is_limit", "said"),
    [
        (1.0, False, "**missed**"), (2.0, False, "held"), (3.0, False, "aim reached"),
        (9.0, True, "**missed**"), (2.5, True, "held"), (1.0, True, "aim reached"),
    ],
)  # fmt: skip
def test_a_row_says_whether_it_is_held(value: float, is_limit: bool, said: str) -> None:
    bounds = (3.0, 2.0) if is_limit else (2.0, 3.0)
    row = Row("", Plain("", ""), *bounds, "×", is_limit)
    assert report.verdict(row, Figure(value, value, value)) == said


def test_the_report_has_every_row_whether_measured_missed_or_not_measured() -> None:
    content = {
        "run": {"machine": {"processor": "a fast one"}, "commit": "abc", "threads": 2, "rounds": 1, "tokens": 64},
        "samples": {
            "1 stream: engine": [{"tokens_per_s": 100.0}],
            "1 stream: llama.cpp Q4_1": [{"tokens_per_s": 50.0}],
            "a cancelled reply": [{"steps": 1.0}],
        },
        "reasons": {"transformers continuous batching, bf16": "It is not for this machine."},
        "stages": {"speeds": {"seconds": 1.0, "others": 0.25}},
    }
    text = report.rendered(content)
    rows = {row.what: next(line for line in text.splitlines() if line.startswith(f"| {row.what} |")) for row in TABLE}
    assert "2.00 × (2.00 to 2.00) | 100 : 50 (llama.cpp Q4_1) | **missed**" in rows[TABLE[0].what]
    assert "aim reached" in rows["cancel: steps until its pages are free"]
    assert "not measured | it did not come to that" in rows["quality: mean KL to float32"]
    assert "others took 25% of the processors" in text
    assert "not quiet" in text


def test_a_row_of_which_nothing_is_asked_is_told() -> None:
    assert report.verdict(Row("", Plain("", ""), None, None, "×"), Figure(1.0, 1.0, 1.0)) == "told"
