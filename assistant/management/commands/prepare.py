"""`manage.py prepare`: what `up` does before it starts anything, for installations that start the roles themselves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.runtime import preparation


class Command(BaseCommand):
    help = "Brings database, static files and model to this version."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            preparation.prepare(self.stdout.write)
        except preparation.StartupError as error:
            raise CommandError(str(error)) from error
