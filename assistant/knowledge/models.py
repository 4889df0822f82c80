"""What is known beside the model: questions with the answers that staff has approved."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7


class Passage(models.Model):
    """A question with its approved answer. Its texts never change: what is edited is retired and follows anew, so that
    a reply that is being given ends in the words in which it began."""

    class Kind(models.TextChoices):
        APPROVED_ANSWER = "approved_answer"

    class Source(models.TextChoices):
        REVIEW = "review"  # somebody's correction, or a reviewer's own words
        IMPORT = "import"
        STAFF = "staff"  # written on the page of approved answers

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=15, choices=Kind.choices, default=Kind.APPROVED_ANSWER)
    question = models.TextField()
    answer = models.TextField()
    # Both as words with one space between them (assistant/words.py), which is what is compared and searched.
    question_words = models.TextField()
    answer_words = models.TextField()
    # Of question_words: one question has one approved answer, the newest.
    question_sha256 = models.CharField(max_length=64)

    source = models.CharField(max_length=6, choices=Source.choices)
    # Of an import: what it is called, and under which licence it came.
    origin = models.CharField(max_length=100, blank=True)
    licence = models.CharField(max_length=100, blank=True)
    # Whose words these are, where they came about. Erased with any of them.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="passages")
    conversation = models.ForeignKey(
        "assistant.Conversation", on_delete=models.CASCADE, null=True, related_name="passages"
    )
    review = models.ForeignKey("assistant.Review", on_delete=models.CASCADE, null=True, related_name="passages")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    # By the database's clock, for workers look for what has changed since they looked.
    changed_at = models.DateTimeField(db_default=Now(), db_index=True)
    retired_at = models.DateTimeField(null=True)
    # The review because of which it was retired: undone, it brings the passage back.
    retired_for = models.ForeignKey("assistant.Review", on_delete=models.SET_NULL, null=True, related_name="+")

    # Worked out by a worker, and again when the embedder is another: float32, little-endian. Empty for what it cannot
    # read.
    vector = models.BinaryField(default=bytes)
    embedder_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question_sha256"], condition=Q(retired_at=None), name="one_approved_answer_per_question"
            )
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="passage_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
