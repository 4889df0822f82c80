"""Teams: who answers which visitors, and what a team has ready: replies and labels. Administrators make teams and say
who is in them; members change what is ready."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from assistant.accounts.models import Person
from assistant.desk import teams as actions
from assistant.desk import wording
from assistant.errors import AssistantError
from webui.workbench import agent_of, show

TAB = "desk"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def teams(request: HttpRequest) -> HttpResponse:
    """Those of this agent, all for an administrator; the form makes one."""
    person = agent_of(request)
    if request.method == "POST":
        try:
            return redirect("desk_team", actions.create(person, request.POST.get("name", "")).id)
        except AssistantError as problem:
            if problem.status == 403:
                raise
            messages.error(request, problem.message)
            return redirect("desk_teams")
    page = actions.teams_of(person, request.GET.get("cursor"))
    return show(request, TAB, "webui/desk/teams.html", {"page": page, "is_admin": person.role == Person.Role.ADMIN})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def team(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """One of them; each form says by `action` what it changes."""
    person = agent_of(request)
    of = actions.team_of(person, team_id)
    if request.method == "POST":
        act = _ACTIONS.get(request.POST.get("action", ""))
        if act is None:
            raise AssistantError("request.unreadable")
        try:
            act(person, team_id, request)
        except AssistantError as problem:
            if problem.status != 400 and problem.status != 409:
                raise
            messages.error(request, problem.message)
        return redirect("desk_team", team_id)
    context = {
        "team": of,
        "members": of.members.order_by("name", "email"),
        "canned": of.canned_replies.order_by("name"),
        "labels": of.labels.order_by("name"),
        "is_admin": person.role == Person.Role.ADMIN,
    }
    return show(request, TAB, "webui/desk/team.html", context)


def _id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("id", ""))
    except ValueError:
        raise AssistantError("request.unreadable") from None


_ACTIONS: dict[str, Callable[[Person, UUID, HttpRequest], object]] = {
    "add_member": lambda person, team_id, request: actions.add_member(person, team_id, request.POST.get("email", "")),
    "remove_member": lambda person, team_id, request: actions.remove_member(person, team_id, _id(request)),
    "add_canned": lambda person, team_id, request: wording.set_canned_reply(
        person, team_id, request.POST.get("name", "").strip().lower(), request.POST.get("text", "")
    ),
    "remove_canned": lambda person, team_id, request: wording.remove_canned_reply(person, _id(request)),
    "add_label": lambda person, team_id, request: wording.add_label(person, team_id, request.POST.get("name", "")),
    "remove_label": lambda person, team_id, request: wording.remove_label(person, _id(request)),
}
