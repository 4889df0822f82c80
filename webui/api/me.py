"""The signed-in person: how the pages look for them."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Router
from pydantic import ValidationError

from assistant.accounts import actions
from assistant.errors import AssistantError
from webui.api.core import person_of
from webui.preferences import Preferences, preferences_of

router = Router()


@router.get("/me/preferences", response=Preferences)
def read_preferences(request: HttpRequest) -> Preferences:
    return preferences_of(person_of(request))


@router.patch("/me/preferences", response=Preferences)
def change_preferences(request: HttpRequest, body: Annotated[dict[str, Any], Body()]) -> Preferences:
    """What is left out stays as it is."""
    person = person_of(request)
    try:
        changed = Preferences.model_validate({**preferences_of(person).model_dump(), **body})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise AssistantError("request.invalid", reason=f"{first['loc'][-1]}: {first['msg'].lower()}") from None
    actions.set_preferences(person.id, changed.model_dump(exclude_defaults=True))
    return changed
