"""Who uses the product. A guest is a person without a password whose conversations move along at sign-up or sign-in."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
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

    def __str__(self) -> str:
        return "guest" if self.is_guest else self.email or self.username
