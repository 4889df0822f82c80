"""What an agent's answer says about the assistant's. It becomes feedback of the agent, which a reviewer judges like any
other before something is learned: only with the visitor's consent, and from what the visitor was told alone. Notes have
no way here."""

from __future__ import annotations

from uuid import UUID

from assistant.chat.consent import training_use
from assistant.chat.models import Generation, Message
from assistant.desk.models import Case
from assistant.feedback import actions
from assistant.feedback.models import Feedback


def propose(agent_id: UUID, case: Case, answered: Message | None, said: Message, draft_id: UUID | None) -> None:
    """Propose `said` in the place of the draft that it was made from; else of the draft, or of the reply, that the
    visitor would have been left with. A draft that was sent as it was, was good."""
    conversation = case.conversation
    if training_use(conversation, case.visitor.person) != "allowed":
        return
    judged = _judged(case, answered, draft_id)
    if judged is None:
        return
    if judged.text == said.text:
        actions.store(agent_id, judged, Feedback.Rating.UP)
    else:
        actions.store(agent_id, judged, Feedback.Rating.DOWN, correction=said.text)


def _judged(case: Case, answered: Message | None, draft_id: UUID | None) -> Message | None:
    # One that is still being written counts: it will have its text before anybody judges it.
    whole = (Generation.State.COMPLETED, *Generation.ACTIVE)
    replies = Message.including_drafts.filter(
        conversation=case.pk, role=Message.Role.ASSISTANT, generation__state__in=whole
    ).select_related("conversation__owner", "parent", "generation__adapter")
    if draft_id is not None:
        return replies.filter(pk=draft_id, is_draft=True).first()
    if answered is None or answered.role == Message.Role.AGENT:  # the second of several in a row answers nothing
        return None
    if answered.role == Message.Role.ASSISTANT:
        return replies.filter(pk=answered.pk).first()
    return replies.filter(parent=answered, is_draft=True).order_by("-id").first()
