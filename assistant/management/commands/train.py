"""`manage.py train [SNAPSHOT]`: have an adapter trained from a snapshot, and watch it."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from assistant.errors import AssistantError
from assistant.finetuning.models import DatasetSnapshot
from assistant.finetuning.runs.models import TrainingRun
from assistant.finetuning.runs.training import cancel, request_training


class Command(BaseCommand):
    help = "Queues a training run and shows how far it is; Ctrl-C cancels it."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("snapshot", nargs="?", default="", help="the beginning of its hash; the newest if left out")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--seeds", type=int, help="so many adapters that differ by their seed; the median is judged"
        )
        parser.add_argument("--dry-run", action="store_true", help="everything but the training: what it would cost")
        parser.add_argument(
            *("--set", "-s"),
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a setting of the trainer as JSON, such as learning_rate=1e-3 or 'lora={\"rank\": 16}'",
        )
        parser.add_argument("--no-wait", action="store_true", help="queue it and return")

    def handle(self, *args: Any, **options: Any) -> None:
        snapshot = _snapshot(options["snapshot"])
        chosen = _settings(options["set"])
        if options["seeds"] is not None:
            chosen["seeds"] = options["seeds"]
        try:
            run = request_training(None, snapshot, chosen, seed=options["seed"], is_dry_run=options["dry_run"])
        except AssistantError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Run {run.pk} on snapshot {snapshot.sha256[:12]} is queued.")
        if not options["no_wait"]:
            self._watch(run)

    def _watch(self, run: TrainingRun) -> None:
        try:
            with tqdm(unit="step", disable=None) as bar:
                while run.is_active:
                    _show(bar, run.progress)
                    time.sleep(1)
                    run.refresh_from_db()
        except KeyboardInterrupt:
            cancel(None, run.pk)
            raise CommandError("The run is cancelled at its next step.") from None
        if run.state != TrainingRun.State.COMPLETED:
            raise CommandError(f"The run is {run.state}. {run.error_message}".strip())
        self.stdout.write(json.dumps(run.result, indent=1, ensure_ascii=False))
        if run.adapter:
            self.stdout.write(f"Adapter {run.adapter.name} {run.adapter.sha256}")


def _snapshot(beginning: str) -> DatasetSnapshot:
    found = list(DatasetSnapshot.objects.filter(sha256__startswith=beginning).order_by("-created_at")[:2])
    if not found:
        raise CommandError("There is no such snapshot; `manage.py snapshot build` makes one.")
    if beginning and len(found) > 1:
        raise CommandError("Several snapshots begin so; give more of the hash.")
    return found[0]


def _settings(pairs: list[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            chosen[name] = json.loads(value)
        except ValueError:
            chosen[name] = value
    return chosen


def _show(bar: tqdm[Any], progress: dict[str, Any]) -> None:
    bar.total = progress.get("steps")
    bar.n = progress.get("step", 0)
    seed = f"seed {progress['seed']} of {progress['seeds']}, " if "seeds" in progress else ""
    bar.set_description(seed + progress.get("phase", "queued"), refresh=False)
    losses = {name: f"{loss:.3f}" for name, loss in progress.get("loss", {}).items()}
    bar.set_postfix(
        {**losses, "tokens/s": progress.get("tokens_per_s"), "s left": progress.get("eta_s")}, refresh=False
    )
    bar.refresh()
