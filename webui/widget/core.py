"""Who may call from the frame: whoever shows a visitor's token, from a page of our own. Cookies open nothing here, so
no page elsewhere can act for its reader, and no token ever stands in an address."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.security import HttpBearer

from assistant import limits
from assistant.desk.models import Visitor, VisitorToken
from assistant.desk.visitors import token_with
from assistant.errors import AssistantError
from webui.api.core import tell_failures

JSON, FORM = "application/json", "multipart/form-data"


class _TokenAuth(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> VisitorToken:
        refuse_foreign(request)
        row = token_with(token)
        # The address was counted already, as for every request; here the visitor, wherever they come from.
        limits.spend_request(row.visitor_id, address_of(request))
        return row


def refuse_foreign(request: HttpRequest) -> None:
    """A browser says where a call comes from. A program may say what it likes, and has no reader's token. Raises
    request.forged, request.invalid."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc != request.get_host()):
        raise AssistantError("request.forged")
    if request.method in ("POST", "PUT") and request.content_type not in (JSON, FORM):
        raise AssistantError("request.invalid", reason="send JSON")


def address_of(request: HttpRequest) -> str:
    return limits.network_of(request.META.get("REMOTE_ADDR"))


def token_of(request: HttpRequest) -> VisitorToken:
    row = request.auth  # type: ignore[attr-defined]  # set by ninja to what _TokenAuth found
    assert isinstance(row, VisitorToken)
    return row


def visitor_of(request: HttpRequest) -> Visitor:
    return token_of(request).visitor


def shown_token(request: HttpRequest) -> str:
    """What the call carries, valid or not; empty where it carries none."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip()


api = NinjaAPI(
    title="Parley for visitors",
    version="1",
    urls_namespace="widget",
    auth=_TokenAuth(),
    docs_url=None,
    openapi_url=None,
)
tell_failures(api, "visitor.unknown")
