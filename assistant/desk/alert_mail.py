"""The e-mail that tells a team of a visitor who waits, or who snoozed a conversation that it is back. It quotes nobody:
a mailbox is not the desk."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext, override

from assistant.accounts.models import Person
from assistant.chat.models import Conversation
from assistant.desk.access import holder_of
from assistant.desk.models import Alert, AlertMail, Case
from assistant.desk.outward import ANSWER_CHARS, Answer

log = logging.getLogger(__name__)

Mode = Conversation.Mode
# As a mail server says it (RFC 5321, 4.2.3).
OK = 250


def may_mail(case: Case, reason: Alert.Reason) -> bool:
    return settings.MAIL_REACHES_PEOPLE and bool(addresses_for(case, reason))


def addresses_for(case: Case, reason: Alert.Reason) -> list[str]:
    """Of the team; where a snooze is over, of whoever has the case, if somebody of the desk does."""
    holder = holder_of(case)
    if reason == Alert.Reason.RETURNED and holder and holder.email:
        return [holder.email]
    members: list[Person] = list(case.site.team.members.filter(is_active=True).exclude(email="").order_by("email"))
    return [member.email for member in members]


def send(row: AlertMail) -> Answer:
    """What came of it. What has been seen to meanwhile is told to nobody any more."""
    alert = row.alert
    addresses = addresses_for(alert.case, Alert.Reason(alert.reason))
    if not addresses or not _is_news(alert):
        return Answer(OK, "nobody had to be told any more")
    try:
        _message(alert, addresses).send()
    except (OSError, SMTPException) as problem:
        log.warning("nobody was mailed of case %s yet: %s", alert.case_id, problem)
        return Answer(None, str(problem)[:ANSWER_CHARS])
    return Answer(OK, "")


def _is_news(alert: Alert) -> bool:
    case = alert.case
    if alert.reason == Alert.Reason.WAITS:
        waits = {"mode": Mode.WAITING, "mode_version": alert.mode_version, "deleted_at": None}
        return Conversation.objects.filter(pk=case.pk, **waits).exists()
    is_open = case.mode != Mode.RESOLVED and case.snoozed_until is None
    return is_open and not case.reads.filter(read_at__gte=alert.at).exists()


def _message(alert: Alert, addresses: list[str]) -> EmailMessage:
    site = " ".join(alert.case.site.name.split())
    with override(None):
        if alert.reason == Alert.Reason.WAITS:
            subject = gettext("Somebody waits for a person on {site}")
            body = gettext("A visitor asked for a person and nobody has answered yet. Open the desk to take over.")
        else:
            subject = gettext("A snoozed conversation of {site} is back")
            body = gettext("The time is over for which a conversation was put aside. Open the desk to go on with it.")
    return EmailMessage(subject=subject.format(site=site), body=body, bcc=addresses)
