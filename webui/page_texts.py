"""What the page's JavaScript says to people. It travels as one JSON block, so that translation stays on the server."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PAGE_TEXTS: dict[str, str | Promise] = {
    "answering": _("Answering"),
    "answer_ready": _("Answer ready"),
    "answer_stopped": _("Answer stopped"),
    "copied": _("Copied"),
    "copy_failed": _("Your browser did not allow copying. Select the text instead."),
    "new_chat": _("New chat"),
    "request_failed": _("The server cannot be reached at the moment. Try again."),
    "still_reconnecting": _("Still reconnecting. Try again in a moment."),
    "branch_position": _("Version {position} of {count}"),
}
