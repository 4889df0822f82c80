"""What the page's JavaScript says to people. It travels as one JSON block, so that translation stays on the server."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

PAGE_TEXTS: dict[str, str | Promise] = {
    "answering": _("Answering"),
    "answer_ready": _("Answer ready"),
    "copied": _("Copied"),
    "copy_failed": _("Your browser did not allow copying. Select the text instead."),
    "conversation_deleted": _("Conversation deleted"),
    "earlier": _("Earlier"),
    "last_seven_days": _("Previous 7 days"),
    "new_chat": _("New chat"),
    "options_of": _("Options for “{title}”"),
    "pin": _("Pin"),
    "pinned": _("Pinned"),
    "request_failed": _("The server cannot be reached at the moment. Try again."),
    "archive": _("Archive"),
    "send": _("Send"),
    "show_archived": _("Archived chats"),
    "show_current": _("Back to current chats"),
    "stop": _("Stop"),
    "title": _("Title"),
    "today": _("Today"),
    "unarchive": _("Move out of the archive"),
    "undo": _("Undo"),
    "unpin": _("Unpin"),
    "yesterday": _("Yesterday"),
    "too_long": _("The message has {length} characters; at most {limit} fit. Shorten it."),
    "session_ended": _("Your session has ended. Reload the page; what you typed is kept."),
    "reconnecting": _("Reconnecting…"),
    "too_many_pages": _("You have this open in too many tabs. Close some; this one goes on when you come back to it."),
    "waiting": _("Waiting for a free place…"),
}
