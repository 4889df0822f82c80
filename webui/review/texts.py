"""What the review pages say: names of what the tables hold, and what their JavaScript says to people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from assistant.feedback.models import Review

CAUSES: dict[str, str | Promise] = {
    Review.Cause.UNSAFE: _("Called unsafe"),
    Review.Cause.CORRECTION: _("Corrected"),
    Review.Cause.APPROVED_ANSWER: _("Approved answer called bad"),
    Review.Cause.INCORRECT: _("Called wrong"),
    Review.Cause.DISAGREEMENT: _("Contradicts their vote"),
}
STATES: dict[str, str | Promise] = {
    Review.State.PENDING: _("Waiting"),
    Review.State.ACCEPTED: _("Accepted"),
    Review.State.EDITED: _("Edited"),
    Review.State.REJECTED: _("Rejected"),
    Review.State.SKIPPED: _("Skipped"),
}
# What may be ticked beside a thumb (assistant/feedback/models.py), as the chat calls it.
REASONS: dict[str, str | Promise] = {
    "correct": _("Correct"),
    "clear": _("Clear"),
    "well_written": _("Well written"),
    "right_length": _("Just the right length"),
    "incorrect": _("Not correct"),
    "did_not_follow": _("Did not follow what I asked"),
    "not_helpful": _("Not helpful"),
    "too_long": _("Too long"),
    "too_short": _("Too short"),
    "unsafe": _("Unsafe or offensive"),
    "wrong_language": _("Wrong language"),
    "other": _("Something else"),
}
WORK_TEXTS: dict[str, str | Promise] = {
    **{f"cause_{cause.label}": CAUSES[cause] for cause in Review.Cause},
    **{f"reason_{code}": text for code, text in REASONS.items()},
    "rating_up": _("Good answer"),
    "rating_down": _("Bad answer"),
    "role_user": _("Person"),
    "role_assistant": _("Assistant"),
    "role_agent": _("Support"),
    "role_system": _("System"),
    "waiting_count": _("Waiting: {count}"),
    "approved_by": _("{name} has approved this answer. Accept it too, or write another."),
    "accept": _("Accepted"),
    "accept_first": _("Approved. A second reviewer looks at it next."),
    "edit": _("Edited"),
    "reject": _("Rejected"),
    "skip": _("Skipped"),
    "passed": _("Given back; somebody else may take it."),
    "undone": _("Undone. Decide again."),
    "nothing_to_undo": _("There is nothing to undo in this sitting."),
    "test_made": _("A test was made. Its question is asked of every new adapter and no longer learned from."),
    "earlier_count": _("Earlier messages that are not shown: {count}"),
    "is_judged": _("this reply is judged"),
    "removed": _("removed:"),
    "added": _("added:"),
}
