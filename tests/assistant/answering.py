"""A worker's library in tests, and the runner that uses it."""

from __future__ import annotations

from assistant.chat import leases, sources
from assistant.chat.actions import Accepted
from assistant.chat.live_reply import LiveReply
from assistant.knowledge import actions
from assistant.knowledge.library import Library
from assistant.knowledge.models import Passage
from assistant.models import Generation
from inference.contract import EngineInfo, GenerationRequest, StreamEvent
from inference.serving.retrieval import LocalRetriever
from tests.assistant.rows import worker

ENGINE = EngineInfo("scripted", "scripted", "0" * 64, "none", 8192, 4)


def library(model: str = "scripted:") -> Library:
    """One that has read all there is."""
    read = Library(LocalRetriever(model))
    read.start()
    catch_up(read)
    return read


def catch_up(read: Library) -> None:
    read._refreshed = 0.0  # as if it had not looked for long
    for _ in range(12):
        read.refresh()


def approved(question: str, answer: str, **fields: object) -> Passage:
    passage = actions.passage(question, answer, source=Passage.Source.STAFF, **fields)
    actions.store([passage])
    return passage


def claimed(accepted: Accepted, read: Library | None, beat_ago_s: float = 0.0) -> tuple[LiveReply, list[Passage]]:
    """Take a reply as a runner does."""
    reply, _, passages = claimed_with_request(accepted, read, beat_ago_s)
    return reply, passages


def claimed_with_request(
    accepted: Accepted, read: Library | None, beat_ago_s: float = 0.0
) -> tuple[LiveReply, GenerationRequest, list[Passage]]:
    row = next(row for row in leases.waiting(20, may_take_over=True) if row.pk == accepted.generation_id)
    found = leases.claim(row, worker(beat_ago_s=beat_ago_s).id, ENGINE)
    assert found is not None
    reply, request = found
    passages = sources.settle(row, reply, request, read)
    if not reply.is_served:
        request = sources.with_context(request, passages, ENGINE.context_length)
    return reply, request, passages


def said(reply: LiveReply, passages: list[Passage]) -> list[StreamEvent]:
    knowledge = Generation.objects.get(pk=reply.generation_id).knowledge
    return list(sources.spoken(reply, knowledge, passages))


def end(reply: LiveReply, passages: list[Passage]) -> None:
    """Give a reply that no model writes to its end."""
    reply.take(said(reply, passages))
    assert reply.ending is not None
    assert leases.end(reply, reply.ending, ENGINE) is not None


def knowledge_of(accepted: Accepted) -> str:
    assert accepted.generation_id is not None
    return Generation.objects.get(pk=accepted.generation_id).knowledge
