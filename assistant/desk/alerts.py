"""Makes sure that a visitor who waits for a person is not alone with it: somebody is told, or they are given the form
for an e-mail. Whoever waits has at least one Alert, written in the transaction in which the waiting begins. And tells
that a snooze is over."""

from __future__ import annotations

from django.utils import timezone

from assistant.chat.models import Conversation
from assistant.desk import events, presence
from assistant.desk.access import agents_of, holder_of
from assistant.desk.alert_mail import may_mail
from assistant.desk.models import Alert, AlertMail, Case, CaseRead

Channel = Alert.Channel
Reason = Alert.Reason


def alert(case: Case, mode_version: int) -> list[Channel]:
    """Tell those who can help. Where none of them has the desk open, they are mailed and the visitor gets the form."""
    agents = list(agents_of(case.site))
    is_somebody_here = bool(presence.present(agent.pk for agent in agents))
    channels = [Channel.DESK] if is_somebody_here else [Channel.FORM]
    if events.webhooks_for(case.site, "handoff.requested"):
        channels.append(Channel.WEBHOOK)
    if not is_somebody_here and may_mail(case, Reason.WAITS):
        channels.append(Channel.EMAIL)
    _write(case, mode_version, channels)
    return channels


def alert_again(case: Case) -> None:
    """Nobody who has the desk open came: mail the others, and give the visitor the form."""
    version = case.conversation.mode_version
    told = case.alerts.filter(mode_version=version, reason=Reason.WAITS)
    before = set(told.values_list("channel", flat=True))
    wanted = [Channel.FORM, *([Channel.EMAIL] if may_mail(case, Reason.WAITS) else [])]
    _write(case, version, [channel for channel in wanted if channel not in before])
    events.hint(case)


def tell_of_return(case: Case) -> None:
    """The time is over for which it was put aside: tell whoever has it, or the team; by mail, if none of them has the
    desk open. The pages find the alert of the desk whenever they are opened."""
    holder = holder_of(case)
    told = [holder] if holder else list(agents_of(case.site))
    channels = [Channel.DESK]
    if events.webhooks_for(case.site, "snooze.ended"):
        channels.append(Channel.WEBHOOK)
    if not presence.present(agent.pk for agent in told) and may_mail(case, Reason.RETURNED):
        channels.append(Channel.EMAIL)
    _write(case, case.conversation.mode_version, channels, Reason.RETURNED)
    CaseRead.objects.filter(case=case, agent__in=told).delete()
    events.happened(case, "snooze.ended", {"agent_id": str(case.assignee_id) if case.assignee_id else None})


def wants_form(conversation: Conversation) -> bool:
    """Whether the visitor who waits is to be given the form for an e-mail."""
    if conversation.mode != Conversation.Mode.WAITING:
        return False
    rows = Alert.objects.filter(case=conversation.pk, mode_version=conversation.mode_version)
    return rows.filter(channel=Channel.FORM).exists()


def _write(case: Case, mode_version: int, channels: list[Channel], reason: Reason = Reason.WAITS) -> None:
    for channel in channels:
        written = Alert.objects.create(case=case, mode_version=mode_version, channel=channel, reason=reason)
        if channel == Channel.EMAIL:
            AlertMail.objects.create(alert=written, due_at=timezone.now())
