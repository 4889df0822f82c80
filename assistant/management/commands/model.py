"""`manage.py model cut`: a base model with fewer layers, and what that costs."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Makes base models."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        cut = verbs.add_parser("cut", help="write the model without those layers whose absence changes it least")
        cut.add_argument("--drop", type=int, required=True, metavar="N", help="how many layers to leave out")
        cut.add_argument("--out", required=True, metavar="FOLDER", help="where to write; must not exist yet")
        cut.add_argument("--model", default=settings.MODEL_PATH, help="a folder or a hub id; else the one in use")

    def handle(self, *args: Any, drop: int, out: str, model: str, **options: Any) -> None:
        if model.startswith("scripted:"):
            raise CommandError("The model in use is a script, which has no layers; name one with --model.")
        chosen = ["--model", model, "--drop", str(drop), "--out", os.path.abspath(out)]
        measured_in = ["--dtype", settings.ENGINE_DTYPE, "--threads", str(settings.ENGINE_THREADS)]
        os.chdir(settings.BASE_DIR)
        # Not a child: Ctrl-C and the exit status are the program's.
        os.execv(sys.executable, [sys.executable, "-m", "inference.cutting", *chosen, *measured_in])  # noqa: S606 - ours
