"""Feedback at each of its stages, in a started product's database: training an adapter until it is there takes long."""

from __future__ import annotations

import subprocess
import sys
from uuid import UUID

from tests.product import ROOT, Product

# question, answer, correction, how far it has come
PIECES = [
    ("Which tea keeps one awake?", "Camomile.", "Black tea.", "received"),
    ("How far is the moon?", "Quite far.", "384,400 km on average.", "declined"),
    ("What is the RUT deduction?", "A kind of road.", "A tax reduction for work at home.", "accepted"),
    ("Where do rivers end?", "In a lake, as far as anybody knows, or else in another lake.", "In the sea.", "better"),
]


def write_outcomes(product: Product, person_id: str) -> None:
    """All of PIECES for this person, the last of them live and asked again."""
    command = [sys.executable, "-m", "tests.outcomes", person_id]
    subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True)


def write(person_id: UUID) -> None:
    from django.db import transaction
    from django.utils import timezone

    from assistant.accounts.actions import set_training_consent
    from assistant.models import (
        Adapter,
        AskedAgain,
        Conversation,
        DatasetSnapshot,
        Example,
        Feedback,
        Message,
        Person,
        Review,
        Rollout,
        SnapshotItem,
        TrainingRun,
    )

    with transaction.atomic():
        person, now = Person.objects.get(pk=person_id), timezone.now()
        set_training_consent(person.id, is_given=True)
        for question, answer, correction, stage in PIECES:
            conversation = Conversation.objects.create(owner=person, title=question, training_consent_at=now)
            asked = Message.objects.create(conversation=conversation, role="user", author=person, text=question)
            reply = Message.objects.create(conversation=conversation, role="assistant", parent=asked, text=answer)
            Conversation.objects.filter(pk=conversation.pk).update(head=reply)
            said = {"rating": "down", "reasons": ["incorrect"], "correction": correction}
            Feedback.objects.create(message=reply, person=person, **said)
            states = {"received": "pending", "declined": "rejected"}
            review = Review.objects.create(
                message=reply,
                conversation=conversation,
                person=person,
                cause=Review.Cause.CORRECTION,
                state=states.get(stage, "accepted"),
                answer="" if stage in states else correction,
                decided_at=None if stage == "received" else now,
            )
        example = Example.objects.create(
            key=str(review.pk),
            kind="sft",
            prompt=[{"role": "user", "content": question}],
            completion=[{"role": "assistant", "content": correction}],
            source="correction",
            status="approved",
            base_weight=0.6,
            person=person,
            conversation=conversation,
            message=reply,
        )
        snapshot = DatasetSnapshot.objects.create(sha256=person.pk.hex * 2, manifest={}, rows=1)
        SnapshotItem.objects.create(snapshot=snapshot, example=example, weight=1, split="train")
        adapter = Adapter.objects.create(name="v7", sha256=person.pk.hex * 2, base_model_sha256="0" * 64)
        later = {"state": "completed", "finished_at": now}
        TrainingRun.objects.create(snapshot=snapshot, adapter=adapter, **later)
        Rollout.objects.filter(end="").update(end="replaced")
        Rollout.objects.create(adapter=adapter)
        AskedAgain.objects.create(
            message=reply,
            adapter=adapter,
            text=correction,
            score_then=0.2,
            score_now=1.0,
            measured="better",
            **later,
        )


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    write(UUID(sys.argv[1]))
