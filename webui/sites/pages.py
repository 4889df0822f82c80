"""The list of sites, one site with its preview, and what is done with it. For administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assistant.accounts.models import Person
from assistant.adapters.registry import choices_for
from assistant.chat import queries
from assistant.desk import sites
from assistant.desk.models import Site, Team
from assistant.errors import AssistantError
from webui.sites.forms import SWITCHES, SiteForm
from webui.sites.installation import check
from webui.widget.frame import show_frame
from webui.workbench import admin_of, show

PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def listed(request: HttpRequest) -> HttpResponse:
    """The list, fifty at a time; the form makes a site."""
    admin = admin_of(request)
    if request.method == "POST":
        team_name = " ".join(request.POST.get("team", "").split())[:100]
        try:
            if not team_name:
                raise AssistantError("site.invalid", reason=_("name the team that answers its visitors"))
            team, _is_new = Team.objects.get_or_create(name=team_name)
            site = sites.create(request.POST.get("name", ""), team, by=admin.id)
        except AssistantError as problem:
            messages.error(request, problem.message)
            return redirect("sites")
        return redirect("site", site_id=site.id)
    rows = Site.objects.select_related("team").order_by("-id")
    if after := request.GET.get("after"):
        rows = rows.filter(pk__lt=_id(after))
    found = list(rows[: PAGE + 1])
    following = found[PAGE - 1].pk if len(found) > PAGE else None
    teams = Team.objects.order_by("name").values_list("name", flat=True)[:200]
    return show(request, "sites", "webui/sites/list.html", {"sites": found[:PAGE], "after": following, "teams": teams})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def one(request: HttpRequest, site_id: UUID) -> HttpResponse:
    admin, site = admin_of(request), _site(site_id)
    form = SiteForm(request.POST or None, site=site, model_choices=_model_choices(admin))
    if request.method == "POST" and form.is_valid():
        try:
            sites.update(site.id, by=admin.id, **form.changes())
        except AssistantError as problem:
            form.add_error("origins" if problem.code == "site.invalid_origin" else None, problem.message)
        else:
            messages.success(request, _("Saved"))
            return redirect("site", site_id=site.id)
    return _show_site(request, site, form)


@require_POST
@never_cache
def rotate(request: HttpRequest, site_id: UUID) -> HttpResponse:
    """The new secret stands on the page that answers, and nowhere else."""
    admin, site = admin_of(request), _site(site_id)
    secret = sites.rotate_secret(site.id, by=admin.id)
    form = SiteForm(site=_site(site_id), model_choices=_model_choices(admin))
    return _show_site(request, site, form, secret=secret)


@require_POST
@never_cache
def check_installation(request: HttpRequest, site_id: UUID) -> HttpResponse:
    admin, site = admin_of(request), _site(site_id)
    page, policy = request.POST.get("page", "")[:2000], request.POST.get("policy", "")[:10_000]
    findings = check(site, page, policy, _own_origin(request))
    form = SiteForm(site=site, model_choices=_model_choices(admin))
    return _show_site(request, site, form, findings=findings, page_address=page, policy=policy)


@require_safe
@never_cache
@xframe_options_sameorigin
def preview(request: HttpRequest, site_id: UUID) -> HttpResponse:
    """The frame as a visitor would see it, on the site's own page; it says what is written in the form beside it."""
    admin_of(request)
    return show_frame(request, _site(site_id), ["'self'"], is_preview=True)


def _show_site(request: HttpRequest, site: Site, form: SiteForm, **more: Any) -> HttpResponse:
    switches = [(form[name], label) for name, label in SWITCHES.items()]
    context = {"site": site, "form": form, "switches": switches, "own_origin": _own_origin(request), **more}
    is_refused = form.is_bound and form.errors
    answer = show(request, "sites", "webui/sites/site.html", context, status=400 if is_refused else 200)
    answer._csp_update = {"frame-src": ["'self'"]}  # type: ignore[attr-defined]  # the preview
    return answer


def _site(site_id: UUID) -> Site:
    site = Site.objects.select_related("team").filter(pk=site_id).first()
    if site is None:
        raise AssistantError("site.not_found")
    return site


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise AssistantError("page.invalid_cursor") from None


def _own_origin(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _model_choices(admin: Person) -> list[tuple[str, str]]:
    names = {"automatic": _("Automatic"), "base": _("Base model")}
    choices = choices_for(admin, queries.loaded_base_model())
    return [(choice.id, names.get(choice.kind, choice.name)) for choice in choices]
