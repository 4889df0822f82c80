"""Reads `/metrics` as Prometheus does."""

from __future__ import annotations

from django.test import Client
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from assistant.metrics import counts
from webui.metrics import views


class Scrape:
    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Metric] = {}
        self._values: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, f"{family.name} comes twice"
            self.families[family.name] = family
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in self._values, f"{key} comes twice"
                self._values[key] = sample.value

    def value(self, name: str, **labels: str) -> float | None:
        """Of exactly these labels; None where there is no such sample."""
        return self._values.get((name, frozenset(labels.items())))

    def sum(self, name: str, **labels: str) -> float:
        """Over all samples that have these labels among theirs."""
        return sum(
            value
            for (found, theirs), value in self._values.items()
            if found == name and labels.items() <= dict(theirs).items()
        )

    def labels(self, name: str) -> set[str]:
        """Every value of every label of a family."""
        return {value for sample in self.families[name].samples for value in sample.labels.values()}


def scrape(client: Client) -> Scrape:
    """What a web process says that looks at the database now."""
    views._state = (0.0, None)
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Scrape(answer.content.decode())


def nothing_counted() -> None:
    """Forget what other tests counted in this process and in Redis."""
    counts.flush()
    counts.connection().flushall()
