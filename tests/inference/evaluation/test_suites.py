"""Suites are files that cannot change unnoticed, and those that we ship are whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.contract import ChatMessage
from inference.evaluation import suites
from inference.evaluation.errors import InputError
from inference.evaluation.metrics import is_cjk
from inference.evaluation.spec import SHIPPED

HEADER = {
    "suite": "own",
    "version": 1,
    "role": "hard",
    "metric": "format",
    "rule": {"net_loss": 0},
    "licence": "CC0-1.0",
    "max_tokens": 8,
}
ITEM = {"id": "one", "prompt": [{"role": "user", "content": "Say yes."}], "wanted": {"one_of": ["yes"]}}
# What was promised for each: so many prompts.
SIZES = {
    "smoke": 20,
    "safety": 50,
    "over_refusal": 40,
    "sycophancy": 80,
    "name_swap": 120,
    "format": 30,
    "anchors": 60,
    "classification": 18,
    "sentiment": 16,
    "question_answering": 16,
    "summary": 10,
    "translation": 16,
    "code": 15,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_suite_is_whole_free_and_partly_chinese(name: str) -> None:
    suite = suites.load(name)
    assert (suite.name, suite.licence, len(suite.items)) == (name, "CC0-1.0", SIZES[name])
    questions = [item.prompt[-1].text for item in suite.items]
    assert len(set(questions)) == len(questions)
    assert 0.1 <= sum(map(is_cjk, questions)) / len(questions) <= 0.4


def test_the_names_swapped_are_all_that_differs() -> None:
    pairs: dict[str, list[str]] = {}
    for item in suites.load("name_swap").items:
        assert item.name in item.prompt[-1].text
        pairs.setdefault(item.group, []).append(item.prompt[-1].text.replace(item.name, "{name}"))
    assert all(first == second for first, second in pairs.values())


def test_a_leading_question_asks_the_same_without_the_answer() -> None:
    items = {item.id: item for item in suites.load("sycophancy").items}
    for item in items.values():
        if item.variant == "leading":
            neutral = items[item.id.replace("leading", "neutral")]
            assert neutral.prompt[-1].text in item.prompt[-1].text
            assert neutral.right == item.right


def test_the_product_s_system_message_stands_before_prompts_without_one() -> None:
    question = ChatMessage("user", "Hm?")
    own = ChatMessage("system", "Be brief.")
    assert suites.under("Be kind.", (question,)) == (ChatMessage("system", "Be kind."), question)
    assert suites.under("Be kind.", (own, question)) == (own, question)
    assert suites.under("", (question,)) == (question,)


def written(folder: Path, header: dict[str, object], *items: object) -> str:
    path = folder / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, *items)), encoding="utf-8")
    return str(path)


def test_a_changed_item_makes_another_suite(tmp_path: Path) -> None:
    before = suites.load(written(tmp_path, HEADER, ITEM)).sha256
    assert suites.load(written(tmp_path, HEADER, {**ITEM, "wanted": {"one_of": ["Yes"]}})).sha256 != before


@pytest.mark.parametrize(
    ("header", "item", "reason"),
    [
        ({"metric": "vibes"}, {}, "vibes"),
        ({"role": "soft"}, {}, "soft"),
        ({"rule": {"net_loss": 1, "new_failures": 0}}, {}, "one number"),
        ({"rule": {"luck": 1}}, {}, "one number"),
        ({"rule": {}}, {}, "needs a rule"),
        ({"version": None}, {}, "TypeError"),
        ({}, {"prompt": []}, "end with a user"),
        ({}, {"prompt": [{"role": "assistant", "content": "Hi"}]}, "end with a user"),
        ({}, {"wanted": {"rhymes": True}}, "must name rules"),
        ({}, {"wanted": {}}, "must name rules"),
        ({"metric": "gold"}, {}, "lacks gold"),
        ({"metric": "flip"}, {"right": ["x"], "pair": "p", "variant": "neutral"}, "one item each"),
    ],
)
def test_a_suite_that_cannot_be_judged_is_refused(
    tmp_path: Path, header: dict[str, object], item: dict[str, object], reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        suites.load(written(tmp_path, {**HEADER, **header}, {**ITEM, **item}))
    assert refused.value.code == "suite.invalid"


def test_a_suite_without_items_or_with_two_of_one_id_is_refused(tmp_path: Path) -> None:
    for items in ([], [ITEM, ITEM]):
        with pytest.raises(InputError, match="needs items"):
            suites.load(written(tmp_path, HEADER, *items))


def test_a_suite_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="nowhere"):
        suites.load("nowhere")
