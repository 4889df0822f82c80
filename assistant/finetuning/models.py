"""What is learned from: examples, the frozen sets they were put into, and the receipts of what was erased of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from assistant.append_only import AppendOnly


class Example(models.Model):
    """One training record in the conversational form of TRL: sft has prompt and completion, preference has prompt,
    chosen and rejected, unpaired has prompt, completion and label."""

    class Kind(models.TextChoices):
        SFT = "sft"
        PREFERENCE = "preference"
        UNPAIRED = "unpaired"

    class Source(models.TextChoices):
        GOLD = "gold"  # written by a reviewer
        IMPORT = "import"  # brought in by the operator
        CORRECTION = "correction"
        COMPARISON = "comparison"
        REGENERATE_PICK = "regenerate_pick"
        RATING = "rating"

    # What staff wrote or brought in. All else comes from people whom nobody knows.
    TRUSTED = (Source.GOLD, Source.IMPORT)

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        HELD = "held"

    class Split(models.TextChoices):
        TRAIN = "train"
        DEV = "dev"
        TEST = "test"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The same origin with the same content is one example, however often it is built or imported.
    key = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    prompt = models.JSONField()
    completion = models.JSONField(null=True)
    chosen = models.JSONField(null=True)
    rejected = models.JSONField(null=True)
    label = models.BooleanField(null=True)
    content_sha256 = models.CharField(max_length=64)
    # What was taken out of the texts: placeholder -> how often.
    redactions = models.JSONField(default=dict)

    source = models.CharField(max_length=15, choices=Source.choices)
    # Of an import: what it is called, under which licence it came, and the id that its rows of one group share.
    origin = models.CharField(max_length=100, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    origin_group = models.CharField(max_length=200, blank=True)
    is_simulated = models.BooleanField(default=False)
    # Whose words these are, null for an import.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="examples")
    conversation = models.ForeignKey(
        "assistant.Conversation", on_delete=models.CASCADE, null=True, related_name="examples"
    )
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, null=True, related_name="examples")
    review = models.ForeignKey("assistant.Review", on_delete=models.CASCADE, null=True, related_name="examples")
    events = models.ManyToManyField("assistant.FeedbackEvent", related_name="examples")

    base_weight = models.FloatField()
    status = models.CharField(max_length=8, choices=Status.choices)
    why = models.CharField(max_length=60, blank=True)
    # Somebody has looked at what holding.py found, and it may be learned from all the same.
    is_released = models.BooleanField(default=False)
    # Given once, when the example first enters a snapshot. The split never changes afterwards; groups may be joined.
    group = models.CharField(max_length=64, blank=True)
    split = models.CharField(max_length=5, choices=Split.choices, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["status", "id"], name="example_by_status")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_trusted(self) -> bool:
        return self.source in self.TRUSTED


class DatasetSnapshot(models.Model):
    """Examples frozen at one moment, named by the hash of their rows. Immutable: what must be erased from it takes the
    whole of its files away, and leaves the name."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    manifest = models.JSONField()
    rows = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    erased_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.sha256[:12]


class SnapshotItem(AppendOnly):
    """That an example is a row of a snapshot, or was merged into one (`merged_into`; its weight is in that row's)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.CASCADE, related_name="items")
    # Null: erased. Hash, weight and split stay.
    example = models.ForeignKey(Example, on_delete=models.SET_NULL, null=True, related_name="snapshot_items")
    merged_into = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="merged")
    content_sha256 = models.CharField(max_length=64)
    weight = models.FloatField()
    group = models.CharField(max_length=64)
    split = models.CharField(max_length=5)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "example"], condition=Q(example__isnull=False), name="one_item_per_example"
            )
        ]

    def __str__(self) -> str:
        return f"{self.example_id} in {self.snapshot_id}"


class RegressionCase(models.Model):
    """A question that every adapter is asked before it may answer people, made from a reply that was wrong once. What
    stands here is redacted as examples are, and is never trained on."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    prompt = models.JSONField()
    # Rules that the answer must keep, by the names of inference/evaluation/rules.py: must_contain and must_not_contain
    # (phrases), refuses (true: it must decline, false: it must not).
    wanted = models.JSONField()
    # What it was made from; it goes with the conversation and the person whose words it quotes, and so does this.
    review = models.ForeignKey("assistant.Review", on_delete=models.CASCADE, related_name="regression_cases")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    # Not asked any more.
    retired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"test {self.id}"


class ErasureReceipt(models.Model):
    """What an erasure took out of what is learned from; names nobody."""

    class Scope(models.TextChoices):
        PERSON = "person"
        CONVERSATION = "conversation"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=12, choices=Scope.choices)
    subject_pseudonym = models.CharField(max_length=64)
    # Rows that were erased: events, reviews, examples.
    counts = models.JSONField()
    # The snapshots they were in: sha256, rows and share of weight that came from the subject.
    snapshots = models.JSONField()
    content_sha256s = models.JSONField()
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.scope} {self.subject_pseudonym[:12]}"
