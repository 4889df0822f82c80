"""What the page's JavaScript says to people. It travels as one JSON block, so that translation stays on the server."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PAGE_TEXTS: dict[str, str | Promise] = {
    "answering": _("Answering"),
    "answer_ready": _("Answer ready"),
    "copied": _("Copied"),
    "copy_failed": _("Your browser did not allow copying. Select the text instead."),
    "new_chat": _("New chat"),
    "request_failed": _("The server cannot be reached at the moment. Try again."),
    "send": _("Send"),
    "stop": _("Stop"),
    "too_long": _("The message has {length} characters; at most {limit} fit. Shorten it."),
    "session_ended": _("Your session has ended. Reload the page; what you typed is kept."),
    "reconnecting": _("Reconnecting…"),
    "waiting": _("Waiting for a free place…"),
}
