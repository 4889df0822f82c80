"""allauth's views that have a page of ours; what is not listed here has no address."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from allauth.account import views
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import include, path, re_path
from django.views.generic import RedirectView

View = Callable[..., HttpResponseBase]


def members_only(view: View) -> View:
    """A guest has no password yet: instead of a form for it they get the one that makes them a member."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if getattr(request.user, "is_guest", False):
            answer: HttpResponse = redirect("account_signup")
            return answer
        return view(request, *args, **kwargs)

    return checked


def _for_nobody(view: View) -> View:
    """allauth lets nobody finish signing in who is signed in already, and a guest is. The view sees nobody; our
    adapter is told of the guest, whose conversations shall come along."""

    @wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if getattr(request.user, "is_guest", False):
            request.guest = request.user  # type: ignore[attr-defined]
            request.user = AnonymousUser()
        return view(request, *args, **kwargs)

    return checked


@members_only
def _connections(request: HttpRequest) -> HttpResponseBase:
    """Disconnecting alone: what is connected stands in the settings."""
    answer: HttpResponseBase = redirect("settings_security") if request.method == "GET" else social.connections(request)
    return answer


# allauth returns to its own overviews by these names; ours is one page for all of them.
_overview = RedirectView.as_view(pattern_name="settings_security")

_two_step_verification = [
    path("", _overview, name="mfa_index"),
    path("authenticate/", _for_nobody(mfa.authenticate), name="mfa_authenticate"),
    path("reauthenticate/", members_only(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("totp/activate/", members_only(totp.activate_totp), name="mfa_activate_totp"),
    path("totp/deactivate/", members_only(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", members_only(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/generate/",
        members_only(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "recovery-codes/download/",
        members_only(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("passkeys/", _overview, name="mfa_list_webauthn"),
    path("passkeys/login/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("passkeys/add/", members_only(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path(
        "passkeys/reauthenticate/", members_only(webauthn.reauthenticate_webauthn), name="mfa_reauthenticate_webauthn"
    ),
    path("passkeys/<int:pk>/edit/", members_only(webauthn.edit_webauthn), name="mfa_edit_webauthn"),
    path("passkeys/<int:pk>/remove/", members_only(webauthn.remove_webauthn), name="mfa_remove_webauthn"),
]

_other_services = [
    path("", _connections, name="socialaccount_connections"),
    path("signup/", social.signup, name="socialaccount_signup"),
    path("login/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("login/error/", social.login_error, name="socialaccount_login_error"),
]


urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("signup/", views.signup, name="account_signup"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", members_only(views.reauthenticate), name="account_reauthenticate"),
    path("password/change/", members_only(views.password_change), name="account_change_password"),
    path("password/set/", members_only(views.password_set), name="account_set_password"),
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
    path("2fa/", include(_two_step_verification)),
    path("3rdparty/", include(_other_services)),
    path("oidc/<str:provider_id>/login/", openid_connect.login, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", openid_connect.callback, name="openid_connect_callback"),
]
