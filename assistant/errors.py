"""Errors that people and programs may see: a stable `noun.reason` code and a sentence that says what to do."""

from __future__ import annotations

from typing import Any


class AssistantError(Exception):
    """Raise with a code of `TABLE`; `params` fill its sentence. `retryable`: the same request may work later."""

    def __init__(self, code: str, **params: Any) -> None:
        sentence, self.status, self.retryable = TABLE[code]
        self.code = code
        self.message = sentence.format(**params)
        super().__init__(f"{code}: {self.message}")

    @staticmethod
    def is_retryable(code: str) -> bool:
        return TABLE[code][2] if code in TABLE else False


# code: (sentence, HTTP status, retryable)
TABLE: dict[str, tuple[str, int, bool]] = {
    "frame.invalid": ("This frame cannot be read: {reason}.", 400, False),
    "frame.unknown": ("There is no frame of type {type}; reload the page to get the newest version.", 400, False),
    "request.forged": ("This request did not come from our own page. Reload the page and try again.", 403, False),
    "request.invalid": ("This request cannot be read: {reason}.", 400, False),
    "person.not_signed_in": ("Your session has ended. Reload the page; what you typed is kept.", 401, False),
    "conversation.not_found": ("This conversation does not exist.", 404, False),
    "conversation.busy": (
        "The assistant is still answering in this conversation. Stop it, or wait for it to finish.",
        409,
        True,
    ),
    "message.not_found": ("This message does not exist.", 404, False),
    "message.empty": ("The message is empty. Write something and send it again.", 400, False),
    "message.too_long": ("The message has {length} characters; at most {limit} fit. Shorten it.", 400, False),
    "message.invalid_text": (
        "The character U+{codepoint:04X} at position {position} cannot be stored. Remove it and send again.",
        400,
        False,
    ),
    "message.invalid_parent": ("A message can only follow a reply of the same conversation.", 400, False),
    "message.not_a_reply": ("Only the assistant's replies can be rated or regenerated.", 400, False),
    "page.invalid_cursor": ("This page of the list cannot be found; start again from the first.", 400, False),
    "generation.not_found": ("This reply does not exist.", 404, False),
    "generation.invalid_position": ("after_seq must be a whole number from 0 to 999999999.", 400, False),
    "generation.attempts_exhausted": ("The reply failed {attempts} times and was given up. Try again.", 500, True),
    "generation.model_changed": (
        "The model was replaced while it was writing this reply, so it cannot go on. Try again.",
        500,
        True,
    ),
    "generation.prompt_too_long": ("The message is longer than the model can read. Shorten it.", 400, False),
    "engine.step_failed": ("The model failed while writing. Try again.", 500, True),
    "adapter.unusable": ("The adapter of this reply cannot be loaded. Tell the administrator.", 500, True),
    "adapter.wrong_base": (
        "The adapter {name} was made for another base model. An administrator must choose another adapter.",
        500,
        True,
    ),
    "adapter.invalid": ("This adapter cannot be used: {reason}.", 400, False),
    "database.unavailable": ("The database does not answer at the moment. Your message is kept; try again.", 503, True),
    "server.error": ("Something went wrong on the server. It was logged; try again.", 500, True),
}
