"""`manage.py run ROLE`: become the process of one role, for containers and process supervisors of one's own."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from assistant.runtime import commands


class Command(BaseCommand):
    help = "Runs one role of the product in this process, after the system checks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", choices=commands.ROLES)

    def handle(self, *args: Any, **options: Any) -> None:
        argv = commands.argv(options["role"])
        os.chdir(settings.BASE_DIR)
        os.execv(argv[0], argv)  # noqa: S606 - our own command line, no shell wanted
