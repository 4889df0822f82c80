"""Finding a person's own conversations by what they are called and what was said in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from assistant.chat.models import Conversation, Folder, Message, SearchText
from assistant.chat.queries import Page
from assistant.chat.search_query import Says, SearchQuery, parsed
from assistant.chat.snippet import Part, snippet
from assistant.errors import AssistantError
from assistant.words import normalised


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A text that was found: a message, or the title of the conversation when `message_id` is None."""

    conversation_id: UUID
    title: str
    is_archived: bool
    folder_name: str | None
    message_id: UUID | None
    written_at: datetime
    snippet: list[Part]


def index_title(conversation: Conversation) -> None:
    """Let the conversation be found by its title as it is now. To be called in the transaction that sets the title."""
    SearchText.objects.update_or_create(
        conversation=conversation,
        message=None,
        defaults={"body": normalised(conversation.title)},
        create_defaults={
            "owner_id": conversation.owner_id,
            "body": normalised(conversation.title),
            "written_at": conversation.created_at,
        },
    )


def index_messages(messages: Iterable[Message]) -> None:
    """Let messages be found by their texts as they are now. To be called in the transaction that sets the texts."""
    SearchText.objects.bulk_create(
        [
            SearchText(
                owner_id=message.conversation.owner_id,
                conversation_id=message.conversation_id,
                message=message,
                body=normalised(message.text),
                written_at=message.created_at,
            )
            for message in messages
        ],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["message"],
        update_fields=["body"],
    )


def search(person_id: UUID, text: str, cursor: str | None = None, limit: int = 20) -> Page[SearchResult]:
    """What was found, the newest first. `cursor` is the `next_cursor` of the page before. Raises search.empty,
    search.too_long and page.invalid_cursor."""
    query = parsed(text)
    found = list(
        SearchText.objects.filter(_within(person_id, query), _after(cursor))
        .select_related("conversation__folder", "message")
        .order_by("-written_at", "-id")[: limit + 1]
    )
    last = found[limit - 1] if len(found) > limit else None
    results = [_result(row, query) for row in found[:limit]]
    return Page(results, f"{last.written_at.isoformat()}_{last.id}" if last else None)


def _within(person_id: UUID, query: SearchQuery) -> Q:
    within = Q(owner=person_id, conversation__deleted_at=None, conversation__is_temporary=False)
    within &= Q(Says(person_id, query.phrases)) if query.phrases else Q(message=None)
    if query.is_pinned:
        within &= Q(conversation__pinned_at__isnull=False)
    if query.is_archived:
        within &= Q(conversation__archived_at__isnull=False)
    if query.folder:
        within &= Q(conversation__folder__in=_folders_called(query.folder, person_id))
    return within


def _folders_called(name: str, person_id: UUID) -> list[UUID]:
    """The folders of this name, else, since it may still be being typed, those whose names begin so."""
    names = {id_: normalised(its) for id_, its in Folder.objects.filter(owner=person_id).values_list("id", "name")}
    return [id_ for id_ in names if names[id_] == name] or [id_ for id_ in names if names[id_].startswith(name)]


def _after(cursor: str | None) -> Q:
    if not cursor:
        return Q()
    at, _, id_ = cursor.rpartition("_")
    try:
        before, before_id = datetime.fromisoformat(at).astimezone(UTC), int(id_)
    except (ValueError, OverflowError):
        raise AssistantError("page.invalid_cursor") from None
    return Q(written_at__lt=before) | Q(written_at=before, id__lt=before_id)


def _result(row: SearchText, query: SearchQuery) -> SearchResult:
    conversation = row.conversation
    return SearchResult(
        conversation_id=conversation.id,
        title=conversation.title,
        is_archived=conversation.archived_at is not None,
        folder_name=conversation.folder.name if conversation.folder else None,
        message_id=row.message_id,
        written_at=row.written_at,
        snippet=snippet(row.message.text if row.message else conversation.title, query.phrases),
    )
