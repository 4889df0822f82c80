"""What people say about replies."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from uuid_utils.compat import uuid7

from assistant.append_only import AppendOnly


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


class FeedbackEvent(AppendOnly):
    """That a person said something about a reply, changed it or took it back, and what had written the reply. What they
    say now stands in Feedback and Comparison; this is how it came about, and what examples name as their origin."""

    class Kind(models.TextChoices):
        THUMB = "thumb"
        CORRECTION = "correction"
        COMPARISON = "comparison"
        # One answer up and another to the same question down, each by itself.
        REGENERATE_PICK = "regenerate_pick"

    class Verb(models.TextChoices):
        GIVEN = "given"
        CHANGED = "changed"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=15, choices=Kind.choices)
    verb = models.CharField(max_length=9, choices=Verb.choices)
    rater = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feedback_events")
    conversation = models.ForeignKey("assistant.Conversation", on_delete=models.CASCADE, related_name="feedback_events")
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="feedback_events")
    # Of a pair: the other answer. A comparison's left one is `message`; of a pick, `message` is the better one.
    other = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, null=True, related_name="+")
    value = models.CharField(max_length=7, blank=True)
    reasons = models.JSONField(default=list)
    # Of a correction, whose text stands in Feedback alone.
    text_sha256 = models.CharField(max_length=64, blank=True)
    # What wrote `message`; empty for what was not written here.
    base_model_sha256 = models.CharField(max_length=64, blank=True)
    adapter_sha256 = models.CharField(max_length=64, blank=True)
    sampling = models.JSONField(default=dict)
    prompt_sha256 = models.CharField(max_length=64, blank=True)
    # What consent.training_use said at that time. What may be learned is asked again whenever something is learned.
    training_use = models.CharField(max_length=15)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["message", "rater"], name="feedback_event_by_message"),
            models.Index(fields=["rater", "at"], name="feedback_event_by_rater"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.verb} on {self.message_id}"


class Review(models.Model):
    """One place in the queue of those who judge what was said about replies, and their decision."""

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        EDITED = "edited"
        REJECTED = "rejected"
        SKIPPED = "skipped"

    # In the order of urgency.
    class Cause(models.TextChoices):
        UNSAFE = "1_unsafe", "unsafe"
        # The thumb is down on an approved answer, which everybody is given who asks the same.
        APPROVED_ANSWER = "2_approved", "approved answer"
        CORRECTION = "2_correction", "correction"
        INCORRECT = "3_incorrect", "incorrect"
        DISAGREEMENT = "4_disagreement", "disagreement"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, related_name="reviews")
    conversation = models.ForeignKey("assistant.Conversation", on_delete=models.CASCADE, related_name="reviews")
    # Whose feedback it is: never who reviews it.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews")
    cause = models.CharField(max_length=14, choices=Cause.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    # Whoever has taken it, until when; after that anybody may.
    assigned_to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    assigned_until = models.DateTimeField(null=True)
    # Who decided; where two are needed, who has approved `answer` first while it is pending still.
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    second_reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # What the reply should have been, as it was approved: a later change of the correction changes nothing here.
    answer = models.TextField(blank=True)
    # Not the person's own words any more.
    is_edited = models.BooleanField(default=False)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "person"], condition=Q(state="pending"), name="one_pending_review_per_feedback"
            )
        ]
        indexes = [models.Index(fields=["state", "cause", "id"], name="review_queue")]

    def __str__(self) -> str:
        return f"{self.state} review of {self.message_id}"
