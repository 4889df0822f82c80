"""`manage.py rollout start | advance | back | status`: what answers, decided step by step by a named admin."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.adapters.queries import adapter_named
from assistant.errors import AssistantError
from assistant.rollout import actions, queries, reports
from assistant.rollout.models import Rollout


class Command(BaseCommand):
    help = "Brings an adapter to people by steps, or goes back. Running replies keep the adapter they began with."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        start = verbs.add_parser("start", help="load an adapter in all workers, and let it answer unseen")
        start.add_argument("sha256", help="the beginning of its hash, or 'base' for the base model (with --at-once)")
        start.add_argument("--at-once", action="store_true", help="skip all steps: let it answer everybody")
        advance = verbs.add_parser("advance", help="one step on: 5, 25, 50 percent of the people, all")
        for verb in (start, advance):
            verb.add_argument("--reason", default="", help="needed where something is not proven; the audit keeps it")
        back = verbs.add_parser("back", help="take back what is on its way, else let answer what answered before")
        back.add_argument("--reason", required=True)
        for verb in (start, advance, back):
            verb.add_argument("--by", required=True, metavar="EMAIL", help="the admin who decides")
        verbs.add_parser("status", help="what answers, what is on its way, what was seen, which worker has what")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except AssistantError as error:
            raise CommandError(error.message) from error

    def _start(self, options: dict[str, Any]) -> None:
        person = self._by(options)
        if options["sha256"] == "base":
            if not options["at_once"]:
                raise CommandError("The base model needs no steps; say --at-once.")
            actions.promote(person, None, options["reason"])
        else:
            adapter = adapter_named(options["sha256"])
            if options["at_once"]:
                actions.promote(person, adapter, options["reason"])
            else:
                actions.start(person, adapter, options["reason"])
            self._wait_for(adapter)
        self._say_what_answers()

    def _advance(self, options: dict[str, Any]) -> None:
        person = self._by(options)
        on_its_way = queries.candidate()
        if on_its_way and on_its_way.adapter:
            self._wait_for(on_its_way.adapter)
        actions.advance(person, options["reason"])
        self._say_what_answers()

    def _back(self, options: dict[str, Any]) -> None:
        actions.roll_back(self._by(options), options["reason"])
        self._say_what_answers()

    def _status(self, options: dict[str, Any]) -> None:
        self._say_what_answers()
        live, on_its_way = queries.full(), queries.candidate()
        for adapter in [rollout.adapter for rollout in (live, on_its_way) if rollout and rollout.adapter]:
            for worker in queries.workers_with(adapter):
                self.stdout.write(f"  {adapter}: {_worker(worker)}")
        for line in reports.lines_on(on_its_way) if on_its_way else ():
            self.stdout.write(f"  {line}")

    def _wait_for(self, adapter: Adapter) -> None:
        for worker in queries.wait_until_loaded(adapter):
            self.stdout.write(f"  {_worker(worker)}")

    def _say_what_answers(self) -> None:
        live, on_its_way = queries.full(), queries.candidate()
        self.stdout.write(f"From the next reply on: {(live and live.adapter) or 'the base model'}.")
        if on_its_way:
            share = f"{on_its_way.percent} % of the people" if on_its_way.percent else "unseen"
            self.stdout.write(f"{on_its_way.adapter} answers {share} ({Rollout.Stage(on_its_way.stage).value}).")

    def _by(self, options: dict[str, Any]) -> Person:
        person = Person.objects.filter(email__iexact=options["by"]).first()
        if person is None:
            raise CommandError(f"Nobody here has the address {options['by']}.")
        return person


def _worker(found: queries.WorkerState) -> str:
    reason = f" ({found.reason})" if found.reason else ""
    return f"worker {found.worker.host}:{found.worker.pid} {found.state}{reason}"
