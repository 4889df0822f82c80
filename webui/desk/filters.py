"""What of the inbox an address asks for, and the address that asks for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest

from assistant.chat.search_query import MAX_CHARS
from assistant.desk.inbox import Order, Status, Whose


@dataclass(frozen=True, slots=True)
class Filters:
    whose: Whose = "all"
    status: Status = "open"
    order: Order = "waiting"
    site: UUID | None = None
    label: UUID | None = None
    text: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The parameters of an address that say this; what is so by default is left out."""
        said = {
            "whose": self.whose,
            "status": self.status,
            "order": self.order,
            "site": str(self.site or ""),
            "label": str(self.label or ""),
            "q": self.text,
        }
        by_default = {"whose": "all", "status": "open", "order": "waiting"}
        return {name: value for name, value in said.items() if value and value != by_default.get(name)}

    @property
    def query(self) -> str:
        return urlencode(self.fields)

    def but(self, **changes: Any) -> str:
        """The query of what differs from this so."""
        return replace(self, **changes).query


def filters_of(request: HttpRequest) -> Filters:
    """What no filter knows is as if it were not there."""
    asked = request.GET
    return Filters(
        whose=_known(asked.get("whose"), Whose, "all"),
        status=_known(asked.get("status"), Status, "open"),
        order=_known(asked.get("order"), Order, "waiting"),
        site=uuid_of(asked.get("site", "")),
        label=uuid_of(asked.get("label", "")),
        text=asked.get("q", "").strip()[:MAX_CHARS],
    )


def _known(value: str | None, among: Any, otherwise: Any) -> Any:
    return value if value in get_args(among) else otherwise


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
