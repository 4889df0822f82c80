"""allauth's views that have a page of ours; what is not listed here has no address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from allauth.account import views
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, re_path, reverse

from assistant.accounts.models import Person
from assistant.errors import AssistantError

View = Callable[..., HttpResponseBase]


def _members_only(view: View) -> View:
    """A guest has no password yet: instead of a form for it they get the one that makes them a member."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if getattr(request.user, "is_guest", False):
            answer: HttpResponse = redirect("account_signup")
            return answer
        return view(request, *args, **kwargs)

    return checked


def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no door of its own: Django's would not count attempts, nor ask for a second factor."""
    is_member = isinstance(request.user, Person) and not request.user.is_guest
    if is_member and not request.user.is_staff:
        raise AssistantError("request.not_allowed")
    index = reverse("admin:index")
    return redirect(index) if is_member else redirect_to_login(request.GET.get("next", index))


urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("signup/", views.signup, name="account_signup"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", _members_only(views.password_change), name="account_change_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
