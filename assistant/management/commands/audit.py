"""`manage.py audit verify`: is the audit chain as it was written?"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.audit import chain


class Command(BaseCommand):
    help = "Checks the chain of audit events."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("verify", help="walk the chain; ends with an error where it is broken")

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = chain.verify()
        if verdict.broken_at is not None:
            raise CommandError(
                f"The chain is broken at event {verdict.broken_at}; {verdict.events} before it are whole."
            )
        self.stdout.write(f"{verdict.events} events, whole. Head: {verdict.head or 'none'}")
