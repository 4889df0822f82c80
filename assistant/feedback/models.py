"""What people say about replies."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7


class Feedback(models.Model):
    """One person's verdict on one assistant message."""

    class Rating(models.TextChoices):
        UP = "up"
        DOWN = "down"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="feedback")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feedback")
    rating = models.CharField(max_length=4, choices=Rating.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "person"], name="one_feedback_per_person")]

    def __str__(self) -> str:
        return f"{self.rating} on {self.message_id}"
