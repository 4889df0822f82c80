"""`manage.py snapshot build | list | rebuild`: freeze examples into what training reads."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.errors import AssistantError
from assistant.finetuning import snapshots
from assistant.finetuning.files import folder_of
from assistant.finetuning.models import DatasetSnapshot


class Command(BaseCommand):
    help = "Freezes examples into snapshots."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        build = verbs.add_parser("build", help="freeze what may be learned from")
        build.add_argument("--preview", action="store_true", help="show the manifest and write nothing")
        verbs.add_parser("list", help="show all snapshots")
        rebuild = verbs.add_parser("rebuild", help="write the files of a snapshot again, from the database")
        rebuild.add_argument("sha256", help="the beginning of its hash")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except AssistantError as error:
            raise CommandError(error.message) from error

    def _build(self, options: dict[str, Any]) -> None:
        if options["preview"]:
            manifest = snapshots.manifest_of(snapshots.plan())
            self.stdout.write(json.dumps(manifest, ensure_ascii=False, indent=1))
            return
        snapshot = snapshots.build()
        self.stdout.write(f"{snapshot.sha256}  {snapshot.rows} rows in {folder_of(snapshot.sha256)}")

    def _list(self, options: dict[str, Any]) -> None:
        for snapshot in DatasetSnapshot.objects.order_by("created_at"):
            state = "erased" if snapshot.erased_at else ""
            self.stdout.write(
                f"{snapshot.sha256}  {snapshot.rows:>7} rows  {snapshot.created_at:%Y-%m-%d %H:%M}  {state}"
            )

    def _rebuild(self, options: dict[str, Any]) -> None:
        found = list(DatasetSnapshot.objects.filter(sha256__startswith=options["sha256"])[:2])
        if len(found) != 1:
            raise CommandError("No snapshot has this hash." if not found else "Several snapshots begin so; give more.")
        snapshots.rebuild(found[0])
        self.stdout.write(str(folder_of(found[0].sha256)))
