"""When a conversation is handed to a person without anybody asking: what a site's `handoff_rules` say.

`words`: texts of which one in the visitor's message is enough; `when_negative`: the visitor sounds unhappy;
`when_unsure`: no approved answer is near, or the reply failed.
"""

from __future__ import annotations

from django.conf import settings

from assistant.desk.models import HandoffEvent, Site
from assistant.desk.sentiment import sentiment_of
from assistant.words import normalised

Reason = HandoffEvent.Reason

# Lower than what reports count as negative: one message is little to go by, and a wrong guess costs an agent's time.
UNHAPPY = -0.6


def reason_to_hand_over(site: Site, text: str) -> Reason | None:
    """Why this message of a visitor is for a person; None: it is for the assistant."""
    said = f" {normalised(text)} "
    words = [normalised(each) for each in site.handoff_rules.get("words", ())]
    if any(word and f" {word} " in said for word in words):
        return Reason.RULE
    if site.handoff_rules.get("when_negative") and sentiment_of(text) <= UNHAPPY:
        return Reason.NEGATIVE
    return None


def hands_over_when_failed(site: Site) -> bool:
    return bool(site.handoff_rules.get("when_unsure"))


def hands_over_when_nothing_is_near(site: Site) -> bool:
    """Not where approved answers are switched off: then nothing is ever near."""
    return hands_over_when_failed(site) and settings.APPROVED_ANSWERS != "off"
