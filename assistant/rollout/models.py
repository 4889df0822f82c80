"""What answers from when to when, on what ground, how an adapter comes to it by steps, and what was seen on the way."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7


class Rollout(models.Model):
    """One adapter's way to being what answers, and its time of being it. `adapter` null: the base model."""

    class Stage(models.TextChoices):
        SHADOW = "shadow"  # answers copies of questions, which nobody sees
        CANARY = "canary"  # answers `percent` of the people
        FULL = "full"

    class End(models.TextChoices):
        REPLACED = "replaced"
        ROLLED_BACK = "rolled_back"

    class Cause(models.TextChoices):
        """What rolled it back without a person."""

        HARM = "harm"
        SAMPLE_RATIO = "sample_ratio"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.PROTECT, null=True, related_name="rollouts")
    # What answered when this began: what it is compared with. Null: the base model.
    previous = models.ForeignKey("assistant.Adapter", on_delete=models.PROTECT, null=True, related_name="+")
    stage = models.CharField(max_length=6, choices=Stage.choices, default=Stage.FULL, db_default=Stage.FULL)
    percent = models.PositiveSmallIntegerField(default=100, db_default=100)
    # Whose answers come from it is a hash of this and the person, so that each rollout has other people.
    salt = models.CharField(max_length=32, blank=True, default="", db_default="")
    # Counts all changes of what answers, so that it can be seen how far a worker has followed.
    number = models.PositiveIntegerField(default=0, db_default=0)
    # How many pairs of people the comparison needs, and how many may be hoped for: fixed when the canary begins.
    planned_pairs = models.PositiveIntegerField(default=0, db_default=0)
    expected_pairs = models.PositiveIntegerField(default=0, db_default=0)
    # What it was put live for: the verdict that passed, or, where none did, the reason somebody gave.
    evaluation = models.ForeignKey("assistant.EvaluationRun", on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(blank=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(auto_now_add=True)
    # When the present stage or share began, and when somebody looked last; whoever moves this one on does the looking.
    stage_at = models.DateTimeField(auto_now_add=True, null=True)
    looked_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=11, choices=End.choices, blank=True)
    cause = models.CharField(max_length=12, choices=Cause.choices, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["end"], condition=Q(end="", stage="full"), name="one_full_rollout"),
            models.UniqueConstraint(fields=["end"], condition=Q(end="") & ~Q(stage="full"), name="one_candidate"),
        ]

    def __str__(self) -> str:
        return f"{self.adapter or 'base model'} from {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def can_show_benefit(self) -> bool:
        """Whether enough people rate answers here to show that a candidate is better; if not, only harm will show."""
        return self.expected_pairs >= self.planned_pairs > 0


class RolloutLook(models.Model):
    """What one look at a canary found. A person counts once, in the arm of the first reply that they rated."""

    class Decision(models.TextChoices):
        GO_ON = "go_on"
        BENEFIT = "benefit"
        HARM = "harm"
        SAMPLE_RATIO = "sample_ratio"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="looks")
    at = models.DateTimeField(auto_now_add=True)
    percent = models.PositiveSmallIntegerField()
    # People who got answers, people who rated any, and the sum of each one's share of ratings that were positive.
    live_people = models.PositiveIntegerField()
    live_rated = models.PositiveIntegerField()
    live_positive = models.FloatField()
    candidate_people = models.PositiveIntegerField()
    candidate_rated = models.PositiveIntegerField()
    candidate_positive = models.FloatField()
    # One person of each arm, near in time; z is of candidate minus live, its boundary that of the planned look that is
    # due, both null where none is.
    pairs = models.PositiveIntegerField()
    z = models.FloatField(null=True)
    boundary = models.FloatField(null=True)
    e_value = models.FloatField()
    decision = models.CharField(max_length=12, choices=Decision.choices, default=Decision.GO_ON)

    class Meta:
        indexes = [models.Index(fields=["rollout", "-at"], name="look_by_rollout")]

    def __str__(self) -> str:
        return f"{self.decision} after {self.pairs} pairs"


class ServingAck(models.Model):
    """That a worker has an adapter ready, checked against what was stored with it; or that it cannot, and why."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    worker = models.ForeignKey("assistant.Worker", on_delete=models.CASCADE, related_name="acks")
    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.CASCADE, related_name="acks")
    # The newest Rollout.number of which the worker knew.
    number = models.PositiveIntegerField()
    ok = models.BooleanField()
    # Why not; of one that is ready, what could not be checked.
    reason = models.CharField(max_length=500, blank=True)
    loaded_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "adapter"], name="one_ack_per_worker_and_adapter")]

    def __str__(self) -> str:
        return f"{self.adapter_id} {'ready' if self.ok else 'refused'} on {self.worker_id}"


class ShadowAnswer(models.Model):
    """How a candidate answered a question that `generation` answered: in numbers alone, its text is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="shadow_answers")
    generation = models.ForeignKey("assistant.Generation", on_delete=models.CASCADE, related_name="+")
    # "" where it failed.
    finish_reason = models.CharField(max_length=10, blank=True)
    live_characters = models.PositiveIntegerField()
    characters = models.PositiveIntegerField()
    is_live_refusal = models.BooleanField()
    is_refusal = models.BooleanField()
    # Of the two texts: 0 nothing in common, 1 the same (difflib's ratio, of words).
    similarity = models.FloatField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rollout", "generation"], name="one_shadow_answer")]

    def __str__(self) -> str:
        return f"shadow of {self.generation_id}"
