"""`manage.py doctor`: explain the installation, say what is wrong and what to do."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from assistant.runtime import diagnosis


class Command(BaseCommand):
    help = "Explains this installation; ends with status 1 when something cannot work."
    requires_system_checks: list[str] = []  # it shows them as findings instead of stopping at them

    def handle(self, *args: Any, **options: Any) -> None:
        colours = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
        failed = 0
        for finding in diagnosis.findings():
            failed += finding.mark == "fail"
            self.stdout.write(f"{colours[finding.mark](f'{finding.mark:<4}')}  {finding.subject:<13} {finding.text}")
            if finding.advice:
                self.stdout.write(f"{'':<20} → {finding.advice}")
        if failed:
            sys.exit(1)
