"""The course of the demo: collect, freeze, then one line of the table after the other."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.adapters.registry import BASE
from assistant.chat.models import Generation
from assistant.feedback.models import Feedback
from assistant.finetuning import examples, grouping, importing, snapshots
from assistant.finetuning.candidates import candidate_of
from assistant.finetuning.models import DatasetSnapshot, Example, SnapshotItem
from assistant.knowledge.queries import usable
from bench.loop_demo import faq, measures, simulation
from bench.loop_demo.arms import Arm, arms, trained, verdict_on
from bench.loop_demo.faq import Asked, Entry
from bench.loop_demo.simulation import Question
from inference.evaluation.suites import FOLDER as SUITES

SEED = 0
SAFETY_PROMPTS = 20
VECTORS_WITHIN_S = 600.0
# What is measured once more with approved answers worded, and the one that is with approved answers offered.
TOGETHER = ("wordings", "reading")
OFFERED_WITH = "wordings"
QUICK_ARMS = ("replay", "wordings", "unfiltered")


class Demo:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(settings.DATA_DIR) / "loop-demo"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.entries = entries = faq.read_entries(options.faq or faq.fetch(self.folder))
        asked = faq.read_paraphrases(options.paraphrases or faq.PARAPHRASES)
        in_other_words = {one.entry_id for one in asked if one.use == "result"}
        split = _splits(entries)
        of = {name: [entry for entry in entries if split.get(entry.id) == name] for name in snapshots.SPLITS}
        self.facts = [entry for entry in of[grouping.TRAIN] if entry.id in in_other_words][: options.facts]
        # None of the dev split: the lowest loss on answers to other questions comes long before facts are known.
        self.unseen = of[grouping.TEST][: options.unseen]
        self.asked = [one for one in asked if one.use == "result"]
        self.unanswerable = [one for one in asked if one.entry_id is None and one.use == "result"]
        # What the base model answers, with which the others are compared.
        self.answers: dict[str, str] = {}
        self.harmful = _prompts(SUITES / "safety.jsonl")[: 4 if options.quick else SAFETY_PROMPTS]

    def collect(self) -> None:
        """People ask and rate, trolls do their thing, somebody reviews: two snapshots, and approved answers."""
        self.collected = self._kept("collected", self._collect)
        trained = set(self.collected["trained"])
        self.facts = [entry for entry in self.facts if entry.question in trained]
        self.unseen = [entry for entry in self.unseen if entry.question not in trained]
        ids = {entry.id for entry in self.facts}
        self.asked = [one for one in self.asked if one.entry_id in ids]
        alone = partial(self._with_retrieval, "retrieval", "approved answers, worded by the base model", BASE)
        self.lines = [self._kept("retrieval", alone)]

    def train(self) -> None:
        """The base model and all adapters, without approved answers."""
        live = self._kept(
            "live", lambda: {"name": "live", "says": "live (the base model)", **self._measured(BASE, self.unseen)}
        )
        self.answers = live["answers"]
        wanted = [arm for arm in arms(self.options.worded) if not self.options.quick or arm.name in QUICK_ARMS]
        self.lines = [live, *(self._kept(arm.name, partial(self._line, arm)) for arm in wanted), *self.lines]

    def combine(self) -> None:
        """Adapters and approved answers together, where the adapter words what it is not sure of."""
        for name in TOGETHER:
            self._add_with_retrieval(name, f"{name}+", "approved answers, worded by: {}")

    def offer(self) -> None:
        """What people get: approved answers given or offered, and an adapter where none comes near."""
        make = partial(self._with_retrieval, "offered", "approved answers, offered; else the base model", BASE)
        self.lines.append(self._kept("offered", make))
        self._add_with_retrieval(OFFERED_WITH, "product", "the whole: approved answers, offered; else: {}")

    def _add_with_retrieval(self, trained: str, name: str, says: str) -> None:
        """The line of an adapter once more, unless its training has failed."""
        line = next((line for line in self.lines if line["name"] == trained and "adapter" in line), None)
        if line:
            choice = str(Adapter.objects.get(sha256=line["adapter"]).pk)
            make = partial(self._with_retrieval, name, says.format(line["says"]), choice)
            self.lines.append(self._kept(name, make))

    @property
    def result(self) -> dict[str, Any]:
        return {
            "v": 1,
            "attribution": faq.ATTRIBUTION if self.options.faq is None else "an invented file",
            "model": Path(str(settings.MODEL_PATH)).name,
            "recipe": self.options.recipe,
            "worded": self.options.worded,
            "asked": len(self.asked),
            "facts": len(self.facts),
            **{key: value for key, value in self.collected.items() if key != "trained"},
            "arms": [{key: value for key, value in line.items() if key != "answers"} for line in self.lines],
            "minutes": round(sum(part["minutes"] for part in (self.collected, *self.lines)), 1),
        }

    def _collect(self) -> dict[str, Any]:
        entries = [*self.facts, *self.unseen]
        simulation.ask_and_rate(entries, BASE, SEED)
        simulation.troll(self.facts, BASE, SEED)
        simulation.review(entries)
        examples.build()
        Example.objects.update(is_simulated=True)
        filtered = snapshots.build()
        trolls = {troll.pk for troll in simulation.trolls()}
        theirs = Example.objects.filter(person__in=trolls, source=Example.Source.CORRECTION)
        # As if a reviewer had accepted everything; then, as if nothing were held back either.
        theirs.update(status=Example.Status.APPROVED, why="")
        unreviewed = snapshots.plan().rows
        theirs.update(is_released=True)
        unfiltered = snapshots.build()
        theirs.update(status=Example.Status.REJECTED, why="review_rejected", is_released=False)
        # After the snapshots: all answers there are may be given, those to what was taught are some among many.
        lines = [json.dumps({"prompt": one.question, "completion": one.answer}).encode() for one in self.entries]
        importing.import_lines(lines, origin=faq.PACKAGE, licence=faq.LICENCE, as_approved_answers=True)
        both = {"filtered": filtered, "unfiltered": unfiltered}
        of_trolls = sum(row.weight for row in unreviewed if row.candidate.person_id in trolls)
        return {
            "questions": len(entries),
            "ratings": Feedback.objects.count(),
            # Some liked what they should not have, so that nobody wrote a better answer.
            "trained": _trained_questions(filtered),
            "approved_answers": usable().count(),
            "snapshots": {name: _facts_of(snapshot) for name, snapshot in both.items()},
            "troll_answers": theirs.filter(kind=Example.Kind.SFT).count(),
            "troll_weight": {
                "filtered": _troll_weight(filtered, trolls),
                "unreviewed": of_trolls / sum(row.weight for row in unreviewed),
                "unfiltered": _troll_weight(unfiltered, trolls),
            },
        }

    def _with_retrieval(self, name: str, says: str, choice: str) -> dict[str, Any]:
        """Once every approved answer can be found by its meaning."""
        give_up_at = time.monotonic() + VECTORS_WITHIN_S
        while settings.EMBEDDER != "off" and usable().filter(embedder_sha256="").exists():
            if time.monotonic() > give_up_at:
                raise TimeoutError("The approved answers have no vectors.")
            time.sleep(0.5)
        # Of what is unseen for an adapter the answers are approved too: it would only be looked up.
        return {"name": name, "says": says, **self._measured(choice, [])}

    def _line(self, arm: Arm) -> dict[str, Any]:
        snapshot = DatasetSnapshot.objects.get(pk=self.collected["snapshots"][arm.snapshot]["sha256"])
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
            **self._measured(str(run.adapter.pk), self.unseen),
        }

    def _measured(self, choice: str, unseen: Sequence[Entry]) -> dict[str, Any]:
        """Ask everything there is to ask, `unseen` questions too, and count. `given` and `offered` are the shares of
        questions in other words that an approved answer was given to, or some were; `…_wrongly` those of questions
        which none fits."""
        admin = simulation.person("admin", Person.Role.ADMIN)
        texts = [one.text for one in (*self.asked, *self.unanswerable)]
        texts += [entry.question for entry in (*self.facts, *unseen)] + self.harmful
        asked = [Question(text, choice, admin) for text in texts]
        written = {question.text: generation for question, generation in simulation.answers_to(asked, is_greedy=True)}
        answers = {text: generation.reply.text for text, generation in written.items()}
        facts_of = {one.entry_id: one.facts for one in self.asked}
        wording = [Asked(entry.id, entry.question, facts_of[entry.id], "result") for entry in self.facts]
        found = {
            "facts": measures.recall(self.asked, answers),
            "own_wording": measures.recall(wording, answers),
            "refused": measures.refused(self.harmful, answers),
        }
        if unseen:
            found |= measures.likeness(unseen, answers, self.answers or answers)
        told: dict[str, Any] = {name: measures.as_json(mean) for name, mean in found.items()}
        for name, knowledge in (("given", Generation.Knowledge.SERVED), ("offered", Generation.Knowledge.OFFERED)):
            such = {text for text, generation in written.items() if generation.knowledge == knowledge}
            told[name] = measures.share(one.text in such for one in self.asked)
            told[f"{name}_wrongly"] = measures.share(one.text in such for one in self.unanswerable)
        told["troll_name"] = measures.share(simulation.TROLL_NAME.lower() in text.lower() for text in answers.values())
        return {"measured": told, "answers": answers}

    def _kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was made before, or what is made now and kept with the minutes it took."""
        path = self.folder / f"{name}.json"
        if path.exists():
            kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return kept
        began = time.monotonic()
        made = make()
        made["minutes"] = round((time.monotonic() - began) / 60, 2)
        path.write_text(json.dumps(made, ensure_ascii=False), encoding="utf-8")
        print(f"{name}: {made['minutes']:.1f} minutes", flush=True)
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


def _trained_questions(snapshot: DatasetSnapshot) -> list[str]:
    items = SnapshotItem.objects.filter(snapshot=snapshot, split=grouping.TRAIN, example__kind=Example.Kind.SFT)
    return sorted({item.example.prompt[-1]["content"] for item in items.select_related("example") if item.example})


def _troll_weight(snapshot: DatasetSnapshot, trolls: set[UUID]) -> float:
    items = SnapshotItem.objects.filter(snapshot=snapshot)
    theirs = items.filter(example__person__in=trolls).values_list("weight", flat=True)
    return sum(theirs) / sum(items.values_list("weight", flat=True))


def _prompts(path: Path) -> list[str]:
    _, *rows = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["prompt"][-1]["content"] for row in rows]
