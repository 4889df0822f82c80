"""What the pages of reviewers and administrators have in common: who may see them, and what stands around them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from assistant.accounts.models import Person
from assistant.desk.access import is_agent
from assistant.errors import AssistantError
from webui.assets import assets

# Where the tabs lead, and what they are called.
TABS: list[tuple[str, Any]] = [
    ("review", _("Review")),
    ("review_tests", _("Tests")),
    ("approved_answers", _("Approved answers")),
    ("learning_adapters", _("Adapters")),
    ("learning_runs", _("Runs")),
    ("learning_data", _("Data")),
    ("sites", _("Sites")),
]
FOR_ADMINS = {"sites"}
# Those of the support desk, for agents; whoever is no reviewer sees these alone.
DESK_TABS: list[tuple[str, Any]] = [
    ("desk_reports", _("Reports")),
]
STAFF = (Person.Role.REVIEWER, Person.Role.ADMIN)


def staff_of(request: HttpRequest) -> Person:
    """The reviewer or administrator who asks. Raises person.not_signed_in, request.not_allowed."""
    person = request.user
    if not isinstance(person, Person):
        raise AssistantError("person.not_signed_in")
    if person.role not in STAFF:
        raise AssistantError("request.not_allowed")
    return person


def agent_of(request: HttpRequest) -> Person:
    """The member of a team, or administrator, who asks. Raises person.not_signed_in, request.not_allowed."""
    person = request.user
    if not isinstance(person, Person):
        raise AssistantError("person.not_signed_in")
    if not is_agent(person):
        raise AssistantError("request.not_allowed")
    return person


def admin_of(request: HttpRequest) -> Person:
    """The administrator who asks. Raises person.not_signed_in, request.not_allowed."""
    person = staff_of(request)
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    return person


def show(request: HttpRequest, tab: str, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    person = agent_of(request) if tab in dict(DESK_TABS) else staff_of(request)
    of_staff = [each for each in TABS if person.role == Person.Role.ADMIN or each[0] not in FOR_ADMINS]
    tabs = [*(DESK_TABS if is_agent(person) else []), *(of_staff if person.role in STAFF else [])]
    around = {"person": person, "tab": tab, "tabs": tabs, **assets()}
    return render(request, template, {**around, **context}, status=status)
