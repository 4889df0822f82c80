"""What was trained on is never what is tested, and a test split that cannot be read is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.contract import ChatMessage
from inference.evaluation import held_out
from inference.evaluation.errors import InputError
from inference.evaluation.suites import Item
from tests.inference.evaluation.rows import Row, correction, preference, snapshot

TESTED = correction("t", "May I return it?", "Yes, within 30 days.", group="returns")


def test_the_test_split_is_read_and_ratings_are_left_out(tmp_path: Path) -> None:
    unpaired = {**TESTED, "id": "u", "kind": "unpaired", "label": True}
    folder = snapshot(tmp_path / "s", test=[TESTED, unpaired, preference("p", "Hm?", "Yes.", "No.")])
    found = held_out.read(folder, 99)
    (item,) = found.suite.items
    assert (item.id, item.group, item.gold, found.suite.max_tokens) == ("t", "returns", "Yes, within 30 days.", 99)
    assert [(pair.chosen, pair.rejected) for pair in found.pairs] == [("Yes.", "No.")]


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(correction("x", "Something else?", "Yes.", group="returns"), id="its group"),
        pytest.param(correction("x", "may I  return it", "No!", group="other"), id="its question"),
    ],
)
def test_what_was_trained_on_is_not_tested(tmp_path: Path, split: str, row: Row) -> None:
    test = snapshot(tmp_path / "test", test=[TESTED])
    training = snapshot(tmp_path / "training", **{split: [correction("y", "How much?", "Ten.", group="price"), row]})
    with pytest.raises(InputError, match=r"row x of .*\.jsonl belongs to the test split") as refused:
        held_out.refuse_leaks(test, training)
    assert refused.value.code == "gate.leak"


def test_an_older_training_snapshot_whose_test_split_is_the_same_does_not_leak(tmp_path: Path) -> None:
    test = snapshot(tmp_path / "test", test=[TESTED])
    training = snapshot(tmp_path / "training", train=[correction("y", "How much?", "Ten.")], test=[TESTED])
    held_out.refuse_leaks(test, training)


def test_what_a_further_suite_asks_was_not_trained_on(tmp_path: Path) -> None:
    test = snapshot(tmp_path / "test", test=[TESTED])
    training = snapshot(tmp_path / "training", train=[correction("x", "How much is it?", "Ten.")])
    asked = Item("a", (ChatMessage("user", "How MUCH is it"),), "a")
    suite = replace(held_out.read(test, 9).suite, items=(asked,))
    held_out.refuse_leaks(test, training)
    with pytest.raises(InputError, match="is asked by a suite"):
        held_out.refuse_leaks(test, training, [suite])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"completion": []}, "snapshot.invalid"),
        ({"completion": [{"role": "user", "content": "Yes."}]}, "snapshot.invalid"),
        ({"group": None, "prompt": "May I?"}, "snapshot.invalid"),
        ({"kind": "unpaired"}, "snapshot.no_test"),
    ],
)
def test_a_test_split_that_cannot_be_asked_is_refused(tmp_path: Path, change: Row, code: str) -> None:
    with pytest.raises(InputError) as refused:
        held_out.read(snapshot(tmp_path / "s", test=[{**TESTED, **change}]), 9)
    assert refused.value.code == code


def test_a_snapshot_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        held_out.read(tmp_path / "nowhere", 9)
