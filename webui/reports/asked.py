"""Which conversations a page of the reports is about, as its address says it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.chat.models import Generation
from assistant.desk import reports
from assistant.desk.access import cases_of, sites_of
from assistant.desk.reports import Scope
from assistant.errors import AssistantError

DAYS = 28
INPUT = {"class": "input"}
DAY = {**INPUT, "type": "date"}


class ScopeForm(forms.Form):
    """`zone` is the reader's time zone, which the page's script fills in: addresses are shared, and then it stays."""

    first = forms.DateField(label=gettext_lazy("From"), required=False, widget=forms.DateInput(DAY, "%Y-%m-%d"))
    last = forms.DateField(label=gettext_lazy("To"), required=False, widget=forms.DateInput(DAY, "%Y-%m-%d"))
    by = forms.ChoiceField(
        label=gettext_lazy("By"),
        required=False,
        choices=[("", gettext_lazy("Day")), ("week", gettext_lazy("Week"))],
        widget=forms.Select(INPUT),
    )
    site = forms.ChoiceField(label=gettext_lazy("Site"), required=False, widget=forms.Select(INPUT))
    adapter = forms.ChoiceField(label=gettext_lazy("Answered by"), required=False, widget=forms.Select(INPUT))
    zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, person: Person, data: QueryDict) -> None:
        super().__init__(data)
        sites = sites_of(person).order_by("name").values_list("pk", "name")
        self.fields["site"].choices = [("", _("All")), *((str(pk), name) for pk, name in sites)]  # type: ignore[attr-defined]
        self.fields["adapter"].choices = [("", _("All")), *adapters_of(person).items()]  # type: ignore[attr-defined]

    def clean_zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.cleaned_data["zone"] or "UTC")
        except (KeyError, ValueError, OSError):  # no name of one; some lead to folders
            raise forms.ValidationError("zone") from None


def asked(person: Person, request: HttpRequest) -> tuple[ScopeForm, Scope]:
    """Without days the last DAYS. Raises request.invalid, report.invalid_range."""
    form = ScopeForm(person, request.GET)
    if not form.is_valid():
        raise AssistantError("request.invalid", reason=", ".join(form.errors))
    told = form.cleaned_data
    last = told["last"] or timezone.now().astimezone(told["zone"]).date()
    first = told["first"] or last - timedelta(days=DAYS - 1)
    site_id = UUID(told["site"]) if told["site"] else None
    return form, Scope(first, last, told["zone"], told["by"] == "week", site_id, told["adapter"])


def query_of(scope: Scope, **changes: Any) -> str:
    """The address's part that asks for this; `changes` replace what it says, None leaves it out."""
    fields = {
        "first": scope.first.isoformat(),
        "last": scope.last.isoformat(),
        "by": "week" if scope.by_week else None,
        "site": scope.site_id,
        "adapter": scope.adapter or None,
        "zone": scope.zone.key,
        **changes,
    }
    query = QueryDict(mutable=True)
    query.update({name: str(value) for name, value in fields.items() if value is not None})
    return query.urlencode()


def adapters_of(person: Person) -> dict[str, str]:
    """What has answered on the person's sites: id -> name."""
    replies = Generation.objects.filter(conversation__case__in=cases_of(person))
    ids = set(replies.order_by().values_list("adapter", flat=True).distinct())
    names = {str(each.pk): each.name for each in Adapter.objects.filter(pk__in=ids - {None}).order_by("name")}
    return {**({reports.BASE: _("the base model")} if None in ids else {}), **names}
