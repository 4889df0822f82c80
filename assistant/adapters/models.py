"""LoRA adapters: weights trained for exactly one base model, addressed by the hash of their content."""

from __future__ import annotations

from django.db import models
from django.db.models import Value
from uuid_utils.compat import uuid7


class Adapter(models.Model):
    class State(models.TextChoices):
        CANDIDATE = "candidate"
        LIVE = "live"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    base_model_sha256 = models.CharField(max_length=64)
    # The sha256 of each file as it was taken in, by name; of older adapters that of the weights alone is known.
    files = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    state = models.CharField(max_length=10, choices=State.choices, default=State.CANDIDATE)
    # The share of what it was trained on, by weight, that had to be erased since: 0 is untainted.
    erased_share = models.FloatField(default=0.0, db_default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="live"), name="one_live_adapter")
        ]

    def __str__(self) -> str:
        return self.name
