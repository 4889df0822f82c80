"""Which adapter answered from when to when, and on what ground."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7


class Rollout(models.Model):
    """One time of being live. `adapter` null: the base model."""

    class End(models.TextChoices):
        REPLACED = "replaced"
        ROLLED_BACK = "rolled_back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.PROTECT, null=True, related_name="rollouts")
    # What it was put live for: the verdict that passed, or, where none did, the reason somebody gave.
    evaluation = models.ForeignKey("assistant.EvaluationRun", on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=11, choices=End.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["end"], condition=models.Q(end=""), name="one_rollout_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.adapter or 'base model'} from {self.started_at:%Y-%m-%d %H:%M}"
