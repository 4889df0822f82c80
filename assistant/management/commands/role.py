"""`manage.py role EMAIL user | reviewer | admin`: who reviews feedback and who decides what answers."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assistant.accounts.actions import set_role
from assistant.accounts.models import Person


class Command(BaseCommand):
    help = "Gives a person a role. Reviewers judge feedback; admins also train, evaluate and put adapters live."
    requires_system_checks: list[str] = []  # they would load every page; `up` and `run` make them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("role", choices=Person.Role.values)

    def handle(self, *args: Any, email: str, role: str, **options: Any) -> None:
        person = Person.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError(f"Nobody here has the address {email}.")
        set_role(person, Person.Role(role))
        self.stdout.write(f"{person.email} is {role} now.")
