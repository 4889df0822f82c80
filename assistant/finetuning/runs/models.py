"""Long work of a training worker: one row is the queue, the lease and the record of what became of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Value
from uuid_utils.compat import uuid7


class Run(models.Model):
    """Claimed by compare-and-set; every claim raises `fence`, and whoever holds an older fence is refused."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        FAILED = "failed"

    ACTIVE = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    beat_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    # The newest thing its process said, and what it left when it was done.
    progress = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    result = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        indexes = [models.Index(fields=["state", "created_at"], name="%(class)s_by_state")]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class TrainingRun(Run):
    """One adapter from one snapshot: trained from the base model, never from another adapter."""

    snapshot = models.ForeignKey("assistant.DatasetSnapshot", on_delete=models.PROTECT, related_name="training_runs")
    # What differs from the trainer's defaults (inference/training/spec.py), as it was asked for.
    config = models.JSONField(default=dict)
    seed = models.PositiveBigIntegerField(default=0)
    # Everything but the training: what it would cost.
    is_dry_run = models.BooleanField(default=False)
    base_model_sha256 = models.CharField(max_length=64, blank=True)
    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.SET_NULL, null=True, related_name="training_runs")


class EvaluationRun(Run):
    """A candidate and what answers now, on the same held-out items; the verdict of rules that stood before."""

    class Verdict(models.TextChoices):
        PASSED = "pass"
        FAILED = "fail"
        NOT_ENOUGH_EVIDENCE = "not_enough_evidence"

    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.CASCADE, related_name="evaluation_runs")
    # Null: the base model alone.
    baseline = models.ForeignKey("assistant.Adapter", on_delete=models.SET_NULL, null=True, related_name="+")
    training_run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="evaluation_runs")
    rules = models.JSONField(default=dict)
    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)


class RefusedQuestion(models.Model):
    """A question that a training made of an example, and that somebody would not have learned: no later one is."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    example = models.ForeignKey("assistant.Example", on_delete=models.CASCADE, related_name="refused_questions")
    question_sha256 = models.CharField(max_length=64)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    refused_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["example", "question_sha256"], name="refused_once_per_example")]

    def __str__(self) -> str:
        return f"{self.question_sha256[:12]} for {self.example_id}"


class LearningStart(models.Model):
    """One occasion on which learning began by itself, or why it did not. Of several workers one makes the row."""

    class Cause(models.TextChoices):
        SCHEDULE = "schedule"
        THRESHOLD = "threshold"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    cause = models.CharField(max_length=9, choices=Cause.choices)
    # The time at which it was due, or the snapshot and the number of approved answers that were new to it.
    occasion = models.CharField(max_length=120, unique=True)
    claimed_at = models.DateTimeField()
    # "": somebody is at it. Else a code of assistant/errors.py, or QUEUED.
    outcome = models.CharField(max_length=60, blank=True)
    run = models.ForeignKey(TrainingRun, on_delete=models.SET_NULL, null=True, related_name="+")

    QUEUED = "queued"

    class Meta:
        indexes = [models.Index(fields=["-claimed_at"], name="learning_start_by_time")]

    def __str__(self) -> str:
        return f"{self.cause} {self.occasion}"
