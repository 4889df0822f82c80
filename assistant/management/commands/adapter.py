"""`manage.py adapter add | live | list`: take LoRA adapters in and choose which one answers."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.adapters import actions
from assistant.adapters.models import Adapter
from assistant.chat.models import Worker
from assistant.errors import AssistantError


class Command(BaseCommand):
    help = "Takes in LoRA adapters and chooses the one that answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="take in a PEFT adapter's folder")
        add.add_argument("folder", type=Path)
        add.add_argument("--name", required=True)
        live = verbs.add_parser("live", help="let new replies use an adapter")
        live.add_argument("sha256", help="the beginning of its hash, or 'none' for the base model")
        verbs.add_parser("list", help="show all adapters")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except AssistantError as error:
            raise CommandError(error.message) from error

    def _add(self, options: dict[str, Any]) -> None:
        worker = Worker.objects.filter(state=Worker.State.READY).order_by("beat_at").last()
        if worker is None:
            raise CommandError("Start Parley first: an adapter is for the base model that a worker has loaded.")
        adapter = actions.import_adapter(
            options["folder"], name=options["name"], base_model_sha256=worker.base_model_sha256
        )
        self.stdout.write(f"{adapter.name} {adapter.sha256}")

    def _live(self, options: dict[str, Any]) -> None:
        if options["sha256"] == "none":
            actions.put_live(None)
            return
        found = list(Adapter.objects.filter(sha256__startswith=options["sha256"])[:2])
        if len(found) != 1:
            raise CommandError("No adapter has this hash." if not found else "Several adapters begin so; give more.")
        actions.put_live(found[0])

    def _list(self, options: dict[str, Any]) -> None:
        for adapter in Adapter.objects.order_by("created_at"):
            self.stdout.write(f"{adapter.state:<10}{adapter.sha256[:16]}  {adapter.name}")
