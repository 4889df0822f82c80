"""The e-mail that tells a team of a visitor who waits. It quotes nobody: a mailbox is not the desk."""

from __future__ import annotations

import logging
import threading
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.utils.translation import gettext, override

from assistant.desk.models import Case, Site

log = logging.getLogger(__name__)


def addresses_of(site: Site) -> list[str]:
    rows = site.team.members.filter(is_active=True).exclude(email="")
    return list(rows.order_by("email").values_list("email", flat=True))


def send_soon(case: Case) -> None:
    """In a thread of its own: a visitor must not wait for a mail server, which may take ten seconds to say no."""
    addresses = addresses_of(case.site)
    with override(None):
        message = EmailMessage(
            subject=gettext("Somebody waits for a person on {site}").format(site=" ".join(case.site.name.split())),
            body=gettext("A visitor asked for a person and nobody has answered yet. Open the desk to take over."),
            bcc=addresses,
        )
    threading.Thread(target=_send, args=(message, case.pk), name="alert-mail", daemon=True).start()


def _send(message: EmailMessage, case_id: object) -> None:
    try:
        message.send()
    except (OSError, SMTPException) as problem:
        log.warning("the team was not mailed that case %s waits: %s", case_id, problem)
