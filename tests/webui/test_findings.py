"""A verdict in one sentence, made of its findings, and the intervals as they are drawn."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from webui.learning.charts import line_chart, nice_ticks
from webui.learning.findings import panels, verdict_sentence
from webui.learning.words import marked


def finding(metric: str = "chrf", verdict: str = "pass", role: str = "primary", **more: Any) -> dict[str, Any]:
    numbers = {"n": 40, "clusters": 40, "estimate": 0.1, "lo": 0.05, "hi": 0.15, "p": 0.01, "mde": 0.07}
    texts = {"stage": "benefit", "reason": "", "suite": "held_out"}
    return {"metric": metric, "verdict": verdict, "role": role, **texts, **numbers, **more}


def result(verdict: str, *findings: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": verdict, "findings": list(findings), "rules": {"min_clusters": 20, "drift_margin": 0.15}}


DRIFTED = finding("drift", "fail", "hard", estimate=0.3, lo=0.2, hi=0.4)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (result("pass", finding()), "v2 answers better than v1: nearer to what people corrected by +0.100 (at least"),
        (
            result("fail", finding(), DRIFTED, finding("refuses", "fail", "hard")),
            "v2 should not answer: it failed in Drift from the base model, Refuses what does harm.",
        ),
        (
            result("fail", finding("rouge_l", "fail", "report"), DRIFTED),
            "v2 should not answer: it failed in Drift from the base model.",
        ),
        (
            result("not_enough_evidence", finding(verdict="not_enough_evidence", clusters=7)),
            "cannot be told yet: 7 independent corrections are held out, and at least 20 are needed.",
        ),
        (
            result("not_enough_evidence", finding(verdict="not_enough_evidence", lo=-0.02)),
            "is open: the difference lies between -0.020 and +0.150; one of 0.070 would be found in four of five",
        ),
        (
            result("not_enough_evidence", finding(), finding("drift", "not_enough_evidence", "hard")),
            "there is not enough evidence on Drift from the base model.",
        ),
    ],
)
def test_the_sentence_says_the_verdict_and_its_ground(found: dict[str, Any], sentence: str) -> None:
    assert sentence in verdict_sentence("v2", "v1", found)


def test_names_that_look_like_fields_do_no_harm() -> None:
    assert "{0} answers better than {baseline}" in verdict_sentence("{0}", "{baseline}", result("pass", finding()))


def test_in_chinese_a_list_has_its_own_comma() -> None:
    with translation.override("zh-hans"):
        sentence = verdict_sentence("v2", "v1", result("fail", DRIFTED, finding("refuses", "fail", "hard")))
    assert "与基础模型的偏移、拒绝有害的请求" in sentence


def test_each_unit_has_an_axis_of_its_own_and_says_where_better_is() -> None:
    drawn = panels(result("fail", finding(), finding("tokens", "pass", "cost"), DRIFTED))

    assert [(panel.direction, [row.question for row in panel.rows]) for panel in drawn] == [
        ("Better to the right", ["Likeness to the corrections (chrF)"]),
        ("Better to the left", ["Drift from the base model"]),
        ("Better to the left", ["Tokens per answer"]),
    ]


def test_an_interval_is_drawn_where_its_numbers_are() -> None:
    [panel] = panels(result("fail", DRIFTED))
    interval = panel.rows[0].interval
    assert interval is not None

    places = {name: float(getattr(interval, name)[:-1]) for name in ("zero", "margin", "low", "at", "high")}
    assert 0 < places["zero"] < places["margin"] < places["low"] < places["at"] < places["high"] < 100
    unit = (places["high"] - places["zero"]) / 0.4
    for name, value in (("margin", 0.15), ("low", 0.2), ("at", 0.3)):
        assert places[name] == pytest.approx(places["zero"] + unit * value, abs=0.02)


def test_a_bound_that_is_not_there_is_drawn_to_the_edge() -> None:
    [panel] = panels(result("fail", finding(lo=None, hi=None)))
    interval = panel.rows[0].interval
    assert interval is not None
    assert (interval.low, interval.high) == ("0.00%", "100.00%")
    assert panel.rows[0].figures == "+0.100"


def test_a_metric_that_nobody_knows_is_shown_by_its_own_name() -> None:
    [panel] = panels(result("pass", finding("<b>new</b>[x]")))
    assert panel.rows[0].question == "<b>new</b> · x"


@pytest.mark.parametrize(
    ("low", "high", "labels"), [(0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (-3, 12, ["0", "5", "10"])]
)
def test_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    assert [label for _value, label in nice_ticks(low, high, 5)] == labels


def test_words_that_only_one_answer_has_are_marked() -> None:
    left, right = marked("The moon pulls the sea.", "The sun pulls the sea.")

    assert [(piece.text, piece.is_marked) for piece in left] == [
        ("The ", False), ("moon", True), (" pulls the sea.", False)
    ]  # fmt: skip
    assert [piece.text for piece in right if piece.is_marked] == ["sun"]
    assert "".join(piece.text for piece in right) == "The sun pulls the sea."


def test_of_chinese_each_sign_is_a_word() -> None:
    left, right = marked("今天天气好", "今天天气不好")
    assert [piece.text for piece in right if piece.is_marked] == ["不"]
    assert not [piece for piece in left if piece.is_marked]


def test_what_has_only_begun_is_not_drawn_from_below_nothing() -> None:
    chart = line_chart("Harm", "hours", "e-value", {"harm": [(0.01, 1.0)]}, y_from=0.0)

    assert chart
    assert not [tick.label for tick in chart.x_ticks if tick.label.startswith("-")]
