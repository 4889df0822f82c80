"""`manage.py examples import | build | list | release`: what is learned from, before it is frozen."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from assistant.errors import AssistantError
from assistant.finetuning import examples, importing
from assistant.finetuning.models import Example

MAX_NAME_CHARS = 100


class Command(BaseCommand):
    help = "Makes examples of feedback, takes them in from files, and shows them."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        import_ = verbs.add_parser("import", help="take in a JSONL file in a form of TRL, as a whole or not at all")
        import_.add_argument("file", type=Path)
        import_.add_argument("--source", help="what it is called; by default the file's name")
        import_.add_argument("--licence", default="", help="under which it came, for example CC-BY-4.0")
        import_.add_argument("--simulated", action="store_true", help="no person has said this")
        import_.add_argument("--approved-answers", action="store_true", help="give these answers at once, too")
        verbs.add_parser("build", help="bring the examples from feedback and reviews up to date")
        verbs.add_parser("list", help="count them by source, kind and status")
        release = verbs.add_parser("release", help="let held examples be learned from after all")
        release.add_argument("ids", nargs="+", type=UUID)
        release.add_argument("--reason", required=True)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except AssistantError as error:
            raise CommandError(error.message) from error

    def _import(self, options: dict[str, Any]) -> None:
        file: Path = options["file"]
        origin = options["source"] or file.name
        if max(len(origin), len(options["licence"])) > MAX_NAME_CHARS:
            raise CommandError(f"--source and --licence have at most {MAX_NAME_CHARS} characters.")
        try:
            with file.open("rb") as lines:
                outcome = importing.import_lines(
                    lines,
                    origin=origin,
                    licence=options["licence"],
                    is_simulated=options["simulated"],
                    as_approved_answers=options["approved_answers"],
                )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        self._tell(outcome)

    def _build(self, options: dict[str, Any]) -> None:
        self._tell(examples.build())

    def _list(self, options: dict[str, Any]) -> None:
        fields = ("source", "origin", "kind", "status", "why")
        for *row, count in Example.objects.values_list(*fields).annotate(Count("id")).order_by(*fields):
            self.stdout.write(f"{count:>7}  {'  '.join(value for value in row if value)}")

    def _release(self, options: dict[str, Any]) -> None:
        self._tell({"released": examples.release(None, options["ids"], options["reason"])})

    def _tell(self, outcome: dict[str, int]) -> None:
        for name, count in sorted(outcome.items()):
            self.stdout.write(f"{count:>7}  {name}")
