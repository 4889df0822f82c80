"""A conversation by e-mail, to its visitor, who says where. Plain text: what a model or a stranger wrote is nowhere
made into markup."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from uuid import UUID

from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext as _

from assistant.chat.branches import visible_path
from assistant.chat.models import Message
from assistant.desk.models import Visitor
from assistant.desk.visits import case_of_visitor, checked_email
from assistant.errors import AssistantError

log = logging.getLogger(__name__)

MAX_MESSAGES = 500


def send(visitor: Visitor, conversation_id: UUID, email: str) -> None:
    """Return when the mail server has taken it. Raises conversation.not_found, visitor.invalid_email,
    transcript.not_sent."""
    case = case_of_visitor(visitor, conversation_id)
    address = checked_email(email.strip())
    window = visible_path(visitor.pk, case.conversation, limit=MAX_MESSAGES)
    names = {Message.Role.USER: _("You"), Message.Role.ASSISTANT: _("AI assistant"), Message.Role.AGENT: _("Support")}
    parts = [
        f"{message.author_name or names[Message.Role(message.role)]}"
        f" ({timezone.localtime(message.created_at):%Y-%m-%d %H:%M} UTC)\n{message.text}"
        for message in window.items
    ]
    site = " ".join(case.site.name.split())
    mail = EmailMessage(
        subject=_("Your conversation with {site}").format(site=site), body="\n\n".join(parts), to=[address]
    )
    try:
        mail.send()
    except (OSError, SMTPException) as problem:
        log.warning("a transcript was not mailed: %s", problem)
        raise AssistantError("transcript.not_sent") from None
