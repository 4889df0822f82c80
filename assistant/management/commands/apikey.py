"""`manage.py apikey create | list | revoke`: keys by which programs use `/v1/`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.accounts import api_keys
from assistant.accounts.models import ApiKey, Person
from assistant.errors import AssistantError


class Command(BaseCommand):
    help = "Makes, lists and revokes the keys by which programs use the OpenAI-compatible API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="prints the key last; it is not shown again")
        create.add_argument("--name", required=True, help="what it is for")
        create.add_argument("--person", metavar="EMAIL", help="whom it acts for; without, an account of its own")
        verbs.add_parser("list", help="all keys, the newest first, by their first letters")
        revoke = verbs.add_parser("revoke", help="takes a key back at once")
        revoke.add_argument("prefix", help="its first letters, as `list` shows them")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except AssistantError as error:
            raise CommandError(error.message) from error

    def _create(self, options: dict[str, Any]) -> None:
        email, name = options["person"], options["name"]
        person = Person.objects.filter(email__iexact=email).first() if email else api_keys.program_named(name)
        if person is None:
            raise CommandError(f"Nobody here has the address {email}.")
        key = api_keys.create(person.id, name, by=None)
        self.stdout.write(f"A key of {person}. It is not shown again; `apikey revoke` takes it back.")
        self.stdout.write(key)

    def _list(self, options: dict[str, Any]) -> None:
        for key in ApiKey.objects.select_related("person").order_by("-id"):
            used = f"used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
            self.stdout.write(f"{key.prefix}…  {used:<26}  {key.person}  {key.name}")

    def _revoke(self, options: dict[str, Any]) -> None:
        key = api_keys.key_named(options["prefix"].rstrip("…"))
        api_keys.revoke(key.id, by=None)
        self.stdout.write(f"{key.prefix}… opens nothing any more.")
