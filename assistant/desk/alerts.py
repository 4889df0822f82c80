"""Makes sure that a visitor who waits for a person is not alone with it: somebody is told, or they are given the form
for an e-mail. Whoever waits has at least one Alert, written in the transaction in which the waiting begins."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from assistant.chat.models import Conversation
from assistant.desk import alert_mail, events, presence
from assistant.desk.access import agents_of
from assistant.desk.models import Alert, Case

Channel = Alert.Channel


def alert(case: Case, mode_version: int) -> list[Channel]:
    """Tell those who can help. Where none of them has the desk open, they are mailed and the visitor gets the form."""
    agents = list(agents_of(case.site))
    is_somebody_here = bool(presence.present(agent.pk for agent in agents))
    channels = [Channel.DESK] if is_somebody_here else [Channel.FORM]
    if events.webhooks_for(case.site, "handoff.requested"):
        channels.append(Channel.WEBHOOK)
    if not is_somebody_here and may_mail(case):
        channels.append(Channel.EMAIL)
    _write(case, mode_version, channels)
    return channels


def alert_again(case: Case) -> None:
    """Nobody who has the desk open came: mail the others, and give the visitor the form."""
    conversation = case.conversation
    before = set(case.alerts.filter(mode_version=conversation.mode_version).values_list("channel", flat=True))
    wanted = [Channel.FORM, *([Channel.EMAIL] if may_mail(case) else [])]
    _write(case, conversation.mode_version, [channel for channel in wanted if channel not in before])
    events.hint(case)


def wants_form(conversation: Conversation) -> bool:
    """Whether the visitor who waits is to be given the form for an e-mail."""
    if conversation.mode != Conversation.Mode.WAITING:
        return False
    rows = Alert.objects.filter(case=conversation.pk, mode_version=conversation.mode_version)
    return rows.filter(channel=Channel.FORM).exists()


def may_mail(case: Case) -> bool:
    return settings.MAIL_REACHES_PEOPLE and bool(alert_mail.addresses_of(case.site))


def _write(case: Case, mode_version: int, channels: list[Channel]) -> None:
    Alert.objects.bulk_create(Alert(case=case, mode_version=mode_version, channel=channel) for channel in channels)
    if Channel.EMAIL in channels:
        transaction.on_commit(lambda: alert_mail.send_soon(case))
