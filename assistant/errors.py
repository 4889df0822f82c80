"""Errors that people and programs may see: a stable `noun.reason` code and a sentence that says what to do."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _


class AssistantError(Exception):
    """Raise with a code of `TABLE`; `params` fill its sentence. `retryable`: the same request may work later."""

    def __init__(self, code: str, **params: Any) -> None:
        sentence, self.status, self.retryable = TABLE[code]
        self.code = code
        self._sentence, self._params = sentence, params
        super().__init__(f"{code}: {sentence.format(**params)}")

    @property
    def message(self) -> str:
        """The sentence in the language that is active now: of whoever asks, not of where it was raised."""
        return gettext(self._sentence).format(**self._params)

    @staticmethod
    def is_retryable(code: str) -> bool:
        return TABLE[code][2] if code in TABLE else False


def failure_message(code: str, stored: str) -> str:
    """What a person is told of a reply that failed: the sentence of its code in their language, else what was stored
    at the time."""
    sentence = TABLE[code][0] if code in TABLE else ""
    return stored if not sentence or "{" in sentence else gettext(sentence)


# code: (sentence, HTTP status, retryable)
TABLE: dict[str, tuple[str, int, bool]] = {
    "frame.invalid": (_("This frame cannot be read: {reason}."), 400, False),
    "frame.unknown": (_("There is no frame of type {type}; reload the page to get the newest version."), 400, False),
    "request.forged": (_("This request did not come from our own page. Reload the page and try again."), 403, False),
    "request.invalid": (_("This request cannot be read: {reason}."), 400, False),
    "person.not_signed_in": (_("Your session has ended. Reload the page; what you typed is kept."), 401, False),
    "conversation.not_found": (_("This conversation does not exist."), 404, False),
    "conversation.busy": (
        _("The assistant is still answering in this conversation. Stop it, or wait for it to finish."),
        409,
        True,
    ),
    "conversation.temporary": (
        _("A temporary chat cannot be shared, exported or copied: nothing of it is to be kept."),
        409,
        False,
    ),
    "message.not_found": (_("This message does not exist."), 404, False),
    "message.empty": (_("The message is empty. Write something and send it again."), 400, False),
    "message.too_long": (_("The message has {length} characters; at most {limit} fit. Shorten it."), 400, False),
    "message.invalid_text": (
        _("The character U+{codepoint:04X} at position {position} cannot be stored. Remove it and send again."),
        400,
        False,
    ),
    "message.invalid_parent": (_("A message can only follow a reply of the same conversation."), 400, False),
    "message.not_a_reply": (_("Only the assistant's replies can be rated or regenerated."), 400, False),
    "share.not_found": (_("There is no such link; whoever shared it may have taken it back."), 404, False),
    "share.members_only": (_("This link is for people with an account here. Sign in to read it."), 401, False),
    "import.too_large": (
        _("The file is too large: at most {limit} MB can be read. Of a ZIP, try its conversations.json alone."),
        413,
        False,
    ),
    "import.zip_unusable": (
        _("This ZIP cannot be unpacked: it is damaged, encrypted, or far larger inside than outside."),
        400,
        False,
    ),
    "import.nothing_found": (_("This ZIP holds no conversations.json."), 400, False),
    "import.not_json": (
        _("This file is not JSON, or not complete. Export it again and choose the new file."),
        400,
        False,
    ),
    "import.unknown_format": (_("This is neither an export of ChatGPT nor one of Parley."), 400, False),
    "import.newer_version": (_("This was exported by a newer version of Parley than this one."), 400, False),
    "import.wrong_type": (_("Something in it is not what it should be: {field}."), 400, False),
    "import.invalid_tree": (
        _("Its messages do not hang together: one is missing, or they run in a circle."),
        400,
        False,
    ),
    "import.empty": (_("There is no text in it."), 400, False),
    "import.too_many_messages": (_("It has more than {limit} messages."), 400, False),
    "import.busy": (_("Another import is under way. Try again when it has ended."), 503, True),
    "page.invalid_cursor": (_("This page of the list cannot be found; start again from the first."), 400, False),
    "generation.not_found": (_("This reply does not exist."), 404, False),
    "generation.invalid_position": (_("after_seq must be a whole number from 0 to 999999999."), 400, False),
    "generation.attempts_exhausted": (_("The reply failed several times and was given up. Try again."), 500, True),
    "generation.model_changed": (
        _("The model was replaced while it was writing this reply, so it cannot go on. Try again."),
        500,
        True,
    ),
    "generation.prompt_too_long": (_("The message is longer than the model can read. Shorten it."), 400, False),
    "generation.prompt_invalid": (_("The model cannot read these messages. Start a new chat."), 400, False),
    "engine.step_failed": (_("The model failed while writing. Try again."), 500, True),
    "adapter.unusable": (_("The adapter of this reply cannot be loaded. Tell the administrator."), 500, False),
    "adapter.wrong_base": (
        _("The adapter of this reply was made for another base model. Tell the administrator to choose another."),
        500,
        True,
    ),
    "adapter.invalid": (_("This adapter cannot be used: {reason}."), 400, False),
    "database.unavailable": (
        _("The database does not answer at the moment. Your message is kept; try again."),
        503,
        True,
    ),
    "server.error": (_("Something went wrong on the server. It was logged; try again."), 500, True),
}
