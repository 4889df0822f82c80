"""What a worker does for the desk: alert again where nobody came, tell of what was snoozed and is back, and erase what
is kept no longer."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from assistant.accounts.models import Person
from assistant.chat import erasure, organizing
from assistant.chat.models import Conversation
from assistant.chat.runner import ReplyRunner
from assistant.desk import alerts, attachments
from assistant.desk.models import Alert, Case, Site, Visitor

LOOK_S = 5.0
ERASE_S = 60.0
# So many at once hold up no reply.
AT_ONCE = 20


class DeskKeeper:
    """A duty of a worker (assistant/chat/runner.py)."""

    def __init__(self) -> None:
        self._look_at = self._erase_at = 0.0

    def __call__(self, _runner: ReplyRunner) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            alert_those_who_still_wait()
            end_snoozes()
        if now >= self._erase_at:
            self._erase_at = now + ERASE_S
            erase_outdated()
            attachments.erase_unsent()


def alert_those_who_still_wait() -> int:
    """Of those who were told at the desk nobody came within DESK_ALERT_AGAIN_S: mail the team and give the visitor the
    form. Returns how many visitors that were."""
    late = timezone.now() - timedelta(seconds=settings.DESK_ALERT_AGAIN_S)
    has_form = Alert.objects.filter(
        case=OuterRef("pk"), channel=Alert.Channel.FORM, mode_version=OuterRef("conversation__mode_version")
    )
    waiting = Case.objects.filter(mode=Conversation.Mode.WAITING, waiting_since__lt=late, conversation__deleted_at=None)
    late_ones = waiting.filter(~Exists(has_form)).order_by("waiting_since").values_list("pk", flat=True)[:AT_ONCE]
    return sum(_alert_again(id_) for id_ in late_ones)


@transaction.atomic
def _alert_again(case_id: UUID) -> bool:
    """Under the lock of the conversation, so that nobody who has just been answered is given a form."""
    conversation = Conversation.objects.select_for_update(no_key=True).filter(pk=case_id).first()
    if conversation is None or conversation.mode != Conversation.Mode.WAITING:
        return False
    alerts.alert_again(Case.objects.select_related("site__team", "conversation").get(pk=case_id))
    return True


def end_snoozes() -> int:
    """What was put aside until now is open again, and whoever has it is told; returns how many that were."""
    over = Case.objects.filter(snoozed_until__lte=timezone.now(), conversation__deleted_at=None)
    over = over.exclude(mode=Conversation.Mode.RESOLVED)
    ids = list(over.order_by("snoozed_until").values_list("pk", flat=True)[:AT_ONCE])
    return sum(_end_snooze(id_) for id_ in ids)


@transaction.atomic
def _end_snooze(case_id: UUID) -> bool:
    """Under the lock under which cases are snoozed: one of several workers tells, and of no snooze made longer."""
    Conversation.objects.select_for_update(no_key=True).filter(pk=case_id).first()
    over = Case.objects.filter(pk=case_id, snoozed_until__lte=timezone.now())
    case = over.select_related("site__team", "conversation", "assignee").first()
    if case is None:
        return False
    case.snoozed_until = None
    case.save(update_fields=["snoozed_until"])
    alerts.tell_of_return(case)
    return True


def erase_outdated() -> int:
    """Erase conversations in which nothing was said for as long as their site keeps them, and visitors of whom nothing
    is left; returns the number of conversations."""
    now, count = timezone.now(), 0
    for site in Site.objects.order_by("pk"):
        before = now - timedelta(days=site.retention_days)
        old = Case.objects.filter(site=site).filter(Q(last_message_at__lt=before) | Q(last_message_at=None))
        ids = list(old.filter(created_at__lt=before).order_by("created_at").values_list("pk", flat=True)[:AT_ONCE])
        count += organizing.erase(Conversation.objects.filter(pk__in=ids))
        gone = Visitor.objects.filter(site=site, created_at__lt=before, cases=None)
        unseen = gone.filter(Q(seen_at=None) | Q(seen_at__lt=before))
        for person in Person.objects.filter(visitor__in=list(unseen[:AT_ONCE])):
            erasure.erase_person(person.pk)
    return count
