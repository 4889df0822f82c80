"""`manage.py model`: a base model with fewer layers, and what that costs; what it mostly writes, to guess ahead."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Makes base models smaller, and sooner done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        cut = verbs.add_parser("cut", help="write the model without those layers whose absence changes it least")
        cut.add_argument("--drop", type=int, required=True, metavar="N", help="how many layers to leave out")
        cut.add_argument("--out", required=True, metavar="FOLDER", help="where to write; must not exist yet")
        drafts = verbs.add_parser("drafts", help="count what the model mostly writes, so that it can guess ahead")
        drafts.add_argument("--tokens", type=int, metavar="N", help="how many to count; more are more often right")
        for verb in (cut, drafts):
            verb.add_argument("--model", default=settings.MODEL_PATH, help="a folder or a hub id; else the one in use")

    def handle(self, *args: Any, verb: str, model: str, **options: Any) -> None:
        if model.startswith("scripted:"):
            raise CommandError("The model in use is a script, which has no weights; name one with --model.")
        chosen = ["--model", model, "--threads", str(settings.ENGINE_THREADS)]
        if verb == "cut":
            program = "inference.cutting"
            chosen += ["--drop", str(options["drop"]), "--out", os.path.abspath(options["out"])]
            chosen += ["--dtype", settings.ENGINE_DTYPE]
        else:
            program = "inference.drafting"
            chosen += ["--backend", settings.ENGINE_BACKEND]
            chosen += ["--tokens", str(options["tokens"])] if options["tokens"] is not None else []
        os.chdir(settings.BASE_DIR)
        # Not a child: Ctrl-C and the exit status are the program's.
        os.execv(sys.executable, [sys.executable, "-m", program, *chosen])  # noqa: S606 - ours
