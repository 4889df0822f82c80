"""`manage.py adapters list | show | add`: what could answer, and what speaks for it."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from assistant.adapters import actions
from assistant.adapters.queries import adapter_named
from assistant.chat.queries import loaded_base_model
from assistant.errors import AssistantError
from assistant.models import Adapter, EvaluationRun

# The only engine that computes: others have no weights that could be compared.
TORCH_ENGINE = "inference.serving.engine.TransformersEngine"


class Command(BaseCommand):
    help = "Shows LoRA adapters, and takes in those that were trained elsewhere."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="all adapters, with the newest verdict on each")
        show = verbs.add_parser("show", help="where one came from and what was found")
        show.add_argument("sha256", help="the beginning of its hash")
        add = verbs.add_parser("add", help="take in a PEFT adapter's folder")
        add.add_argument("folder", type=Path)
        add.add_argument("--name", required=True)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except AssistantError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any]) -> None:
        for adapter in Adapter.objects.order_by("created_at"):
            evaluation = _newest(adapter)
            verdict = (evaluation.verdict or evaluation.state) if evaluation else "not evaluated"
            self.stdout.write(f"{adapter.state:<10}{adapter.sha256[:16]}  {verdict:<20}  {adapter.name}")

    def _show(self, options: dict[str, Any]) -> None:
        adapter = adapter_named(options["sha256"])
        self.stdout.write(f"{adapter.name} ({adapter.state})\n{adapter.sha256}\nbase model {adapter.base_model_sha256}")
        for name, sha256 in sorted(adapter.files.items()):
            self.stdout.write(f"  {name} {sha256}")
        if adapter.erased_share:
            self.stdout.write(f"tainted: {adapter.erased_share:.1%} of what it learned from was erased since")
        for run in adapter.training_runs.order_by("created_at"):
            self.stdout.write(f"trained from snapshot {run.snapshot_id}, seed {run.seed}, {run.config or 'defaults'}")
        evaluation = _newest(adapter)
        if evaluation is None:
            return
        self.stdout.write(
            f"against {evaluation.baseline or 'the base model'}: {evaluation.verdict or evaluation.state}"
        )
        for finding in evaluation.result.get("findings", []):
            self.stdout.write(f"  {finding['verdict']:<20} {finding['metric']:<24} {finding['reason']}")

    def _add(self, options: dict[str, Any]) -> None:
        base = loaded_base_model()
        if not base:
            raise CommandError("Start Parley first: an adapter is for the base model that a worker has loaded.")
        folder: Path = options["folder"]
        self_check = b"" if (folder / actions.SELF_CHECK).exists() else self._self_check_of(folder)
        adapter = actions.import_adapter(folder, name=options["name"], base_model_sha256=base, self_check=self_check)
        self.stdout.write(f"{adapter.name} {adapter.sha256}")

    def _self_check_of(self, folder: Path) -> bytes:
        """What the adapter computes here and now, so that every worker can tell later whether it still does."""
        if settings.INFERENCE_ENGINE != TORCH_ENGINE:
            return b""
        model = ["--model", str(settings.MODEL_PATH), "--dtype", settings.ENGINE_DTYPE]
        command = [sys.executable, "-m", "inference.serving.checking", *model, "--adapter", str(folder)]
        done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, check=False)  # noqa: S603 - our own
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines() or ["It cannot be loaded"]
            raise AssistantError("adapter.invalid", reason=said[-1].rstrip("."))
        return done.stdout


def _newest(adapter: Adapter) -> EvaluationRun | None:
    return adapter.evaluation_runs.order_by("-created_at").first()
