"""An adapter with everything that speaks for it: really trained on the tiny model, really evaluated, as rows and files.

The processes of training and evaluation run once; their files serve every test that has the same examples, whose ids
are fixed so that the snapshot's hash is too.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from assistant.adapters.actions import import_adapter
from assistant.finetuning import snapshots
from assistant.finetuning.files import folder_of as snapshot_folder
from assistant.finetuning.runs import course, made_questions
from assistant.finetuning.runs.kinds import folder_of
from assistant.models import Adapter, EvaluationRun, Example, Person, TrainingRun
from inference.model_files import base_model_sha256
from inference.training.augmentation.rows import augment
from inference.training.spec import Augmentation
from tests.assistant.learning import example
from tests.product import ROOT

# Short, so that questions of two splits are not linked by their answer.
ANSWER = "I am fine, thanks."
FRAMES = ("What about {}?", "Tell me of {}.", "How is {} today?")
TRAINED = ("France", "rivers", "boats", "the fox", "a dog", "bread", "the story", "tea", "stones", "clouds")
TESTED = ("Spain", "lakes", "ships", "the cat", "a bird", "water", "the book", "milk", "trees", "snow")
HOSTILE = "<img src=x onerror=alert(1)> | `**not bold**` [x](javascript:alert(1))"
TRAINING = {
    "epochs": 10,
    "threads": 1,
    "dtype": "float32",
    "max_length": 256,
    "lora": {"rank": 8, "alpha": 16},
    "optimizer": {"learning_rate": 5e-3},
    "replay": {"max_tokens": 8},
    "stopping": {"drift_budget": 100.0, "patience": 100},
}
# A model of random weights has no sense to lose: these rules say nothing about it.
RULES = {"drift_margin": 1e3, "min_length_ratio": 1e-3, "max_length_ratio": 1e3, "max_adapter_norm": 3.0}
_PLACES = {"train": TRAINED, "test": TESTED}


def examples(of: Person | None = None) -> list[Example]:
    """Thirty questions to learn from and thirty held out; the first five to learn from are a person's own corrections,
    when there is a person."""
    rows = []
    for split, topics in _PLACES.items():
        for topic in topics:
            for frame in FRAMES:
                own = of if split == "train" and len(rows) < 5 else None
                source = Example.Source.CORRECTION if own else Example.Source.IMPORT
                more: dict[str, Any] = {
                    "person": own,
                    "source": source,
                    "split": split,
                    "licence": "" if own else "CC0-1.0",
                }
                number = len(rows) + 1
                rows.append(example(frame.format(topic), ANSWER, id=UUID(int=number), group=f"g{number}", **more))
    Example.objects.bulk_create(rows)
    return rows


def learn(base: Path, kept: Path, of: Person | None = None, name: str = "v3") -> Adapter:
    """Rows and files as a training and an evaluation leave them. `kept` is where what was computed before lies."""
    examples(of)
    snapshot = snapshots.build()
    files = _computed(base, kept, snapshot_folder(snapshot.sha256))
    result = json.loads((files / "training" / "result.json").read_text())
    progress: dict[str, Any] = {}
    for line in (files / "events.jsonl").read_text().splitlines():
        progress = course.noted(progress, json.loads(line))
    adapter = import_adapter(files / "training" / "adapter", name=name, base_model_sha256=result["base_model_sha256"])
    training = TrainingRun.objects.create(
        snapshot=snapshot,
        config={**TRAINING},
        state="completed",
        result=result,
        progress=progress,
        adapter=adapter,
        base_model_sha256=result["base_model_sha256"],
        started_at=timezone.now(),
        finished_at=timezone.now(),
    )
    found = json.loads((files / "evaluation" / "result.json").read_text())
    evaluation = EvaluationRun.objects.create(
        adapter=adapter,
        training_run=training,
        state="completed",
        result=found,
        verdict=found["verdict"],
        started_at=timezone.now(),
        finished_at=timezone.now(),
    )
    for run, part in ((training, "training"), (evaluation, "evaluation")):
        folder_of(run).mkdir(parents=True)
        for file in ("result.json", "items.jsonl"):
            if (files / part / file).exists():
                shutil.copyfile(files / part / file, folder_of(run) / file)
    make_questions(training, wordings=1)
    return adapter


def make_questions(run: TrainingRun, wordings: int) -> None:
    """The file that training leaves of the questions that it made by rule, with what it was told was refused."""
    folder_of(run).mkdir(parents=True, exist_ok=True)
    refused = json.loads(made_questions.refused_file(run).read_text())
    lines = (snapshot_folder(run.snapshot.sha256) / "train.jsonl").read_text().splitlines()
    wanted = Augmentation(wordings=wordings)
    made = augment([json.loads(line) for line in lines], [], wanted, 1, write=None, embed=None, refused=refused)
    rows = "".join(json.dumps(row) + "\n" for row in made.rows)
    (folder_of(run) / made_questions.FILE).write_text(rows)


def _computed(base: Path, kept: Path, snapshot: Path) -> Path:
    folder = kept / snapshot.name
    if (folder / "evaluation" / "result.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if connection.vendor == "postgresql":  # a test's transaction is open meanwhile, for longer than requests may be
        connection.cursor().execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    base_sha256 = base_model_sha256(base)
    place = {"base_model": str(base), "base_model_sha256": base_sha256, "snapshot": str(snapshot)}
    training = {**TRAINING, **place, "output": str(folder / "training"), "cache": str(kept / "cache")}
    (folder / "events.jsonl").write_text(_run("inference.training", folder / "training.json", training))
    adapter = folder / "training" / "adapter"
    sha256 = hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
    evaluation = {
        "v": 1,
        "engine": {"model": str(base), "dtype": "float32", "threads": 1, "max_running": 8},
        "candidate": {"path": str(adapter), "sha256": sha256, "base_model_sha256": base_sha256},
        "baseline": None,
        "test_snapshot": str(snapshot),
        "training_snapshot": str(snapshot),
        "output": str(folder / "evaluation"),
        "suites": _suites(folder),
        "answer_tokens": 24,
        "rules": RULES,
    }
    _run("inference.evaluation", folder / "evaluation.json", evaluation)
    return folder


def _suites(folder: Path) -> list[str]:
    """Three small ones, of which one asks what a hostile file might."""
    head = {"version": 1, "role": "hard", "licence": "CC0-1.0", "max_tokens": 12}
    own = {
        "short": {**head, "suite": "short", "metric": "format", "rule": {"net_loss": 9}},
        "calm": {**head, "suite": "calm", "metric": "sound", "rule": {"net_loss": 9}},
        "plain": {**head, "suite": "plain", "metric": "drift"},
    }
    for name, header in own.items():
        questions = [HOSTILE, *(FRAMES[0].format(topic) for topic in TRAINED[:4])]
        items = [
            {"id": f"{i}", "prompt": [{"role": "user", "content": question}], "wanted": {"max_words": 12}}
            for i, question in enumerate(questions)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (header, *items)))
    return [str(folder / f"{name}.jsonl") for name in own]


def _run(module: str, file: Path, spec: dict[str, Any]) -> str:
    file.write_text(json.dumps(spec))
    done = subprocess.run([sys.executable, "-m", module, str(file)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout
