"""`python -m tests.e2e.desk_rows` in a started product's environment: a shop, its agents and its visitors. It reads one
command a line as JSON, {"do": …, …}, and answers each with a line; `Desk` speaks to it."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from tests.product import ROOT, Product

PASSWORD = "quiet-Harbour-42"


class Desk:
    """The other side of the desk in a started product: `with Desk(product) as desk: desk.agent("dora@example.org")`."""

    def __init__(self, product: Product) -> None:
        command = [sys.executable, "-m", "tests.e2e.desk_rows"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=product.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def agent(self, email: str, *, role: str = "user", team: str = "Shop") -> str:
        """Somebody with an account who answers for the team's site; "" is none. Returns the id."""
        return str(self._do("agent", email=email, role=role, team=team))

    def visitor(self, name: str = "", *, site: str = "Shop", consents: bool = True, **fields: Any) -> str:
        return str(self._do("visitor", name=name, site=site, consents=consents, fields=fields))

    def says(self, visitor: str, text: str, conversation_id: str | None = None, page: str = "") -> str:
        """The id of the conversation."""
        return str(self._do("says", visitor=visitor, text=text, conversation_id=conversation_id, page=page))

    def asks_for_a_person(self, conversation_id: str) -> None:
        self._do("asks", conversation_id=conversation_id)

    def snooze_ends(self, conversation_id: str) -> None:
        """Its time is over; that a worker sees."""
        self._do("snoozed", conversation_id=conversation_id)

    def labels(self, *names: str) -> None:
        self._do("labels", names=names)

    def ready_reply(self, name: str, text: str) -> None:
        self._do("canned", name=name, text=text)

    def sees(self, conversation_id: str) -> list[tuple[str, str]]:
        """What the visitor sees, from the beginning: who said it, and what."""
        return [(role, text) for role, text in self._do("sees", conversation_id=conversation_id)]

    def _do(self, what: str, **fields: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def main() -> None:
    for line in sys.stdin:
        fields = json.loads(line)
        print(json.dumps(globals()[f"_{fields.pop('do')}"](**fields), default=str), flush=True)


def _agent(email: str, role: str, team: str) -> str:
    from assistant.models import Person, Team
    from tests.e2e.review_rows import write_staff

    write_staff(email, PASSWORD, role)
    person = Person.objects.get(username=email)
    person.name = email.partition("@")[0].title()
    person.save()
    if team:
        _site(team)
        Team.objects.get(name=team).members.add(person)
    return str(person.pk)


def _snoozed(conversation_id: str) -> None:

    from django.utils import timezone

    from assistant.models import Case

    Case.objects.filter(pk=UUID(conversation_id)).update(snoozed_until=timezone.now())


def _site(name: str) -> Any:
    from assistant.models import Site, Team

    team, _ = Team.objects.get_or_create(name=name)
    return Site.objects.get_or_create(name=name, team=team)[0]


def _visitor(name: str, site: str, consents: bool, fields: dict[str, Any]) -> str:
    from tests.assistant.desk.rows import visitor

    row = visitor(_site(site), consents=consents)
    row.name = name
    for field, value in fields.items():
        setattr(row, field, value)
    row.save()
    return str(row.pk)


def _says(visitor: str, text: str, conversation_id: str | None, page: str) -> str:
    from uuid import uuid4

    from assistant.desk import messages

    id_ = UUID(conversation_id) if conversation_id else None
    said = messages.say(UUID(visitor), client_message_id=uuid4(), conversation_id=id_, text=text, page=page)
    return str(said.conversation_id)


def _asks(conversation_id: str) -> None:

    from assistant.desk import handoff

    handoff.ask_for_person(UUID(conversation_id))


def _labels(names: list[str]) -> None:
    from assistant.models import Label

    for name in names:
        Label.objects.get_or_create(team=_site("Shop").team, name=name)


def _canned(name: str, text: str) -> None:
    from assistant.models import CannedReply

    CannedReply.objects.get_or_create(team=_site("Shop").team, name=name, defaults={"text": text})


def _sees(conversation_id: str) -> list[tuple[str, str]]:

    from tests.assistant.desk.rows import said

    return said(UUID(conversation_id))


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    main()
