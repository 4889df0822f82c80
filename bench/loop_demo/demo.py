"""The course of the demo: collect, freeze, then one line of the table after the other."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.adapters.registry import BASE
from assistant.feedback.models import Feedback
from assistant.finetuning import examples, grouping, snapshots
from assistant.finetuning.candidates import candidate_of
from assistant.finetuning.models import DatasetSnapshot, Example, SnapshotItem
from bench.loop_demo import faq, measures, simulation
from bench.loop_demo.arms import Arm, arms, trained, verdict_on
from bench.loop_demo.faq import Asked, Entry
from bench.loop_demo.simulation import Question
from inference.evaluation.suites import FOLDER as SUITES

SEED = 0
ROUNDS = 2  # how many people ask the same
SAFETY_PROMPTS = 20
QUICK_ARMS = ("replay", "wordings", "unfiltered")


class Demo:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(settings.DATA_DIR) / "loop-demo"
        self.folder.mkdir(parents=True, exist_ok=True)
        entries = faq.read_entries(options.faq or faq.fetch(self.folder))
        asked = faq.read_paraphrases(options.paraphrases or faq.PARAPHRASES)
        in_other_words = {one.entry_id for one in asked if one.use == "result"}
        split = _splits(entries)
        of = {name: [entry for entry in entries if split.get(entry.id) == name] for name in snapshots.SPLITS}
        self.facts = [entry for entry in of[grouping.TRAIN] if entry.id in in_other_words][: options.facts]
        self.unseen, self.dev = of[grouping.TEST][: options.unseen], of[grouping.DEV][: options.unseen // 2]
        ids = {entry.id for entry in self.facts}
        self.asked = [one for one in asked if one.entry_id in ids and one.use == "result"]
        self.harmful = _prompts(SUITES / "safety.jsonl")[: 4 if options.quick else SAFETY_PROMPTS]
        self.times: dict[str, float] = self._kept("times", dict)

    def run(self) -> dict[str, Any]:
        collected = self._kept("collected", self._collect)
        live = self._kept("live", lambda: self._measured(BASE, None))
        lines = [
            {"name": "live", "says": "live (the base model)", "measured": live["measured"], "minutes": live["minutes"]}
        ]
        for arm in arms(self.options.augmentation):
            if not self.options.quick or arm.name in QUICK_ARMS:
                line = self._kept(arm.name, lambda arm=arm: self._line(arm, collected, live["answers"]))  # type: ignore[misc]
                lines.append({key: value for key, value in line.items() if key != "answers"})
                print(f"{arm.name}: {line['minutes']:.1f} minutes", flush=True)
        return {
            "v": 1,
            "attribution": faq.ATTRIBUTION if self.options.faq is None else "an invented file",
            "model": Path(str(settings.MODEL_PATH)).name,
            "recipe": self.options.recipe,
            "augmentation": self.options.augmentation,
            "asked": len(self.asked),
            **collected,
            "arms": lines,
            "minutes": round(sum(self.times.values()), 1),
        }

    def _collect(self) -> dict[str, Any]:
        """People ask and rate, trolls do their thing, somebody reviews: two snapshots, with the filters and without."""
        entries = [*self.facts, *self.unseen, *self.dev]
        for turn in range(ROUNDS):
            simulation.ask_and_rate(entries, BASE, SEED + turn)
        simulation.troll(self.facts, BASE, SEED)
        simulation.review(entries)
        examples.build()
        Example.objects.update(is_simulated=True)
        filtered = snapshots.build()
        held = list(snapshots.plan().dropped)
        examples.release(None, held, "The demo's line without filters.")
        unfiltered = snapshots.build()
        both = {"filtered": filtered, "unfiltered": unfiltered}
        return {
            "questions": len(entries),
            "ratings": Feedback.objects.count(),
            "snapshots": {name: _facts_of(snapshot) for name, snapshot in both.items()},
            "troll_answers": simulation.TROLLS * min(len(self.facts), simulation.TROLL_QUESTIONS),
            "troll_weight": {name: _troll_weight(snapshot) for name, snapshot in both.items()},
        }

    def _line(self, arm: Arm, collected: dict[str, Any], live: dict[str, str]) -> dict[str, Any]:
        snapshot = DatasetSnapshot.objects.get(pk=collected["snapshots"][arm.snapshot]["sha256"])
        gated = arm.is_gated and not self.options.quick
        run = trained(arm, snapshot, self.options.recipe, is_gated=gated)
        line: dict[str, Any] = {"name": arm.name, "says": arm.says, "seed": arm.seed}
        if run.adapter is None:
            return {**line, "failed": run.error_message or run.state}
        result = run.result
        return {
            **line,
            "adapter": run.adapter.sha256,
            "drift": result["best"]["drift"],
            "training": {key: result[key] for key in ("rows", "augmentation", "steps", "seconds", "tokens")},
            "gate": verdict_on(run.adapter),
            **self._measured(str(run.adapter.pk), live),
        }

    def _measured(self, choice: str, live: dict[str, str] | None) -> dict[str, Any]:
        """Ask everything there is to ask and count; `live` are the answers it is compared with, None its own."""
        admin = simulation.person("admin", Person.Role.ADMIN)
        texts = [one.text for one in self.asked]
        texts += [entry.question for entry in (*self.facts, *self.unseen)] + self.harmful
        questions = [Question(text, choice, admin) for text in texts]
        answers = {question.text: reply.text for question, reply in simulation.answers_to(questions, is_greedy=True)}
        facts_of = {one.entry_id: one.facts for one in self.asked}
        own = [
            Asked(entry.id, entry.question, facts_of[entry.id], "result")
            for entry in self.facts
            if entry.id in facts_of
        ]
        f1, gain = measures.likeness(self.unseen, answers, live or answers)
        found = {
            "facts": measures.recall(self.asked, answers),
            "own_wording": measures.recall(own, answers),
            "unseen_f1": f1,
            "unseen_gain": gain,
            "refused": measures.refused(self.harmful, answers),
        }
        told: dict[str, Any] = {name: measures.as_json(mean) for name, mean in found.items()}
        return {"measured": told | {"troll_name": measures.naming(simulation.TROLL_NAME, answers)}, "answers": answers}

    def _kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What was made before, or what is made now and kept with the minutes it took."""
        path = self.folder / f"{name}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))
        began = time.monotonic()
        made = make()
        if name != "times":
            self.times[name] = (time.monotonic() - began) / 60
            (self.folder / "times.json").write_text(json.dumps(self.times), encoding="utf-8")
            made |= {"minutes": round(self.times[name], 2)}
        path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
        return made


def _splits(entries: Sequence[Entry]) -> dict[str, str]:
    """The split that the product will give to each question; those that link two splits have none."""
    found = {}
    for entry in entries:
        example = Example(
            kind=Example.Kind.SFT,
            source=Example.Source.GOLD,
            prompt=[{"role": "user", "content": entry.question}],
            completion=[{"role": "assistant", "content": entry.answer}],
            base_weight=1.0,
        )
        found[entry.id] = candidate_of(example)
    placed = grouping.assign(list(found.values()), snapshots.salt()).placed
    return {entry_id: placed[row.id][1] for entry_id, row in found.items() if row.id in placed}


def _facts_of(snapshot: DatasetSnapshot) -> dict[str, Any]:
    return {"sha256": snapshot.sha256, "rows": snapshot.rows, "counts": snapshot.manifest["counts"]}


def _troll_weight(snapshot: DatasetSnapshot) -> float:
    items = SnapshotItem.objects.filter(snapshot=snapshot)
    trolls = Person.objects.filter(username__startswith="simulated-troll").values("pk")
    whole = sum(items.values_list("weight", flat=True))
    return sum(items.filter(example__person__in=trolls).values_list("weight", flat=True)) / whole


def _prompts(path: Path) -> list[str]:
    _, *rows = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["prompt"][-1]["content"] for row in rows]
