"""What one evaluation is to do, read from SPEC.json.

{"v": 1,
 "engine": {"model": FOLDER, …},                    fields of contract.EngineConfig
 "candidate": {"path": FOLDER, "sha256": …, "base_model_sha256": …},
 "baseline": {"path": FOLDER, "sha256": …} or null, the base model alone
 "test_snapshot": FOLDER,                           whose test.jsonl is asked
 "training_snapshot": FOLDER,                       on which the candidate was trained
 "output": FOLDER,
 "system_message": TEXT,                            for prompts that have none, as people are answered
 "suites": ["safety", …], "answer_tokens": 256, "rules": {…},    these may be left out, as may
 "further_suites": [FILE, …],                       asked beside `suites`; what was trained on may not be in them
 "pause_file": FILE,                                while it exists, the evaluation waits
 "seeds": [{"path": FOLDER, "sha256": …}, …]}       trained like the candidate but for their seed
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from inference.contract import AdapterRef, EngineConfig
from inference.evaluation.errors import InputError
from inference.evaluation.gate import GateRules

SPEC_VERSION = 1
ANSWER_TOKENS = 256
TASKS = ("classification", "sentiment", "question_answering", "summary", "translation", "code")
SHIPPED = ("smoke", "safety", "over_refusal", "sycophancy", "name_swap", "format", "anchors", *TASKS)


@dataclass(frozen=True, slots=True)
class EvaluationSpec:
    engine: EngineConfig
    candidate: AdapterRef
    trained_on_sha256: str  # the base model of the candidate
    baseline: AdapterRef | None
    test_snapshot: Path
    training_snapshot: Path
    output: Path
    rules: GateRules
    suites: tuple[str, ...] = SHIPPED
    answer_tokens: int = ANSWER_TOKENS
    system_message: str = ""
    further_suites: tuple[str, ...] = ()
    pause_file: str = ""
    seeds: tuple[AdapterRef, ...] = ()


def read(path: Path) -> EvaluationSpec:
    """Read `path`; unknown fields are ignored. Raises InputError (`spec.invalid`, `rules.invalid`)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["v"] != SPEC_VERSION:
            raise ValueError(f"v is {content['v']!r}, and this program reads {SPEC_VERSION}")
        baseline = content.get("baseline")
        answer_tokens = content.get("answer_tokens", ANSWER_TOKENS)
        if not isinstance(answer_tokens, int) or answer_tokens < 1:
            raise ValueError("answer_tokens must be a positive number")
        return EvaluationSpec(
            engine=_engine(content["engine"]),
            candidate=_adapter(content["candidate"]),
            trained_on_sha256=str(content["candidate"]["base_model_sha256"]),
            baseline=_adapter(baseline) if baseline else None,
            test_snapshot=Path(content["test_snapshot"]),
            training_snapshot=Path(content["training_snapshot"]),
            output=Path(content["output"]),
            rules=GateRules.parse(content.get("rules", {})),
            suites=tuple(content.get("suites", SHIPPED)),
            answer_tokens=answer_tokens,
            system_message=str(content.get("system_message", "")),
            further_suites=tuple(content.get("further_suites", ())),
            seeds=tuple(_adapter(each) for each in content.get("seeds", ())),
            pause_file=str(content.get("pause_file", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("spec.invalid", f"{path} cannot be used: {error!r}.") from error


def _engine(values: Mapping[str, Any]) -> EngineConfig:
    known = {field.name for field in fields(EngineConfig)}
    return EngineConfig(**{name: value for name, value in values.items() if name in known})


def _adapter(values: Mapping[str, Any]) -> AdapterRef:
    return AdapterRef(sha256=str(values["sha256"]), path=str(values["path"]))
