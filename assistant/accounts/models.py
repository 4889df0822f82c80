"""Who uses the product. A guest is a person without a password whose conversations move along at sign-up or sign-in."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Value
from uuid_utils.compat import uuid7


class Person(AbstractUser):
    class Role(models.TextChoices):
        USER = "user"
        REVIEWER = "reviewer"
        ADMIN = "admin"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.USER)
    is_guest = models.BooleanField(default=False)
    # When this person allowed their conversations to be used for training; null = not allowed.
    training_consent_at = models.DateTimeField(null=True, blank=True)

    # Until when this person has been told what became of their feedback (assistant/outcomes/news.py).
    outcomes_seen_at = models.DateTimeField(null=True, blank=True)

    # What the person is called here, if they said so.
    name = models.CharField(max_length=150, blank=True, default="", db_default="")
    # How the pages look and behave for this person: webui/preferences.py says what may stand here.
    preferences = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)

    def __str__(self) -> str:
        return "guest" if self.is_guest else self.email or self.username


class ApiKey(models.Model):
    """Lets a program act for a person. The key itself is shown once; here are its hash and its first letters."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class ConsentChange(models.Model):
    """Each time a person allowed their conversations to be used for training, or took that back. Only ever added to:
    it proves later what was allowed when something was learned."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="consent_changes")
    is_given = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["person", "at"], name="consent_change_by_person")]

    def __str__(self) -> str:
        return f"{'given' if self.is_given else 'withdrawn'} at {self.at:%Y-%m-%d %H:%M}"
