"""What became of people's feedback, once something had learned from it."""

from __future__ import annotations

from django.db import models
from uuid_utils.compat import uuid7


class AskedAgain(models.Model):
    """One question whose answer somebody had judged, put once more to an adapter that learned from it and is live. Row,
    queue and lease in one, as in chat/models.py. It goes with the message it is about."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    class Verdict(models.TextChoices):
        BETTER = "better"
        SAME = "same"
        WORSE = "worse"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The answer then. Its conversation's owner is whose feedback it was.
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="asked_again")
    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.ForeignKey("assistant.Worker", on_delete=models.SET_NULL, null=True, related_name="+")
    # The answer now.
    text = models.TextField(blank=True)
    base_model_sha256 = models.CharField(max_length=64, blank=True)
    # How alike the answer then and the answer now are to the approved one, in [0, 1]; null where none was approved.
    score_then = models.FloatField(null=True)
    score_now = models.FloatField(null=True)
    # What these say, and what the person says who gave the feedback; theirs counts.
    measured = models.CharField(max_length=6, choices=Verdict.choices, blank=True)
    judged = models.CharField(max_length=6, choices=Verdict.choices, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "adapter"], name="asked_again_once_per_adapter")]
        indexes = [models.Index(fields=["state", "created_at"], name="asked_again_by_state")]

    def __str__(self) -> str:
        return f"{self.message_id} asked again of {self.adapter_id}: {self.state}"

    @property
    def verdict(self) -> str:
        return self.judged or self.measured
