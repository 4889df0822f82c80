"""Teams of the desk: administrators make them and say who is in them; members see their own. Each change is an audit
event, since it decides who reads what visitors write."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from assistant.accounts.models import Person
from assistant.audit import chain
from assistant.chat.queries import Page
from assistant.desk.models import Team
from assistant.errors import AssistantError

MAX_NAME_CHARS = 100


@dataclass(frozen=True, slots=True)
class TeamRow:
    id: UUID
    name: str
    member_count: int
    site_count: int


def teams_of(person: Person, cursor: str | None = None, limit: int = 50) -> Page[TeamRow]:
    """Those that this person is in, or all for an administrator, the oldest first. Raises page.invalid_cursor."""
    rows = _seen_by(person)
    if cursor:
        try:
            rows = rows.filter(id__gt=UUID(cursor))
        except ValueError:
            raise AssistantError("page.invalid_cursor") from None
    counted = rows.annotate(member_count=Count("members", distinct=True), site_count=Count("sites", distinct=True))
    found = list(counted.order_by("id")[: limit + 1])
    items = [TeamRow(team.id, team.name, team.member_count, team.site_count) for team in found[:limit]]
    return Page(items, str(found[limit - 1].id) if len(found) > limit else None)


def team_of(person: Person, team_id: UUID) -> Team:
    """Raises desk.team_not_found."""
    team = _seen_by(person).filter(pk=team_id).first()
    if team is None:
        raise AssistantError("desk.team_not_found")
    return team


@transaction.atomic
def create(admin: Person, name: str) -> Team:
    """Raises request.not_allowed, desk.invalid_name, desk.name_taken."""
    _only_for_admins(admin)
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME_CHARS:
        raise AssistantError("desk.invalid_name", limit=MAX_NAME_CHARS)
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name)
    except IntegrityError:
        raise AssistantError("desk.name_taken") from None
    chain.record(admin.id, "team.created", "team", team.id)
    return team


@transaction.atomic
def add_member(admin: Person, team_id: UUID, email: str) -> None:
    """Raises request.not_allowed, desk.team_not_found, desk.nobody_found."""
    _only_for_admins(admin)
    team = team_of(admin, team_id)
    member = (
        Person.objects.filter(email__iexact=email.strip(), is_active=True, is_guest=False).exclude(email="").first()
    )
    if member is None:
        raise AssistantError("desk.nobody_found")
    team.members.add(member)
    chain.record(admin.id, "team.member_added", "team", team.id, after={"member": chain.pseudonym_of(member.id)})


@transaction.atomic
def remove_member(admin: Person, team_id: UUID, member_id: UUID) -> None:
    """What this person has stays assigned until somebody takes it. Raises request.not_allowed, desk.team_not_found."""
    _only_for_admins(admin)
    team = team_of(admin, team_id)
    team.members.remove(*team.members.filter(pk=member_id))
    chain.record(admin.id, "team.member_removed", "team", team.id, before={"member": chain.pseudonym_of(member_id)})


def _only_for_admins(person: Person) -> None:
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")


def _seen_by(person: Person) -> QuerySet[Team]:
    return Team.objects.all() if person.role == Person.Role.ADMIN else Team.objects.filter(members=person)
