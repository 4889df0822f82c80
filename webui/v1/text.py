"""POST /v1/completions, the older interface. The prompt is asked as a question: the model was trained on conversations,
and no text from outside is ever read as anything but a message."""

from __future__ import annotations

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponseBase
from ninja import Router

from assistant.chat.completions import Said
from webui.v1 import replies, wire
from webui.v1.chat import ask
from webui.v1.core import address_of, person_of

router = Router()


@router.post("/completions")
async def create_completion(request: HttpRequest, body: wire.CompletionIn) -> HttpResponseBase:
    person = person_of(request)
    accepted = await database_sync_to_async(ask)(person, address_of(request), body, "", [Said("user", body.prompt[0])])
    return await replies.answer(person.id, accepted, body, wire.TEXT)
