"""What the pages of agents say: names of what the tables hold, and what their JavaScript says to people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from assistant.chat.models import Conversation, Message
from assistant.desk.models import HandoffEvent

Reason = HandoffEvent.Reason
MODES: dict[str, str | Promise] = {
    Conversation.Mode.ASSISTANT: _("With the assistant"),
    Conversation.Mode.WAITING: _("Waits for a person"),
    Conversation.Mode.PERSON: _("With a person"),
    Conversation.Mode.RESOLVED: _("Resolved"),
}
# Why a person came into it.
WHY: dict[str, str | Promise] = {
    Reason.ASKED: _("The visitor asked for a person"),
    Reason.RULE: _("A word that the site hands over for was said"),
    Reason.UNSURE: _("The assistant had no sure answer"),
    Reason.NEGATIVE: _("The visitor seems unhappy"),
    Reason.TAKEN: _("Somebody of the team took over"),
    Reason.REOPENED: _("The visitor wrote again"),
}
# What happened, with who did it where that was somebody of the desk.
EVENTS: dict[str, str | Promise] = {
    Reason.TAKEN: _("{name} took over"),
    Reason.RETURNED: _("{name} returned it to the assistant"),
    Reason.RESOLVED: _("{name} resolved it"),
}
RESOLVED_BY_VISITOR = _("The visitor ended it")
ROLES: dict[str, str | Promise] = {
    Message.Role.USER: _("Visitor"),
    Message.Role.ASSISTANT: _("Assistant"),
    Message.Role.AGENT: _("Somebody of the team"),
    Message.Role.SYSTEM: _("System"),
}
SOMEBODY = _("Somebody of the team")
NAMELESS = _("Visitor {id}")
QUEUES: dict[str, str | Promise] = {
    "mine": _("Mine"),
    "unassigned": _("Unassigned"),
    "mentioned": _("You are mentioned"),
    "all": _("All"),
}
STATES: dict[str, str | Promise] = {
    "open": _("Open"),
    "waiting": pgettext_lazy("in a queue", "Waiting"),
    "snoozed": _("Snoozed"),
    "resolved": _("Resolved"),
    "assistant": _("With the assistant"),
}
ORDERS: dict[str, str | Promise] = {
    "waiting": _("Longest wait first"),
    "newest": _("Newest first"),
}
PAGE_TEXTS: dict[str, str | Promise] = {
    "now": _("now"),
    "desk_reply_label": _("Reply to the visitor"),
    "desk_reply_hint": _("Write a reply; / for ready ones"),
    "desk_note_label": _("Note to your colleagues"),
    "desk_note_hint": _("Write a note that the visitor never sees; @ names a colleague"),
    "desk_taken": _("You have it now. The assistant says nothing more."),
    "desk_given_back": _("The assistant answers again."),
    "desk_resolved": _("Resolved"),
    "desk_snoozed": _("Snoozed"),
    "desk_awake": _("No longer snoozed"),
    "desk_assigned": _("Assigned"),
    "desk_done": _("Changed: {count}"),
    "desk_chosen": _("Chosen: {count}"),
    "desk_new_message": _("There is something new in the conversation."),
    "desk_visitor_waits": _("A visitor waits for a person"),
    "desk_returned": _("A snoozed conversation is back"),
    "uploading_file": _("Uploading {name}…"),
    "remove_file": _("Remove {name}"),
    "desk_writes": _("{name} is writing here too."),
    "desk_looks": _("{name} is looking at this too."),
    "desk_visitor_writes": _("The visitor is writing…"),
    "desk_show": _("Show"),
    # Names of actions
    "desk_next": _("Next conversation"),
    "desk_previous": _("Previous conversation"),
    "desk_resolve": _("Resolve"),
    "desk_resolve_and_next": _("Resolve and go to the next"),
    "desk_reply": _("Write a reply"),
    "desk_note": _("Write a private note"),
    "desk_snooze": _("Snooze"),
    "desk_take": _("Take over"),
    "desk_give_back": _("Return to the assistant"),
    "desk_suggest": _("Suggest a reply"),
    "desk_assign_me": _("Assign to me"),
    "desk_details": _("Show or hide the details"),
    "desk_search": _("Search conversations"),
}
