"""What was shared, as others see it, and the list of one's own links. A page here makes nobody a guest."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from assistant.accounts.actions import ensure_person
from assistant.accounts.models import Person
from assistant.errors import AssistantError
from assistant.sharing import actions, queries
from webui.assets import assets


@require_safe
@never_cache
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The snapshot behind a link. It is not for search engines, whoever may open it."""
    try:
        link = queries.shared(token, request.user if isinstance(request.user, Person) else None)
    except AssistantError as error:
        return _refusal(request, error)
    context = {"link": link, "page_state": {"messages": link.snapshot["messages"]}, **assets()}
    answer = render(request, "webui/shared.html", context)
    answer["X-Robots-Tag"] = "noindex"
    return answer


@require_POST
def continue_as_copy(request: HttpRequest, token: str) -> HttpResponse:
    """A stranger becomes a guest here, as at any first message, but only if there is something to go on from."""
    try:
        queries.shared(token, request.user if isinstance(request.user, Person) else None)
        copy = actions.continue_as_copy(ensure_person(request), token)
    except AssistantError as error:
        return _refusal(request, error)
    return redirect("chat", copy.id)


@require_safe
@never_cache
@ensure_csrf_cookie
@login_required
def links(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, Person)
    try:
        page = queries.links_of(request.user.id, request.GET.get("cursor"))
    except AssistantError as error:
        return _refusal(request, error)
    return render(request, "webui/links.html", {"page": page, "page_state": {}, **assets()})


def _refusal(request: HttpRequest, error: AssistantError) -> HttpResponse:
    if error.code == "share.members_only":
        return redirect_to_login(request.path.removesuffix("copy/"))
    answer = render(request, "webui/error.html", {"error": error}, status=error.status)
    answer["X-Robots-Tag"] = "noindex"
    return answer
