"""The labels and the prepared texts ("/name") of a team. Members make, change and remove them; a text that is sent is a
message like any other. Raises desk.not_found for a team that is not theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from assistant.accounts.models import Person
from assistant.chat.texts import checked
from assistant.desk.models import CannedReply, Label, Team
from assistant.errors import AssistantError

MAX_LABEL_CHARS = 50
MAX_REPLY_NAME_CHARS = 40


def labels_of(person: Person) -> QuerySet[Label]:
    return Label.objects.filter(team__in=_teams_of(person)).order_by("name", "id")


def canned_replies_of(person: Person) -> QuerySet[CannedReply]:
    return CannedReply.objects.filter(team__in=_teams_of(person)).order_by("name", "id")


def add_label(person: Person, team_id: UUID, name: str) -> Label:
    """Raises desk.invalid_name, desk.name_taken."""
    name = " ".join(checked(name).split())
    if len(name) > MAX_LABEL_CHARS:
        raise AssistantError("desk.invalid_name", limit=MAX_LABEL_CHARS)
    with _named_once():
        return Label.objects.create(team=_team_of(person, team_id), name=name)


def remove_label(person: Person, label_id: UUID) -> None:
    """It goes from the cases that have it, too."""
    labels_of(person).filter(pk=label_id).delete()


def set_canned_reply(person: Person, team_id: UUID, name: str, text: str, id_: UUID | None = None) -> CannedReply:
    """Make one, or change the one with this id. Raises desk.invalid_shortcut, desk.name_taken, desk.not_found,
    message.*"""
    if not re.fullmatch(rf"[a-z0-9-]{{1,{MAX_REPLY_NAME_CHARS}}}", name):
        raise AssistantError("desk.invalid_shortcut", limit=MAX_REPLY_NAME_CHARS)
    team, text = _team_of(person, team_id), checked(text)
    with _named_once():
        if id_ is None:
            return CannedReply.objects.create(team=team, name=name, text=text)
        row = CannedReply.objects.filter(pk=id_, team=team).first()
        if row is None:
            raise AssistantError("desk.not_found")
        row.name, row.text = name, text
        row.save(update_fields=["name", "text"])
        return row


def remove_canned_reply(person: Person, id_: UUID) -> None:
    canned_replies_of(person).filter(pk=id_).delete()


@contextmanager
def _named_once() -> Iterator[None]:
    """A transaction in which a second row of the same name is refused as such."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise AssistantError("desk.name_taken") from None


def _teams_of(person: Person) -> QuerySet[Team]:
    return Team.objects.all() if person.role == Person.Role.ADMIN else Team.objects.filter(members=person)


def _team_of(person: Person, team_id: UUID) -> Team:
    team = _teams_of(person).filter(pk=team_id).first()
    if team is None:
        raise AssistantError("desk.not_found")
    return team
