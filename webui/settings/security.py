"""Security: how a person signs in, and where they are signed in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import get_adapter as social_adapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assistant.accounts import devices, emails
from assistant.accounts.actions import ensure_person
from assistant.errors import AssistantError
from webui.accounts import members_only
from webui.settings.pages import show


@require_safe
@never_cache
@members_only
def security(request: HttpRequest) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("account_login")
    person = ensure_person(request)
    authenticators = Authenticator.objects.filter(user=person).order_by("created_at")
    by_type = {each.type: each for each in authenticators}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    context = {
        "totp": by_type.get(Authenticator.Type.TOTP),
        "passkeys": [each for each in authenticators if each.type == Authenticator.Type.WEBAUTHN],
        "recovery_codes": codes,
        "unused_codes": len(codes.wrap().get_unused_codes()) if codes else 0,
        "may_add": settings.MFA_ALLOW_UNVERIFIED_EMAIL or emails.is_confirmed(person),
        "devices": devices.devices_of(person, request.session.session_key),
        "connected": SocialAccount.objects.filter(user=person).order_by("date_joined"),
        "services": social_adapter().list_providers(request),
    }
    return show(request, person, "security", context)


@require_POST
@members_only
def end_devices(request: HttpRequest) -> HttpResponse:
    """Sign out one device (`device`), or without one all but this."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    person = ensure_person(request)
    device_id = request.POST.get("device", "")
    try:
        if device_id:
            devices.end_device(person, int(device_id) if device_id.isdecimal() else 0)
            messages.success(request, _("The device is signed out."))
        else:
            devices.end_devices(person, except_session_key=request.session.session_key)
            messages.success(request, _("All other devices are signed out."))
    except AssistantError as error:
        return render(request, "webui/error.html", {"error": error}, status=error.status)
    return redirect("settings_security")
