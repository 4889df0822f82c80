"""The reports of the desk: curves, the numbers behind them, the conversations behind each number, and all as CSV."""

from __future__ import annotations

import csv
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from assistant.accounts.models import Person
from assistant.desk import reports
from assistant.desk.access import sites_of
from assistant.desk.reports import Scope
from webui.reports.asked import adapters_of, asked, query_of
from webui.reports.pictures import pictures
from webui.reports.table import COLUMNS, Row, as_csv, row, rows_by_time
from webui.workbench import agent_of, show

TAB = "desk_reports"


@require_safe
@never_cache
def report(request: HttpRequest) -> HttpResponse:
    person = agent_of(request)
    form, scope = asked(person, request)
    numbers = reports.by_time(person, scope)
    context: dict[str, Any] = {
        "form": form,
        "scope": scope,
        "total": row(_("All"), reports.in_all(person, scope), scope),
        "charts": pictures(numbers, scope.by_week),
        "columns": COLUMNS,
        "rows": rows_by_time(numbers, scope),
        "sites": _by_site(person, scope),
        "adapters": _by_adapter(person, scope),
        "topics": reports.topics(person, scope),
        "surges": reports.surges(person, scope),
        "query": query_of(scope),
        "all_query": query_of(scope, what="all"),
        "is_zone_known": "zone" in request.GET,
    }
    return show(request, TAB, "webui/reports/report.html", context)


@require_safe
@never_cache
def cases(request: HttpRequest) -> HttpResponse:
    person = agent_of(request)
    _form, scope = asked(person, request)
    measure, topic = request.GET.get("what", "all"), request.GET.get("topic", "")
    page = reports.case_list(person, scope, measure, topic, request.GET.get("cursor"))
    further = query_of(scope, what=measure, topic=topic or None, cursor=page.next_cursor) if page.next_cursor else ""
    context = {
        "page": page,
        "scope": scope,
        "name": next((column.name for column in COLUMNS if column.measure == measure), ""),
        "back": query_of(scope),
        "further": further,
    }
    return show(request, TAB, "webui/reports/cases.html", context)


@require_safe
@never_cache
def numbers_csv(request: HttpRequest) -> HttpResponse:
    """By day or week, and each site and what answered in all."""
    person = agent_of(request)
    _form, scope = asked(person, request)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="parley-{scope.first}-{scope.last}.csv"'
    rows = rows_by_time(reports.by_time(person, scope), scope)
    csv.writer(answer).writerows(as_csv([*rows, *_by_site(person, scope), *_by_adapter(person, scope)]))
    return answer


def _by_site(person: Person, scope: Scope) -> list[Row]:
    numbers = reports.by_site(person, scope)
    names = sites_of(person).filter(pk__in=numbers).order_by("name").values_list("pk", "name")
    return [row(name, numbers[pk], scope, site=pk) for pk, name in names]


def _by_adapter(person: Person, scope: Scope) -> list[Row]:
    numbers = reports.by_adapter(person, scope)
    names = adapters_of(person)
    return [row(names[key], each, scope, adapter=key) for key, each in sorted(numbers.items()) if key in names]
