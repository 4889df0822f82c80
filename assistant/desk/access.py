"""Who of the desk may see what: the members of a site's team its conversations, administrators all. Every look-up of
the desk goes through here; what is another team's is not found."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from assistant.accounts.models import Person
from assistant.chat.models import Generation
from assistant.desk.models import Case, Site
from assistant.errors import AssistantError


def sites_of(person: Person) -> QuerySet[Site]:
    """The sites whose visitors this person answers."""
    if not person.is_active:
        return Site.objects.none()
    if person.role == Person.Role.ADMIN:
        return Site.objects.all()
    return Site.objects.filter(team__members=person)


def is_agent(person: Person) -> bool:
    """Whether there is a desk for this person at all."""
    return person.is_active and (person.role == Person.Role.ADMIN or person.teams.exists())


def agent_may(person: Person, site: Site) -> bool:
    return sites_of(person).filter(pk=site.pk).exists()


def agents_of(site: Site) -> QuerySet[Person]:
    """Who may answer the site's visitors."""
    are_members = Q(pk__in=site.team.members.values("pk"))
    return Person.objects.filter(are_members | Q(role=Person.Role.ADMIN), is_active=True)


def holder_of(case: Case) -> Person | None:
    """Whose the case is; nobody's, if that person is not of the desk any more."""
    holder = case.assignee
    return holder if holder is not None and agents_of(case.site).contains(holder) else None


def cases_of(person: Person) -> QuerySet[Case]:
    return Case.objects.filter(site__in=sites_of(person), conversation__deleted_at=None)


def case_of(person_id: UUID, conversation_id: UUID) -> Case:
    """One case with its conversation, site and visitor. Raises desk.not_found."""
    person = Person.objects.filter(pk=person_id).first()
    rows = cases_of(person).select_related("conversation", "site__team", "visitor__person") if person else None
    case = rows.filter(pk=conversation_id).first() if rows is not None else None
    if case is None:
        raise AssistantError("desk.not_found")
    return case


def generation_of(person_id: UUID, generation_id: UUID) -> Generation:
    """A reply in a case of theirs, drafts included: what they may follow and stop. Raises generation.not_found."""
    person = Person.objects.filter(pk=person_id).first()
    rows = Generation.objects.filter(pk=generation_id, conversation__case__in=cases_of(person)) if person else None
    generation = rows.first() if rows is not None else None
    if generation is None:
        raise AssistantError("generation.not_found")
    return generation
