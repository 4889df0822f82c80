"""`manage.py loop`: `status` says where learning stands, and why it does not begin by itself; `demo` shows the whole of
it on real questions with simulated people, beside and apart from what is here."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from assistant.adapters.models import Adapter
from assistant.feedback.models import Review
from assistant.finetuning.runs import automation
from assistant.finetuning.runs.models import EvaluationRun, LearningStart, TrainingRun
from assistant.outcomes.models import AskedAgain
from assistant.runtime import commands

_WHY_NOT = {
    "off": "neither LEARNING_SCHEDULE nor LEARNING_THRESHOLD is set",
    "working": "a training or an evaluation is under way",
    "too_few": "too few answers are approved",
    "nothing_new": "nothing has been approved since the newest training",
    "not_due": "it is not time yet",
}


# Splits are drawn by it: with the same one, the questions that are taught are the same everywhere.
SALT = "parley-loop-demo"
# With them it would not be apart.
NOT_PASSED_ON = (
    "DATABASE_URL",
    "REDIS_URL",
    "TEST_DATABASE",
    "DATA_DIR",
    "SECRET_KEY",
    "HOST",
    "DJANGO_SETTINGS_MODULE",
)


class Command(BaseCommand):
    help = "Looks at the learning loop as a whole."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("status", help="where learning stands, and why it does not begin by itself")
        verbs.add_parser("demo", help="what learning brings, on real questions with simulated people; about 45 minutes")

    def run_from_argv(self, argv: list[str]) -> None:
        """Everything after the verb is the demo's own (`bench/loop_demo/__main__.py`), `--help` too."""
        if argv[2:3] != ["demo"]:
            super().run_from_argv(argv)
            return
        own = Path(settings.DATA_DIR) / "loop-demo"
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Fetched now, for a start of the product does not wait so long; and they are the same for both.
        settings.MODELS_DIR.mkdir(parents=True, exist_ok=True)
        for command in (commands.prepare_model(), commands.prepare_embedder()):
            if command and subprocess.run(command, cwd=settings.BASE_DIR, check=False).returncode:  # noqa: S603  # ours
                sys.exit(1)
        if not (own / "models").exists():
            (own / "models").symlink_to(settings.MODELS_DIR.resolve())
        os.chdir(settings.BASE_DIR)
        kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in NOT_PASSED_ON}
        environment = {"MAX_REPLY_TOKENS": "96", **kept, "LIMITS": "0", "SECRET_KEY": SALT}
        environment["DATA_DIR"] = str(own.resolve())
        # Not a child: Ctrl-C and the exit status are the demo's.
        os.execve(sys.executable, [sys.executable, "-m", "bench.loop_demo", *argv[3:]], environment)  # noqa: S606 - ours

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(options)

    def _status(self, options: dict[str, Any]) -> None:
        status = automation.status()
        waiting = Review.objects.filter(state=Review.State.PENDING).count()
        live = Adapter.objects.filter(state=Adapter.State.LIVE).first()
        lines = [
            f"Feedback: {waiting} {'waits' if waiting == 1 else 'wait'} for a reviewer.",
            f"Approved answers: {status.approved} of the {status.minimum} that are needed; {status.fresh} are new.",
            *_set(status),
            *(f"{_word(run)} {run.pk} is {run.state}." for run in _newest_runs()),
            f"{live.name} answers." if live else "The base model answers.",
            *_asked_again(live),
        ]
        if status.why_not:
            lines.append(f"Nothing begins by itself: {'; '.join(_WHY_NOT[why] for why in status.why_not)}.")
        else:
            lines.append("Learning begins when an idle training worker looks, within a minute.")
        self.stdout.write("\n".join(lines))


def _set(status: automation.Status) -> list[str]:
    lines = []
    if status.next_due:
        lines.append(f"Schedule: due next at {status.next_due:%Y-%m-%d %H:%M} UTC.")
    if status.threshold:
        lines.append(f"Threshold: begins at {status.threshold} new approved answers.")
    if last := status.last:
        lines.append(f"Last begun by itself: {last.cause} {last.occasion}, {_outcome(last)}.")
    return lines


def _outcome(start: LearningStart) -> str:
    if start.run:
        return f"training run {start.run.pk} is {start.run.state}"
    return start.outcome or f"begun {(timezone.now() - start.claimed_at).seconds} s ago"


def _newest_runs() -> list[TrainingRun | EvaluationRun]:
    newest = [model.objects.order_by("-created_at").first() for model in (TrainingRun, EvaluationRun)]
    return [run for run in newest if run]


def _word(run: TrainingRun | EvaluationRun) -> str:
    return "Training run" if isinstance(run, TrainingRun) else "Evaluation"


def _asked_again(live: Adapter | None) -> list[str]:
    rows = (
        AskedAgain.objects.filter(adapter=live, state=AskedAgain.State.COMPLETED) if live else AskedAgain.objects.none()
    )
    verdicts = [row.verdict for row in rows.only("judged", "measured")]
    if not verdicts:
        return []
    counts = ", ".join(f"{verdicts.count(value)} {value}" for value in AskedAgain.Verdict.values)
    return [f"Asked again of it: {len(verdicts)} questions; {counts}, {verdicts.count('')} not compared."]
