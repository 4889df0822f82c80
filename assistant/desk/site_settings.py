"""What may stand in the JSON columns of a site, and how it is read: looks, texts by language, hours, forms, rules.

It knows no request and writes no row; `sites` does.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assistant.desk.models import Site

LANGUAGES = ("en", "zh-hans")
Line = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    # What an earlier or later version kept beside is not lost on anybody by failing.
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class Theme(_Part):
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#0b6e5f"
    position: Literal["left", "right"] = "right"
    scheme: Literal["auto", "light", "dark"] = "auto"
    # A letter or a sign; a picture would have to be loaded from somewhere.
    avatar: Annotated[str, Field(max_length=4)] = ""
    # Without it the site opens the chat from a button of its own.
    has_launcher: bool = True

    @property
    def text_color(self) -> str:
        """Black or white, whichever is read better on `color` (WCAG 2.2, relative luminance)."""
        channels = [int(self.color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        # The contrasts with white and with black are equal at a luminance of 0.179.
        return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"


class Texts(_Part):
    """In one language. What is empty says what every site says."""

    title: Line = ""
    greeting: Annotated[str, Field(max_length=1000)] = ""
    launcher: Annotated[str, Field(max_length=40)] = ""
    offline: Annotated[str, Field(max_length=1000)] = ""
    suggestions: Annotated[list[Line], Field(max_length=5)] = []


class Hours(_Part):
    """When somebody is there, by the site's clock: from `opens` until just before `closes`, on these days."""

    days: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)]  # 0: Monday
    opens: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    closes: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]

    @model_validator(mode="after")
    def _in_order(self) -> Hours:
        if self.opens >= self.closes:
            raise ValueError("closing time must come after opening time")
        return self


class FormField(_Part):
    """What a visitor is asked before the first message. `name` and `email` are known to the desk as such."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
    label: Annotated[str, Field(max_length=100)] = ""
    is_required: bool = False


class HandoffRules(_Part):
    """When the assistant hands over by itself."""

    words: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=50)] = []
    when_unsure: bool = False
    when_negative: bool = False


class SiteSettings(_Part):
    """Everything of a site that is kept as JSON."""

    theme: Theme = Theme()
    texts: dict[Literal["en", "zh-hans"], Texts] = {}
    hours: Annotated[list[Hours], Field(max_length=50)] = []
    time_zone: str = "UTC"
    pre_chat: Annotated[list[FormField], Field(max_length=10)] = []
    handoff_rules: HandoffRules = HandoffRules()

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("there is no such time zone; write it like Europe/Paris")
        return name

    @field_validator("pre_chat")
    @classmethod
    def _different(cls, fields: list[FormField]) -> list[FormField]:
        if len({field.name for field in fields}) < len(fields):
            raise ValueError("two fields have the same name")
        return fields


def settings_of(site: Site) -> SiteSettings:
    return SiteSettings(
        theme=Theme.model_validate(site.theme),
        texts=site.texts,
        hours=site.hours,
        time_zone=site.time_zone,
        pre_chat=site.pre_chat,
        handoff_rules=HandoffRules.model_validate(site.handoff_rules),
    )


def texts_in(site: Site, language: str) -> Texts:
    """The site's texts in this language, else in its first one."""
    texts = {name: Texts.model_validate(fields) for name, fields in site.texts.items() if name in LANGUAGES}
    return texts.get(language) or next(iter(texts.values()), Texts())


def is_open(site: Site, now: datetime) -> bool:
    """Whether somebody of the desk is said to be there at `now` (aware)."""
    if not site.hours:
        return True
    local = now.astimezone(ZoneInfo(site.time_zone))
    time = f"{local:%H:%M}"
    hours = [Hours.model_validate(each) for each in site.hours]
    return any(local.weekday() in each.days and each.opens <= time < each.closes for each in hours)


_ORIGIN = re.compile(r"^(https?)://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:\d{1,5})?$")


def normal_origin(text: str) -> str | None:
    """Scheme, host and port as a browser writes them in `Origin`; None for what is no origin. What is returned stands
    in a header as it is (`frame-ancestors`), so there is no room in it for anything else."""
    origin = text.strip().lower().rstrip("/")
    found = _ORIGIN.match(origin)
    if not found:
        return None
    is_default = (found[1], found[4]) in (("http", ":80"), ("https", ":443"))
    return origin.removesuffix(found[4]) if is_default else origin
