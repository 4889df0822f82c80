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
        by_default = {"whose": "all", "status": "open", "order": usual_order(self.status)}
        return {name: value for name, value in said.items() if value and value != by_default.get(name)}

    @property
    def query(self) -> str:
        return urlencode(self.fields)

    def but(self, **changes: Any) -> str:
        """The query of what differs from this so. An order that nobody chose is the usual one there as well."""
        changed = replace(self, **changes)
        if self.order == usual_order(self.status) and "order" not in changes:
            changed = replace(changed, order=usual_order(changed.status))
        return changed.query


def usual_order(status: Status) -> Order:
    """Who has waited longest comes first, where somebody waits."""
    return "waiting" if status in ("open", "waiting") else "newest"


def filters_of(request: HttpRequest) -> Filters:
    """What no filter knows is as if it were not there."""
    asked = request.GET
    status = _known(asked.get("status"), Status, "open")
    return Filters(
        whose=_known(asked.get("whose"), Whose, "all"),
        status=status,
        order=_known(asked.get("order"), Order, usual_order(status)),
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
