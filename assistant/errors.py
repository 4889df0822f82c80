"""Errors that people and programs may see: a stable `noun.reason` code and a sentence that says what to do."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _


class AssistantError(Exception):
    """Raise with a code of `TABLE`; `params` fill its sentence. `retryable`: the same request may work later, and
    after `retry_after_s` it will, where that is known; the sentence then says it as {wait}."""

    def __init__(self, code: str, *, retry_after_s: int | None = None, **params: Any) -> None:
        sentence, self.status, self.retryable = TABLE[code]
        self.code = code
        self.retry_after_s = retry_after_s
        self._sentence, self._params = sentence, params
        super().__init__(f"{code}: {self._filled(sentence)}")

    @property
    def message(self) -> str:
        """The sentence in the language that is active now: of whoever asks, not of where it was raised."""
        return self._filled(gettext(self._sentence))

    def _filled(self, sentence: str) -> str:
        return sentence.format(wait=_duration(self.retry_after_s or 0), **self._params)

    @staticmethod
    def is_retryable(code: str) -> bool:
        return TABLE[code][2] if code in TABLE else False


def failure_message(code: str, stored: str) -> str:
    """What a person is told of a reply that failed: the sentence of its code in their language, else what was stored
    at the time."""
    sentence = TABLE[code][0] if code in TABLE else ""
    return stored if not sentence or "{" in sentence else gettext(sentence)


def _duration(seconds: int) -> str:
    if seconds <= 90:
        return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
    minutes = ceil(seconds / 60)
    return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)


# code: (sentence, HTTP status, retryable)
TABLE: dict[str, tuple[str, int, bool]] = {
    "frame.invalid": (_("This frame cannot be read: {reason}."), 400, False),
    "frame.unknown": (_("There is no frame of type {type}; reload the page to get the newest version."), 400, False),
    "request.forged": (_("This request did not come from our own page. Reload the page and try again."), 403, False),
    "request.invalid": (_("This request cannot be read: {reason}."), 400, False),
    "request.unreadable": (_("This request cannot be read. Go back and try again."), 400, False),
    "request.not_allowed": (_("You may not see or do this with the account you are signed in with."), 403, False),
    "request.too_large": (_("This is too large: at most {limit} can be sent at once."), 413, False),
    "rate.limited": (_("That was a lot in a short time. Try again in {wait}."), 429, True),
    "page.not_found": (_("There is no page at this address."), 404, False),
    "person.not_signed_in": (_("Your session has ended. Reload the page; what you typed is kept."), 401, False),
    "person.not_erased": (
        _("Your account could not be deleted at the moment; nothing was erased. Try again in a minute."),
        503,
        True,
    ),
    "api_key.invalid": (_("Send an API key that is in use, as Authorization: Bearer KEY."), 401, False),
    "api_key.no_name": (_("Give the key a name of at most {limit} characters."), 400, False),
    "api_key.too_many": (_("You have {limit} API keys, the most there can be. Revoke one first."), 409, False),
    "api_key.not_found": (_("There is no such API key, or it is revoked already."), 404, False),
    "api_key.ambiguous": (_("Several API keys begin so; give more of it."), 400, False),
    "device.not_found": (_("This device is no longer signed in."), 404, False),
    "email.link_invalid": (_("This link no longer works. Ask for a new one in your settings."), 400, False),
    "email.taken": (_("Another account uses this e-mail address. Choose a different one."), 409, False),
    "conversation.not_found": (_("This conversation does not exist."), 404, False),
    "conversation.busy": (
        _("The assistant is still answering in this conversation. Stop it, or wait for it to finish."),
        409,
        True,
    ),
    "conversation.with_person": (_("A person answers here now, so the assistant cannot be asked."), 409, False),
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
    "message.no_question": (_("The last message must be one of the user: it is what is answered."), 400, False),
    "message.late_instruction": (_("System messages can only stand before all others."), 400, False),
    "message.not_a_reply": (_("Only the assistant's replies can be rated or regenerated."), 400, False),
    "message.not_editable": (_("Only your own messages can be edited."), 400, False),
    "feedback.unknown_reason": (_("There is no reason {reason} for this rating. Choose from the list."), 400, False),
    "feedback.comment_too_long": (
        _("The comment has {length} characters; at most {limit} fit. Shorten it."),
        400,
        False,
    ),
    "comparison.invalid": (_("Only two answers to the same question can be compared."), 400, False),
    "comparison.unfinished": (_("Wait until both answers are finished, then choose."), 409, True),
    "passage.not_found": (_("This approved answer does not exist, or is no longer in use."), 404, False),
    "passage.empty": (_("Write both: a question with at least one word, and the answer to it."), 400, False),
    "passage.withdrawn": (_("The approved answer was withdrawn while it was being given. Ask again."), 410, True),
    "outcome.no_feedback": (_("You have said nothing of this reply, or taken it back."), 404, False),
    "outcome.not_found": (_("This question was not asked again, or not answered yet."), 404, False),
    "review.not_found": (_("This review does not exist, or nobody has decided it."), 404, False),
    "review.not_held": (_("You do not have this review any more. Take the next one."), 409, False),
    "review.taken": (_("Somebody else has this review, or it is decided. Take the next one."), 409, False),
    "review.reason_missing": (_("Say why, in a few words; it is kept with what you do."), 400, False),
    "review.superseded": (_("Something new was said since; there is a newer review of it."), 409, False),
    "transcript.not_found": (
        _("There is no such conversation, or its owner does not allow that it is read."),
        404,
        False,
    ),
    "regression.no_rule": (_("Say what the answer must, or must not, have in it, or that it must refuse."), 400, False),
    "regression.invalid_phrase": (
        _("A test takes up to {count} phrases of each kind, with a word and at most {limit} characters in each."),
        400,
        False,
    ),
    "regression.template_token": (
        _("The question or a phrase has signs that only the model's own template may have. No test can be made of it."),
        400,
        False,
    ),
    "regression.no_question": (_("No question stands before this answer that could be asked again."), 409, False),
    "regression.not_allowed": (
        _("Its owner does not allow learning from this conversation, so no test can be made of it."),
        409,
        False,
    ),
    "regression.not_found": (_("There is no such test, or it is retired already."), 404, False),
    "examples.malformed": (_("Line {line} cannot be read: {reason}. Nothing was imported."), 400, False),
    "snapshot.empty": (_("There is no example that may be learned from."), 409, False),
    "snapshot.busy": (_("The examples change faster than they can be frozen. Try again later."), 503, True),
    "snapshot.erased": (_("Of this snapshot something had to be erased; its files are gone for good."), 410, False),
    "snapshot.not_found": (_("No snapshot has this hash."), 404, False),
    "run.not_found": (_("This run does not exist."), 404, False),
    "evaluation.files_gone": (
        _("The cases behind this verdict are gone: they quoted something that was erased, or the files were removed."),
        410,
        False,
    ),
    "adapter.untainted": (_("Nothing of what this adapter learned from was erased."), 409, False),
    "training.unknown_setting": (_("A training has no setting of this name: {name}."), 400, False),
    "training.no_base_model": (
        _("No worker has said yet which base model it has loaded. Start one, then try again."),
        503,
        True,
    ),
    "training.no_weights": (
        _("Another server writes here, and no weights to train from are named. Set MODEL to those that it runs."),
        409,
        False,
    ),
    "learning.too_few": (
        _("{count} approved answers may be learned from; from {minimum} on it is worth a training."),
        409,
        False,
    ),
    "learning.nothing_new": (_("Nothing has been approved since the newest training."), 409, False),
    "adapter.not_trained_here": (
        _("This adapter was not trained here, so there is nothing held out that it could be tested on."),
        409,
        False,
    ),
    "rollout.not_proven": (
        _("No evaluation against what answers now has passed. Give a reason to put it live all the same."),
        409,
        False,
    ),
    "rollout.busy": (
        _("Another adapter is on its way already. Take it back first, or wait until it answers everybody."),
        409,
        False,
    ),
    "rollout.none_under_way": (_("No adapter is on its way. Start one first."), 409, False),
    "rollout.not_loaded": (
        _("No worker can answer with this adapter yet; the list of workers says why. Try again in a moment."),
        503,
        True,
    ),
    "rollout.benefit_not_shown": (
        _("People have not been shown to rate its answers higher. Wait for more ratings, or give a reason."),
        409,
        False,
    ),
    "rollout.only_harm_shows": (
        _(
            "Too few people rate answers here to show a benefit: {expected} pairs may be hoped for, and {planned} are "
            "needed. This canary can only detect harm; whether to go on is for the evaluation, and for you, to say."
        ),
        409,
        False,
    ),
    "rollout.already_live": (_("It answers already."), 409, False),
    "rollout.nothing_before": (_("Nothing was put live before, so there is nothing to go back to."), 409, False),
    "run.attempts_exhausted": (_("Its process ended three times before it was done; its log says why."), 500, False),
    "run.process_ended": (_("Its process ended before it was done."), 500, True),
    "run.result_unusable": (_("What its process left cannot be used; its log says why."), 500, False),
    "run.no_room": (_("Its folder cannot be written; see to the disk, then start it again."), 507, True),
    "snapshot.changed": (_("The examples are no longer what this snapshot was made of."), 409, False),
    "sampling.invalid": (_("Replies cannot be written with these settings: {reason}."), 400, False),
    "sampling.too_long": (_("A reply has at most {limit} tokens here. Choose a smaller number."), 400, False),
    "consent.not_given": (
        _("You have not allowed training on your conversations. Allow it in your privacy settings first."),
        409,
        False,
    ),
    "consent.temporary": (_("A temporary chat is never used for training."), 409, False),
    "desk.not_found": (_("There is no such conversation, or it is not one of your team's."), 404, False),
    "desk.site_not_found": (_("There is no such site."), 404, False),
    "desk.site_disabled": (_("This chat is switched off at the moment."), 409, False),
    "desk.taken": (_("{name} has this conversation. Assign it to yourself if you want to take it."), 409, False),
    "desk.no_question": (_("The visitor has not asked anything yet."), 409, False),
    "desk.not_an_agent": (_("Only members of the site's team can have or be told of this conversation."), 400, False),
    "desk.unknown_label": (_("There is no such label in this team."), 400, False),
    "desk.invalid_name": (_("A name has 1 to {limit} characters."), 400, False),
    "desk.invalid_shortcut": (
        _("What is typed after / has 1 to {limit} of the letters a to z, digits and hyphens."),
        400,
        False,
    ),
    "desk.name_taken": (_("The team has one of this name already. Choose another name."), 409, False),
    "desk.invalid_time": (_("Choose a time that is still to come."), 400, False),
    "contact.not_found": (_("There is no such contact, or it is not one of your team's sites'."), 404, False),
    "contact.invalid": (_("The contact cannot be kept so: {reason}."), 400, False),
    "attachment.not_found": (_("This file does not exist, or was sent already."), 404, False),
    "folder.not_found": (_("This folder does not exist."), 404, False),
    "folder.exists": (_("You already have a folder of this name. Choose another name."), 409, False),
    "folder.too_many": (_("You have {limit} folders, the most there can be. Delete one first."), 409, False),
    "search.empty": (_("Type a word to search for: at least one letter or digit."), 400, False),
    "search.too_long": (_("The search has {length} characters; at most {limit} fit. Shorten it."), 400, False),
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
    "attachment.too_large": (_("The file is too large: at most {limit} MB can be sent."), 413, False),
    "attachment.not_taken": (
        _("Only images (PNG, JPEG, GIF, WebP) and plain text can be sent, and this file is neither, or damaged."),
        400,
        False,
    ),
    "attachment.too_many": (_("At most {limit} files can wait to be sent. Send the message first."), 409, False),
    "transcript.not_sent": (_("The e-mail could not be sent. Try again later."), 503, True),
    "site.not_found": (_("There is no chat here: the site is not known, or it was switched off."), 404, False),
    "site.invalid": (_("The site cannot be kept so: {reason}."), 400, False),
    "site.invalid_origin": (
        _("“{origin}” is no origin. Write scheme, host and port, such as https://shop.example, one a line."),
        400,
        False,
    ),
    "site.secret_unreadable": (
        _("The site's secret was stored under another SECRET_KEY. Rotate it, and put the new one into your server."),
        500,
        False,
    ),
    "visitor.unknown": (_("This chat has ended. Begin a new one."), 401, False),
    "visitor.origin_refused": (_("This page may not show the chat: it is not among the site's origins."), 403, False),
    "visitor.identity_required": (_("Sign in on this site to use the chat."), 403, False),
    "visitor.identity_invalid": (_("Who you are could not be confirmed: {reason}."), 403, False),
    "visitor.invalid_email": (_("This is no e-mail address. Write one like anna@example.org."), 400, False),
    "visitor.field_missing": (_("Fill in: {name}."), 400, False),
    "visitor.no_ticket": (_("The chat cannot connect at the moment. It tries again by itself."), 503, True),
    "webhook.invalid_url": (_("Give an address that begins with {schemes}, without a password in it."), 400, False),
    "webhook.too_many": (_("This site has {limit} webhooks, the most there can be. Remove one first."), 409, False),
    "webhook.not_found": (_("There is no such webhook; somebody may have removed it."), 404, False),
    "delivery.not_found": (_("There is no such delivery; they are forgotten after 30 days."), 404, False),
    "delivery.waiting": (_("It is on its way already."), 409, False),
    "report.invalid_range": (_("Choose a first and a last day that are at most {limit} days apart."), 400, False),
    "report.unknown_measure": (_("There is no such number in the reports."), 404, False),
    "page.invalid_cursor": (_("This page of the list cannot be found; start again from the first."), 400, False),
    "generation.not_found": (_("This reply does not exist."), 404, False),
    "generation.invalid_position": (_("after_seq must be a whole number from 0 to 999999999."), 400, False),
    "generation.too_many": (
        _("{limit} answers are being written for you already. Wait for one to finish, or stop one."),
        429,
        True,
    ),
    "generation.attempts_exhausted": (_("The reply failed several times and was given up. Try again."), 500, True),
    "generation.model_changed": (
        _("The model was replaced while it was writing this reply, so it cannot go on. Try again."),
        500,
        True,
    ),
    "generation.not_resumable": (
        _("This reply was interrupted, and the model's server cannot go on with it word for word. Try again."),
        500,
        True,
    ),
    "upstream.unavailable": (_("The model's server does not answer at the moment. Try again."), 503, True),
    "upstream.refused": (_("The model's server refused to write this reply. Tell the administrator."), 502, False),
    "generation.prompt_too_long": (_("The message is longer than the model can read. Shorten it."), 400, False),
    "generation.prompt_invalid": (_("The model cannot read these messages. Start a new chat."), 400, False),
    "engine.step_failed": (_("The model failed while writing. Try again."), 500, True),
    "adapter.unusable": (_("The adapter of this reply cannot be loaded. Tell the administrator."), 500, False),
    "adapter.wrong_base": (
        _("The adapter of this reply was made for another base model. Tell the administrator to choose another."),
        500,
        True,
    ),
    "adapter.not_available": (_("This model can no longer be chosen. Choose another."), 400, False),
    "model.not_found": (_("There is no model {name} that you may use. GET /v1/models lists them."), 404, False),
    "adapter.not_found": (_("No adapter has this hash."), 404, False),
    "adapter.ambiguous": (_("Several adapters begin so; give more of the hash."), 400, False),
    "adapter.invalid": (_("This adapter cannot be used: {reason}."), 400, False),
    "database.unavailable": (
        _("The database does not answer at the moment. Your message is kept; try again."),
        503,
        True,
    ),
    "server.error": (_("Something went wrong on the server. It was logged; try again."), 500, True),
}
