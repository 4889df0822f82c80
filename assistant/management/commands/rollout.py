"""`manage.py rollout start | back`: what answers, decided by a named admin."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.accounts.models import Person
from assistant.adapters.queries import adapter_named
from assistant.errors import AssistantError
from assistant.rollout import actions


class Command(BaseCommand):
    help = "Puts an adapter live, or goes back to what answered before. Running replies keep theirs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        start = verbs.add_parser("start", help="let new replies use an adapter whose evaluation passed")
        start.add_argument("sha256", help="the beginning of its hash, or 'base' for the base model")
        start.add_argument("--reason", default="", help="needed where no evaluation has passed; the audit keeps it")
        back = verbs.add_parser("back", help="let answer again what answered before")
        back.add_argument("--reason", required=True)
        for verb in (start, back):
            verb.add_argument("--by", required=True, metavar="EMAIL", help="the admin who decides")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        person = Person.objects.filter(email__iexact=options["by"]).first()
        if person is None:
            raise CommandError(f"Nobody here has the address {options['by']}.")
        try:
            if verb == "back":
                rollout = actions.roll_back(person, options["reason"])
            else:
                adapter = None if options["sha256"] == "base" else adapter_named(options["sha256"])
                rollout = actions.promote(person, adapter, options["reason"])
        except AssistantError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"From the next reply on: {rollout.adapter or 'the base model'}.")
