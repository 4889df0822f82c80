"""What people say about replies."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Value
from uuid_utils.compat import uuid7


class Feedback(models.Model):
    """One person's verdict on one assistant message."""

    class Rating(models.TextChoices):
        UP = "up"
        DOWN = "down"

    # What may be ticked beside each thumb; the pages have words for them.
    REASONS = {
        Rating.UP: ("correct", "clear", "well_written", "right_length", "other"),
        Rating.DOWN: (
            *("incorrect", "did_not_follow", "not_helpful", "too_long", "too_short"),
            *("unsafe", "wrong_language", "other"),
        ),
    }

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="feedback")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feedback")
    rating = models.CharField(max_length=4, choices=Rating.choices)
    # Codes of the reasons that were ticked, in words of the person's own, and what the answer should have been.
    reasons = models.JSONField(default=list, db_default=Value([], models.JSONField()), blank=True)
    comment = models.TextField(blank=True, default="", db_default="")
    correction = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "person"], name="one_feedback_per_person")]

    def __str__(self) -> str:
        return f"{self.rating} on {self.message_id}"


class Comparison(models.Model):
    """One person's verdict on two answers to the same question, seen side by side."""

    class Verdict(models.TextChoices):
        LEFT = "left"
        RIGHT = "right"
        TIE = "tie"
        NEITHER = "neither"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comparisons")
    left = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="+")
    verdict = models.CharField(max_length=7, choices=Verdict.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "left", "right"], name="one_verdict_per_pair")]

    def __str__(self) -> str:
        return f"{self.verdict} of {self.left_id} and {self.right_id}"
