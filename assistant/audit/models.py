"""Who did what that others must be able to check later. What people wrote never stands here, at most its hash."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7

from assistant.append_only import AppendOnly


class AuditEvent(AppendOnly):
    """One link of a chain: `sha256` covers the row and the link before it, so that no row can be changed, left out or
    put in between without breaking every link after it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    # The person goes when they are erased. The chain keeps their pseudonym, which names nobody without the secret key.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_pseudonym = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=64)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    prev_hash = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["object_kind", "object_id"], name="audit_by_object")]

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.object_kind} {self.object_id}"


class AuditHead(models.Model):
    """The one row that says where the chain ends: locked to add to it, and the proof that its end was not cut off."""

    number = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.number} {self.sha256}"
