"""`manage.py loop demo`: the whole loop on real questions with simulated people, beside and apart from what is here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from assistant.runtime import commands

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
    help = "Shows on real questions, with simulated people, what the learning loop brings; takes about 45 minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["demo"])

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
        os.execve(sys.executable, [sys.executable, "-m", "bench.loop_demo", *argv[3:]], environment)  # noqa: S606

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError("Write `manage.py loop demo`, its settings after that.")
