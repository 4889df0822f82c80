"""Goes on from a message in a conversation of its own, so that the first one stays as it is."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.db import transaction

from assistant.chat import branches, copying, queries, stream
from assistant.chat.models import Conversation

Scope = Literal["path", "all"]
# Stands before the title of a copy, in every language.
MARK = "↳ "


@transaction.atomic
def fork(person_id: UUID, message_id: UUID, scope: Scope) -> Conversation:
    """Copy the path up to a message, or the conversation with all its branches, into a new one of the same settings.

    Consent to training is not copied: the same words would be learned twice. Raises message.not_found,
    conversation.temporary: what is to be erased within the hour must not live on in a copy.
    """
    message = queries.message_of(person_id, message_id)
    source = queries.kept_conversation_of(person_id, message.conversation_id)
    copy = Conversation.objects.create(
        owner=source.owner,
        title=title_of_copy(source.title),
        folder=source.folder,
        forked_from=source,
        sampling=source.sampling,
        system_message=source.system_message,
        model_choice=source.model_choice,
    )
    if scope == "path":
        copying.add_messages(copy, copying.of_rows(branches.path_to(message)), message.id)
    else:
        copying.add_messages(copy, copying.of_rows(source.messages.order_by("id")), source.head_id)
    transaction.on_commit(lambda: stream.hint(person_id, copy.id))
    return copy


def title_of_copy(title: str) -> str:
    return title if title.startswith(MARK) else (MARK + title)[:200]
