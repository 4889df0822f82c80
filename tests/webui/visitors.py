"""Browsers at a site's widget: what the frame says to the server, with a token in a header and no cookie."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client

from assistant.desk import sites, visitors
from assistant.models import Site, Visitor
from tests.assistant.desk import rows

ORIGIN = "https://shop.example"


def shop(name: str = "Shop", **changes: Any) -> Site:
    site = rows.site(name)
    sites.rotate_secret(site.id, by=None)
    return sites.update(site.id, by=None, origins=[ORIGIN], **changes)


class Frame:
    """One browser's frame: a visitor of the site, or nobody with token ""."""

    def __init__(self, site: Site, token: str | None = None) -> None:
        self.site = site
        self.visitor: Visitor | None = None
        if token is None:
            self.visitor, token = visitors.open_visitor(site, ORIGIN)
        self.token = token
        self.client = Client()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> HttpResponse:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        call = getattr(self.client, method.lower())
        extra = {} if body is None and method == "GET" else {"data": body or {}, "content_type": "application/json"}
        answer: HttpResponse = call(f"/api/widget{path}", headers={**authorization, **headers}, **extra)
        return answer
