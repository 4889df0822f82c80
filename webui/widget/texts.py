"""What the widget says to visitors beyond what the chat page says."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WIDGET_TEXTS: dict[str, str | Promise] = {
    "chat": _("Chat"),
    "open_chat": _("Open the chat"),
    "new_messages": _("New messages: {count}"),
    "hello": _("Hello! How can we help?"),
    "nobody_there": _("Nobody is here at the moment. Leave your e-mail address, and we will write to you."),
    "ask_for_person": _("I would like to talk to a person."),
    "with_assistant": _("AI assistant"),
    "with_waiting": _("A person was asked for and will join here"),
    "with_person": _("You are talking to {name}"),
    "with_somebody": _("You are talking to a person"),
    "with_resolved": _("This conversation is closed. Write again to go on."),
    "email_kept": _("Thank you. We will write to {email}."),
    "transcript_sent": _("The conversation is on its way to {email}."),
    "thanks": _("Thank you for telling us."),
    "uploading_file": _("Uploading {name}…"),
    "remove_file": _("Remove {name}"),
    "signed_in_elsewhere": _("You are not signed in to the chat any more. Reload the page to go on."),
    "cannot_start": _("The chat cannot be reached at the moment. It tries again by itself."),
    "person": _("Support"),
    "sound_on": _("Turn sound on"),
    "sound_off": _("Turn sound off"),
    "form_incomplete": _("Fill in what is marked with a star."),
}
