"""The model card of an adapter: what it is for, what went in, what was found. One content, as a page and as Markdown.

Names and licences in it come from people and files: in Markdown each is one line in which nothing means anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from assistant.adapters.models import Adapter
from assistant.finetuning.runs import queries
from assistant.finetuning.runs.models import TrainingRun
from webui.learning.charts import Bar, bars
from webui.learning.findings import Row, checks, panels, verdict_sentence
from webui.learning.names import OBJECTIVES, SLICES, SOURCES, SPLITS, name_of


@dataclass(frozen=True, slots=True)
class Section:
    """Sentences, then pairs of a name and a value."""

    title: str
    sentences: list[str] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    sections: list[Section]

    def markdown(self) -> str:
        lines = [f"# {plain(self.title)}", ""]
        for section in self.sections:
            lines += [f"## {plain(section.title)}", ""]
            for sentence in section.sentences:
                lines += [plain(sentence), ""]
            if section.rows:
                lines += ["| | |", "|:--|:--|"]
                lines += [f"| {plain(name)} | {plain(value)} |" for name, value in section.rows] + [""]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What went into an adapter. Weights are of all rows together, counts are rows."""

    sources: list[Bar]
    splits: list[Bar]
    scripts: list[Bar]
    facts: list[tuple[str, str]]


def plain(text: str) -> str:
    """One line in which no sign of Markdown or HTML means anything."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~$&@:])", r"\\\1", " ".join(text.split()))


def ingredients_of(run: TrainingRun) -> Ingredients:
    manifest = run.snapshot.manifest
    splits = {name_of(SPLITS, split): sum(kinds.values()) for split, kinds in manifest.get("counts", {}).items()}
    weights = {name_of(SOURCES, source): weight for source, weight in manifest.get("weight_by_source", {}).items()}
    scripts = {name_of(SLICES, script): count for script, count in manifest.get("scripts", {}).items()}
    return Ingredients(bars(weights, "{:.1f}"), bars(splits), bars(scripts), _facts(run, manifest))


def card_of(adapter: Adapter) -> Card:
    training, evaluation = queries.training_of(adapter), queries.evaluation_of(adapter)
    purpose = Section(
        _("What it is"),
        [
            _("A LoRA adapter for one base model, made by Parley from the feedback of the people who use it."),
            _("It is meant for this installation's own conversations. What it was not tested on, it may do badly."),
        ],
        [
            (_("Adapter"), adapter.sha256),
            (_("Base model"), adapter.base_model_sha256),
            (_("Made"), f"{adapter.created_at:%Y-%m-%d %H:%M} UTC"),
        ],
    )
    sections = [purpose]
    if adapter.erased_share:
        share = f"{adapter.erased_share:.1%}"
        text = _("Of what it learned from, {share} by weight had to be erased since. Train it again without.")
        sections.append(Section(_("Erased since"), [text.format(share=share)]))
    if training:
        sections.append(Section(_("What went in"), [], ingredients_of(training).facts))
    if evaluation:
        baseline = evaluation.baseline.name if evaluation.baseline else _("the base model")
        rows = [row for panel in panels(evaluation.result) for row in panel.rows] + checks(evaluation.result)
        found = [(row.question, _result(row)) for row in rows]
        sentence = verdict_sentence(adapter.name, baseline, evaluation.result)
        sections.append(Section(_("What was found"), [sentence], found))
    else:
        sections.append(Section(_("What was found"), [_("It has not been evaluated.")]))
    return Card(adapter.name, sections)


def _result(row: Row) -> str:
    return ", ".join(part for part in (row.figures, row.verdict, row.suite) if part)


def _facts(run: TrainingRun, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    result = run.result
    objectives = [f"{name_of(OBJECTIVES, kind)}: {count}" for kind, count in result.get("rows", {}).items()]
    licences = [f"{licence}: {count}" for licence, count in manifest.get("licences", {}).items()]
    redactions = [f"{name}: {count}" for name, count in manifest.get("redactions", {}).items()]
    versions = [f"{name} {version}" for name, version in result.get("versions", {}).items()]
    facts = [
        (_("Snapshot"), run.snapshot_id),
        (_("Rows learned from"), ", ".join(objectives)),
        (_("People whose words these are"), str(manifest.get("people", ""))),
        (_("Simulated rows"), str(manifest.get("simulated") or "")),
        (_("Licences of what was imported"), ", ".join(licences)),
        (_("Personal data taken out"), ", ".join(redactions)),
        (_("Settings"), ", ".join(_settings(run.config)) or _("the trainer's defaults")),
        (_("Settings, hash"), result.get("spec_sha256", "")),
        (_("Seed"), str(run.seed)),
        (_("Base model"), run.base_model_sha256),
        (_("Steps"), str(result.get("steps", ""))),
        (_("Computed by"), ", ".join(part for part in (result.get("device"), result.get("dtype")) if part)),
        (_("Versions"), ", ".join(versions)),
    ]
    return [(name, value) for name, value in facts if value]


def _settings(config: dict[str, Any], before: str = "") -> list[str]:
    found = []
    for name, value in config.items():
        found += _settings(value, f"{before}{name}.") if isinstance(value, dict) else [f"{before}{name}={value}"]
    return found
