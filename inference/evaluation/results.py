"""Writes what an evaluation found: one file with the verdict, one with every item behind it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.contract import ChatMessage
from inference.evaluation.gate import decide
from inference.evaluation.runner import Runner

RESULT = "result.json"
ITEMS = "items.jsonl"
RESULT_VERSION = 1


def write(runner: Runner) -> dict[str, Any]:
    """Write both files into the output folder, whole or not at all, and return what stands in RESULT."""
    verdict = decide(runner.findings)
    result: dict[str, Any] = {
        "v": RESULT_VERSION,
        "verdict": verdict,
        "reasons": [
            f.reason for f in runner.findings if f.role != "report" and (f.verdict == verdict or verdict == "pass")
        ],
        "findings": [_finite(asdict(finding)) for finding in runner.findings],
        "plan_sha256": runner.plan_sha256,
        "rules": asdict(runner.spec.rules),
        "rules_sha256": runner.spec.rules.sha256,
        "suites": [
            {"name": suite.name, "version": suite.version, "sha256": suite.sha256, "items": len(suite.items)}
            for suite in runner.suites
        ],
        "adapters": {arm: adapter and adapter.sha256 for arm, adapter in runner.adapters.items()},
        "base_model_sha256": runner.base_model_sha256,
    }
    _replace(runner.spec.output / ITEMS, _items(runner))
    _replace(runner.spec.output / RESULT, [json.dumps(result, ensure_ascii=False, indent=2)])
    return result


def _items(runner: Runner) -> Iterable[str]:
    questions = _questions(runner)
    for scored in runner.scored:
        texts = runner.texts.get(scored.suite, {})
        answers = {item_id: texts[item_id] for item_id in scored.items}
        asked = {item_id: questions[scored.suite, item_id] for item_id in scored.items or (scored.id,)}
        yield json.dumps({**asdict(scored), "answers": answers, "questions": asked}, ensure_ascii=False)


def _questions(runner: Runner) -> dict[tuple[str, str], dict[str, Any]]:
    """What was asked, by suite and item, so that a case can be read without the suites and the snapshot."""
    found = {
        (suite.name, item.id): {"prompt": _turns(item.prompt), "gold": item.gold}
        for suite in runner.asked.values()
        for item in suite.items
    }
    for pair in runner.pairs:
        choice = {"gold": pair.chosen, "rejected": pair.rejected}
        found["preferences", pair.id] = {"prompt": _turns(pair.prompt), **choice}
    return found


def _turns(prompt: Iterable[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in prompt]


def _finite(finding: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity, which is the bound of what a single cluster says."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in finding.items()
    }


def _replace(path: Path, lines: Iterable[str]) -> None:
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
