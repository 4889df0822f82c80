"""POST /v1/chat/completions: the reply to a conversation that the program sends whole."""

from __future__ import annotations

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponseBase
from ninja import Router

from assistant.accounts.models import Person
from assistant.chat.actions import Accepted
from assistant.chat.completions import Said, complete
from webui.limits import admit_question
from webui.v1 import replies, wire
from webui.v1.core import address_of, person_of
from webui.v1.models import choice_of

router = Router()


@router.post("/chat/completions")
async def create_chat_completion(request: HttpRequest, body: wire.ChatCompletionIn) -> HttpResponseBase:
    person = person_of(request)
    system_message, said = body.said()
    accepted = await database_sync_to_async(ask)(person, address_of(request), body, system_message, said)
    return await replies.answer(person.id, accepted, body, wire.CHAT)


def ask(person: Person, address: str, body: wire.Asked, system_message: str, said: list[Said]) -> list[Accepted]:
    """Raises model.not_found, rate.limited and what assistant.chat.completions.complete raises."""
    choice = choice_of(person, body.model)
    admit_question(person.id, address, replies=body.n or 1)
    return complete(
        person.id,
        said,
        system_message=system_message,
        sampling_changes=body.sampling(),
        model_choice=choice,
        is_temporary=body.store is False,
        replies=body.n or 1,
    )
