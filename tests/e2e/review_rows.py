"""`python -m tests.e2e.review_rows` in a started product's environment: reads {"staff": …, "reviews": …} from stdin,
and writes what people said of replies, alone in the queue, and who may judge it. Prints the ids of the reviews."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any


def write_staff(email: str, password: str, role: str) -> None:
    from allauth.account.models import EmailAddress

    from assistant.models import Person

    person, _ = Person.objects.get_or_create(username=email, defaults={"email": email})
    person.role = role
    person.preferences = {}
    person.set_password(password)
    person.save()
    EmailAddress.objects.update_or_create(user=person, email=email, defaults={"verified": True, "primary": True})


def write_review(said: dict[str, Any]) -> str:
    """`said`: question, answer, and what feedback.give takes."""
    from django.utils import timezone

    from assistant.feedback import actions
    from assistant.models import Conversation, Feedback, Generation, Message, Person, Review

    now = timezone.now()
    consent = {"training_consent_at": now}
    alice, _ = Person.objects.update_or_create(username="alice-of-reviews", defaults=consent)
    conversation = Conversation.objects.create(owner=alice, title="Reviewed", **consent)
    question = Message.objects.create(conversation=conversation, role="user", author=alice, text=said["question"])
    reply = Message.objects.create(
        conversation=conversation, parent=question, role="assistant", text=said.get("answer", "In a lake of 30 km.")
    )
    Generation.objects.create(
        reply=reply,
        conversation=conversation,
        state="completed",
        finish_reason="stop",
        sampling={},
        text_sha256=hashlib.sha256(reply.text.encode()).hexdigest(),
    )
    Conversation.objects.filter(pk=conversation.pk).update(head=reply)
    reasons = said.get("reasons", ["incorrect"])
    actions.give(alice.id, reply.id, Feedback.Rating.DOWN, reasons, said.get("comment", ""), said.get("correction", ""))
    return str(Review.objects.get(message=reply).id)


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    from assistant.models import RegressionCase, Review

    told = json.load(sys.stdin)
    RegressionCase.objects.all().delete()
    Review.objects.all().delete()
    write_staff(**told["staff"])
    print(json.dumps([write_review(said) for said in told["reviews"]]))
