"""When a conversation is handed to a person without anybody asking: what a site's `handoff_rules` say.

`words`: texts of which one in the visitor's message is enough; `when_negative`: the visitor is unhappy;
`when_unsure`: no approved answer is near, or the reply failed.
"""

from __future__ import annotations

from assistant.desk.models import HandoffEvent, Site
from assistant.words import normalised

Reason = HandoffEvent.Reason


def reason_to_hand_over(site: Site, text: str) -> Reason | None:
    """Why this message of a visitor is for a person; None: it is for the assistant."""
    said = f" {normalised(text)} "
    words = [normalised(each) for each in site.handoff_rules.get("words", ())]
    if any(word and f" {word} " in said for word in words):
        return Reason.RULE
    return None


def hands_over_when_unsure(site: Site) -> bool:
    return bool(site.handoff_rules.get("when_unsure"))
