"""What the pages of the learning loop have in common: who acts, and an action that says on its page what came of it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from assistant.accounts.models import Person
from assistant.errors import AssistantError
from webui.workbench import staff_of


def admin_of(request: HttpRequest) -> Person:
    """Raises person.not_signed_in, request.not_allowed."""
    person = staff_of(request)
    if person.role != Person.Role.ADMIN:
        raise AssistantError("request.not_allowed")
    return person


def done(request: HttpRequest, work: Callable[[], object], message: str, *page: str) -> HttpResponse:
    """Do it and go back to the page, which says `message` or why it could not be done. Who may not do it at all is told
    so in place of the page."""
    try:
        work()
    except AssistantError as problem:
        if problem.status in (401, 403):
            raise
        messages.error(request, problem.message)
    else:
        messages.success(request, message)
    return redirect(page[0], *page[1:])
