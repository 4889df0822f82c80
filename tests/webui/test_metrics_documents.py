"""The list of metrics in docs/operations.md is complete, and the example alerts ask for what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from django.conf import settings
from django.test import Client

from assistant.metrics import counts
from assistant.metrics.catalog import REPLIES
from assistant.runtime.valkey import EmbeddedValkey
from tests.scraping import Scrape, nothing_counted, scrape

pytestmark = pytest.mark.django_db

DOCS = settings.BASE_DIR / "docs"
RULES = yaml.safe_load((DOCS / "prometheus-alerts.yml").read_text())["groups"][0]["rules"]
SUFFIXES = ("_total", "_bucket", "_count", "_sum")


@pytest.fixture
def scraped(client: Client, valkey: EmbeddedValkey) -> Scrape:
    """With something of what alerts are made for."""
    nothing_counted()
    counts.count(REPLIES, "failed", "engine.step_failed")
    assert client.get("/readyz").status_code == 503
    return scrape(client)


def test_every_metric_is_listed_with_its_labels_and_every_listed_one_is_there(scraped: Scrape) -> None:
    section = (DOCS / "operations.md").read_text().partition("## Watching it")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`parley_.*?) \|", section, re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    assert len(listed) == len(set(listed))
    assert {name.removesuffix("_total") for name in listed} == set(scraped.families)
    counters = {name for name, family in scraped.families.items() if family.type == "counter"}
    assert {name.removesuffix("_total") for name in listed if name.endswith("_total")} == counters


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_metrics_that_are_there(rule: dict[str, Any], scraped: Scrape) -> None:
    selectors = list(_selectors(promql_parser.parse(rule["expr"])))

    assert selectors
    for selector in selectors:
        if selector.name != "up":  # Prometheus' own
            family = next(iter({selector.name, *map(selector.name.removesuffix, SUFFIXES)} & set(scraped.families)))
            asked = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
            _assert_that_samples_may_match(scraped, family, asked)
    assert rule["annotations"]["summary"].endswith(".")


def _assert_that_samples_may_match(scraped: Scrape, family: str, asked: dict[str, str]) -> None:
    """Each label must be there, and for each pattern of a value one that it fits."""
    for sample in scraped.families[family].samples:
        assert asked.keys() <= sample.labels.keys()
    for label, values in asked.items():
        known = {sample.labels[label] for sample in scraped.families[family].samples}
        assert all(any(re.fullmatch(value, each) for each in known) for value in values.split("|"))


def _selectors(node: Any) -> Iterator[Any]:
    """All selectors of series in an expression."""
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield from _selectors(node.vector_selector)
        case promql_parser.Call():
            for argument in node.args:
                yield from _selectors(argument)
        case promql_parser.BinaryExpr():
            yield from _selectors(node.lhs)
            yield from _selectors(node.rhs)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.SubqueryExpr():
            yield from _selectors(node.expr)
