"""`manage.py evaluate SHA256`: hold an adapter against what answers now."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.adapters.queries import adapter_named
from assistant.errors import AssistantError
from assistant.finetuning.runs.evaluation import request_evaluation


class Command(BaseCommand):
    help = "Queues an evaluation; `adapters show` tells what was found."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sha256", help="the beginning of the adapter's hash")

    def handle(self, *args: Any, sha256: str, **options: Any) -> None:
        try:
            run = request_evaluation(None, adapter_named(sha256))
        except AssistantError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Evaluation {run.pk} against {run.baseline or 'the base model'} is queued.")
