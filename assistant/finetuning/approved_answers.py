"""Makes approved answers of what reviewers decide, at once, and of imported examples: the same texts that are learned
from later, redacted in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from assistant.chat.branches import path_to
from assistant.chat.consent import training_use
from assistant.chat.models import Generation, Message, RetrievedPassage
from assistant.feedback.models import Review
from assistant.finetuning.contents import has_template_token
from assistant.finetuning.models import Example
from assistant.finetuning.redaction import redacted
from assistant.knowledge import actions
from assistant.knowledge.models import Passage
from assistant.knowledge.questions import whole_question

APPROVED = (Review.State.ACCEPTED, Review.State.EDITED)


@receiver(post_save, sender=Review)
def follow(sender: object, *, instance: Review, **_: Any) -> None:
    """In the transaction that writes a review. Approved, its answer is given from now on; what was approved for the
    same question, or was given and is judged wrong by it, is retired. Undone, all that is taken back."""
    if instance.state not in APPROVED:
        actions.undo(instance.id)
        return
    given = RetrievedPassage.objects.filter(
        generation__reply=instance.message_id, generation__knowledge=Generation.Knowledge.SERVED
    )
    actions.retire_for(instance.id, list(given.values_list("passage", flat=True)))
    if passage := _of(instance):
        actions.store([passage], retired_for_id=instance.id)


def store_examples(examples: Iterable[Example]) -> int:
    """Let the answers of approved examples be given; returns how many are new."""
    passages = []
    for example in examples:
        if example.kind != Example.Kind.SFT or example.status != Example.Status.APPROVED:
            continue
        assert example.completion is not None
        asked = [turn["content"] for turn in example.prompt if turn["role"] == "user"]
        origin = {"source": Passage.Source.IMPORT, "origin": example.origin, "licence": example.licence}
        passages.append(actions.passage(whole_question(asked), example.completion[-1]["content"], **origin))
    return actions.store(passages)


def _of(review: Review) -> Passage | None:
    """None where the reviewer approved no answer, or none that may be given: its question was edited since, its owner
    does not allow it, or a template token stands in it."""
    question, conversation = review.message.parent, review.conversation
    if not review.answer or question is None or question.role != Message.Role.USER:
        return None
    path = path_to(question)
    if any(step.edited_at and step.edited_at > review.message.created_at for step in path):
        return None
    if conversation.deleted_at or training_use(conversation, conversation.owner) != "allowed":
        return None
    asked, _ = redacted(whole_question([step.text for step in path if step.role == Message.Role.USER]))
    answer, _ = redacted(review.answer)
    if has_template_token(asked) or has_template_token(answer):
        return None
    return actions.passage(
        asked,
        answer,
        source=Passage.Source.REVIEW,
        person_id=review.person_id,
        conversation=conversation,
        review=review,
        approved_by=review.second_reviewer or review.reviewer,
    )
