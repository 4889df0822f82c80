"""What may be a message: the one place that says which text is stored, and as what."""

from __future__ import annotations

import re

from django.conf import settings

from assistant.errors import AssistantError

# Control characters other than tab and newline, and halves of surrogate pairs, which no database stores.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")


def checked(text: str) -> str:
    """Return the text as it will be stored. Raises message.empty, message.too_long or message.invalid_text.

    Nothing is taken away from a text but the kinds of line ends; what cannot be kept is refused by position.
    """
    text = re.sub(r"\r\n?|[\x0b\x0c]", "\n", text)
    if len(text) > settings.MAX_MESSAGE_CHARS:
        raise AssistantError("message.too_long", length=len(text), limit=settings.MAX_MESSAGE_CHARS)
    if found := _FORBIDDEN.search(text):
        raise AssistantError("message.invalid_text", codepoint=ord(found[0]), position=found.start())
    if not text.strip():
        raise AssistantError("message.empty")
    return text


def storable(text: str) -> str:
    """A text of another origin as it can be stored: what `checked` would refuse by position is shown as U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", re.sub(r"\r\n?|[\x0b\x0c]", "\n", text))


def title_of(text: str) -> str:
    """The first line of a conversation's first message, cut at a word."""
    line = next(" ".join(line.split()) for line in text.splitlines() if line.strip())
    if len(line) <= 60:
        return line
    return line[:60].rsplit(" ", 1)[0] + "…"
