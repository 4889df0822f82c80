"""How the pages look and behave for one person. The only place that knows what stands in Person.preferences."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assistant.accounts.models import Person
from webui.languages import chosen_language
from webui.manifest import THEME_COLORS

ShortText = Annotated[str, StringConstraints(max_length=40)]


class Preferences(BaseModel):
    # What an older or newer version stored is ignored rather than refused.
    model_config = ConfigDict(extra="ignore", frozen=True)

    theme: Literal["system", "light", "dark"] = "system"
    contrast: Literal["system", "more"] = "system"
    # On wide screens; on narrow ones it is a drawer.
    shows_sidebar: bool = True
    # Keep the end in view while a reply grows.
    follows_reply: bool = True
    shows_suggestions: bool = True
    has_shortcuts: bool = True
    # Action -> keys, for those that differ from the page's own.
    shortcuts: Annotated[dict[ShortText, ShortText], Field(max_length=40)] = {}


def preferences_of(person: object) -> Preferences:
    """The defaults for whoever has none, or has some that no longer make sense."""
    try:
        return Preferences.model_validate(person.preferences if isinstance(person, Person) else {})
    except ValidationError:
        return Preferences()


def on_every_page(request: HttpRequest) -> dict[str, Any]:
    """Context processor: templates set the theme before the first paint, and offer the languages."""
    return {
        "preferences": preferences_of(getattr(request, "user", None)),
        "theme_colors": THEME_COLORS,
        "languages": [("", ""), *settings.LANGUAGES],  # the first is whatever the browser asks for
        "chosen_language": chosen_language(request),
    }
