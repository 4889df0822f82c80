"""What can be named as `model`: what the page gives (`parley`), the base model alone (`base`), and each adapter that
the key's person may choose, by name and hash."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.adapters.registry import AUTOMATIC, BASE, choosable_adapters
from assistant.chat.queries import loaded_base_model
from assistant.errors import AssistantError
from webui.v1.core import person_of

router = Router()

PRODUCT = "parley"
HASH_CHARS = 12


@router.get("/models")
def list_models(request: HttpRequest) -> dict[str, Any]:
    return {"object": "list", "data": [_model(name, of) for name, of in _models_of(person_of(request)).items()]}


@router.get("/models/{path:name}")
def retrieve_model(request: HttpRequest, name: str) -> dict[str, Any]:
    models = _models_of(person_of(request))
    if name not in models:
        raise AssistantError("model.not_found", name=name[:100])
    return _model(name, models[name])


def choice_of(person: Person, name: str) -> str:
    """What the registry calls this model. Raises model.not_found: a program that names one shall not get another."""
    models = _models_of(person)
    if name not in models:
        raise AssistantError("model.not_found", name=name[:100])
    adapter = models[name]
    if adapter:
        return str(adapter.id)
    return AUTOMATIC if name == PRODUCT else BASE


def _models_of(person: Person) -> dict[str, Adapter | None]:
    adapters = choosable_adapters(person, loaded_base_model())
    return {PRODUCT: None, BASE: None, **{f"{each.name}@{each.sha256[:HASH_CHARS]}": each for each in adapters}}


def _model(name: str, adapter: Adapter | None) -> dict[str, Any]:
    created = int(adapter.created_at.timestamp()) if adapter else 0
    return {"id": name, "object": "model", "created": created, "owned_by": "parley"}
