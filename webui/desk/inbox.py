"""The inbox: the list beside its filters, and the case that is open. The scripts ask for the same pages again, with
?part=list or ?part=case for one half alone, so that what is shown is made in one place, and can be read before them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from assistant.accounts.models import Person
from assistant.desk import inbox
from assistant.desk.access import sites_of
from assistant.desk.inbox import CaseView
from assistant.desk.open_case import open_case
from assistant.desk.wording import labels_of
from webui.assets import assets
from webui.desk.case import context_of, nameless
from webui.desk.filters import filters_of, uuid_of
from webui.desk.texts import MODES, ORDERS, PAGE_TEXTS, QUEUES, STATES
from webui.preferences import preferences_of
from webui.workbench import agent_of, show

# More sites or labels than that are found by searching.
MOST_CHOICES = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """One filter: where it leads, and how many are behind it."""

    value: str
    label: Any
    query: str
    is_chosen: bool
    count: int = 0


@require_safe
@never_cache
@ensure_csrf_cookie
def listed(request: HttpRequest) -> HttpResponse:
    """?whose= ?status= ?order= ?site= ?label= ?q= filter; what none of them knows is as if it were not there. `open`
    names the case that is open beside it."""
    agent = agent_of(request)
    context = _list(request, agent, uuid_of(request.GET.get("open", "")))
    if request.GET.get("part") == "list":
        return render(request, "webui/desk/_list.html", context)
    return _page(request, agent, context)


@require_safe
@never_cache
@ensure_csrf_cookie
def one(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """A case, at its end or up from ?leaf_id=, beside the list that the other parameters filter."""
    agent = agent_of(request)
    found = open_case(agent.pk, conversation_id, uuid_of(request.GET.get("leaf_id", "")))
    context = context_of(found)
    if request.GET.get("part") == "case":
        return render(request, "webui/desk/_case.html", {**context, "query": filters_of(request).query})
    return _page(request, agent, {**_list(request, agent, conversation_id), **context})


def _page(request: HttpRequest, agent: Person, context: dict[str, Any]) -> HttpResponse:
    cursor = request.GET.get("cursor", "")
    state = {
        # What the scripts list again; of a further page that page.
        "query": f"{context['query']}&{urlencode({'cursor': cursor})}" if cursor else context["query"],
        "preferences": preferences_of(agent).model_dump(),
        "max_message_chars": settings.MAX_MESSAGE_CHARS,
    }
    texts = {**assets()["page_texts"], **PAGE_TEXTS}
    return show(request, "desk", "webui/desk/inbox.html", {**context, "page_state": state, "page_texts": texts})


def _list(request: HttpRequest, agent: Person, open_id: UUID | None) -> dict[str, Any]:
    filters = filters_of(request)
    page = inbox.cases(
        agent,
        whose=filters.whose,
        status=filters.status,
        text=filters.text,
        site_id=filters.site,
        label_id=filters.label,
        order=filters.order,
        cursor=request.GET.get("cursor"),
    )
    overview = inbox.overview(agent)
    sites = list(sites_of(agent).order_by("name")[:MOST_CHOICES])
    labels = list(labels_of(agent)[:MOST_CHOICES])
    return {
        "page": page,
        "rows": [_row(case) for case in page.items],
        "query": filters.query,
        "open_id": open_id,
        "q": filters.text,
        "order": filters.order,
        "orders": ORDERS.items(),
        "kept": [(name, value) for name, value in filters.fields.items() if name not in ("q", "order")],
        "queues": [
            Choice(value, label, filters.but(whose=value), value == filters.whose, overview.counts[f"{value}.open"])
            for value, label in QUEUES.items()
        ],
        "states": [
            Choice(
                value,
                label,
                filters.but(status=value),
                value == filters.status,
                overview.counts[f"{filters.whose}.{value}"],
            )
            for value, label in STATES.items()
        ],
        # One more press on what is chosen lets it go.
        "sites": [
            Choice(str(site.pk), site.name, filters.but(site=None if is_chosen else site.pk), is_chosen)
            for site in (sites if len(sites) > 1 else [])
            for is_chosen in [site.pk == filters.site]
        ],
        "labels": [
            Choice(str(label.pk), label.name, filters.but(label=None if is_chosen else label.pk), is_chosen)
            for label in labels
            for is_chosen in [label.pk == filters.label]
        ],
        "waiting_count": overview.counts["all.waiting"],
        "newest_waiting": overview.newest_waiting,
        "newest_return": inbox.newest_return(agent),
    }


def _row(case: CaseView) -> dict[str, Any]:
    name = case.visitor_name or nameless(case.visitor_id)
    return {**asdict(case), "name": name, "mode_label": MODES[case.mode]}
