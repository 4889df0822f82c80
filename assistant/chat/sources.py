"""What approved answers have to do with a reply: looked up once, when the reply is first claimed, and kept with it, so
that whoever takes it over goes on in the same way. Where the match is sure the approved answer itself is the reply;
where some may fit, they are offered."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.conf import settings
from django.db import DatabaseError, InterfaceError, transaction

from assistant.chat.live_reply import LiveReply
from assistant.chat.models import Generation, RetrievedPassage
from assistant.errors import AssistantError
from assistant.knowledge.context import with_passages
from assistant.knowledge.library import Library, Match
from assistant.knowledge.models import Passage
from assistant.knowledge.questions import whole_question
from inference.contract import EngineFailure, GenerationRequest, StreamEvent

log = logging.getLogger(__name__)

Knowledge = Generation.Knowledge

# So many are given to the model: with the answers' texts compared too, the right one is nearly always among three.
IN_CONTEXT = 3
CONTEXT_CHARS = 6000
# Of a long message: further on an embedder reads nothing anyway.
QUESTION_CHARS = 2000
SAME_WORDS = 1.0
_PIECE = re.compile(r"\s*\S+|\s+$")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!<>~|$&])")


def settle(
    generation: Generation, reply: LiveReply, request: GenerationRequest, library: Library | None
) -> list[Passage]:
    """What a claimed reply is given from or written with, the best first; marks a reply that is given."""
    if generation.knowledge:
        passages = _kept(generation)
    elif reply.token_ids or library is None:
        # Begun by a worker that knew nothing of approved answers: it goes on as it began.
        passages = _keep(generation, reply, Knowledge.NONE, [])
    else:
        passages = _keep(generation, reply, *_look_up(generation, request, library))
    reply.is_served = generation.knowledge in Generation.GIVEN
    return passages


def with_context(request: GenerationRequest, passages: Sequence[Passage], context_length: int) -> GenerationRequest:
    """The request with what was found in its system message: at most so many characters as half the context has
    tokens, so that they leave room in any language."""
    said = [(passage.question, passage.answer) for passage in passages]
    return replace(request, messages=with_passages(request.messages, said, min(CONTEXT_CHARS, context_length // 2)))


def spoken(reply: LiveReply, knowledge: str, passages: Sequence[Passage]) -> Iterator[StreamEvent]:
    """The events of a reply that no model writes, as an engine would emit them. Piece i of the text has the token id i,
    so what the log holds says where to go on."""
    id_ = str(reply.generation_id)
    yield StreamEvent("started", id_)
    pieces = (
        _PIECE.findall(_offer(passages) if knowledge == Knowledge.OFFERED else passages[0].answer) if passages else []
    )
    # One that was erased meanwhile is missing from the middle of what was begun.
    if not pieces or "".join(pieces[: len(reply.token_ids)]) != reply.text:
        gone = AssistantError("passage.withdrawn")
        yield StreamEvent("failed", id_, failure=EngineFailure(gone.code, gone.message, retryable=False))
        return
    for at in range(len(reply.token_ids), len(pieces)):
        yield StreamEvent("delta", id_, (at,), pieces[at])
    yield StreamEvent("finished", id_, finish_reason="stop")


def _look_up(
    generation: Generation, request: GenerationRequest, library: Library
) -> tuple[Generation.Knowledge, list[Match]]:
    questions = [message.text for message in request.messages if message.role == "user"]
    question = whole_question(questions)
    try:
        found = library.find(question[:QUESTION_CHARS], IN_CONTEXT)
    except (DatabaseError, InterfaceError):
        raise
    except Exception:
        log.exception("no approved answer was looked up for generation %s", generation.pk)
        return Knowledge.NONE, []
    # Together with the question before it, one that is too short alone is like that one's answer, which has been given.
    stands_alone = question == questions[-1].strip()
    best = found[0].score if found else 0.0
    is_sure = best >= (settings.APPROVED_ANSWER_SURE if stands_alone else SAME_WORDS)
    # Whoever asks again, has the approved answers and wants another.
    may_give = not _was_given_before(generation)
    if is_sure and may_give and settings.APPROVED_ANSWERS in ("offer", "serve"):
        return Knowledge.SERVED, found[:1]
    near = [match for match in found if match.score >= settings.APPROVED_ANSWER_MAYBE]
    # What a question means that does not stand alone is the model's to read.
    if near and may_give and stands_alone and settings.APPROVED_ANSWERS == "offer":
        return Knowledge.OFFERED, near
    return (Knowledge.CONTEXT if near else Knowledge.NONE), near


def _was_given_before(generation: Generation) -> bool:
    beside = Generation.objects.filter(reply__parent=generation.reply.parent_id, knowledge__in=Generation.GIVEN)
    return beside.exclude(pk=generation.pk).exists()


def _offer(passages: Sequence[Passage]) -> str:
    """Each answer below the question that it was approved for. No word of ours: people write in many languages, and the
    page says in theirs what this is."""
    return "\n\n".join(f"**{_as_text(passage.question)}**\n\n{passage.answer.strip()}" for passage in passages)


def _as_text(question: str) -> str:
    """On one line, with nothing that Markdown would read."""
    return _MARKDOWN.sub(r"\\\1", " ".join(question.split()))


@transaction.atomic
def _keep(
    generation: Generation, reply: LiveReply, knowledge: Generation.Knowledge, found: list[Match]
) -> list[Passage]:
    """What is given has no adapter: nothing that people say of it is about one."""
    changes = {"knowledge": knowledge, **({"adapter": None} if knowledge in Generation.GIVEN else {})}
    own = Generation.objects.filter(pk=generation.pk, fence=reply.fence, state=Generation.State.RUNNING)
    if own.update(**changes) == 1:
        RetrievedPassage.objects.bulk_create(
            RetrievedPassage(generation=generation, passage=match.passage, rank=rank, score=match.score)
            for rank, match in enumerate(found)
        )
    generation.knowledge = knowledge
    return [match.passage for match in found]


def _kept(generation: Generation) -> list[Passage]:
    rows = RetrievedPassage.objects.filter(generation=generation).select_related("passage").defer("passage__vector")
    return [row.passage for row in rows]
