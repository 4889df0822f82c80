"""A conversation shown to others: a snapshot under a secret address."""

from __future__ import annotations

import secrets

from django.db import models
from uuid_utils.compat import uuid7


def new_token() -> str:
    return secrets.token_urlsafe(24)  # 192 bits: nobody finds a link by trying


class ShareLink(models.Model):
    class Audience(models.TextChoices):
        MEMBERS = "members"
        ANYONE = "anyone"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # One link for each conversation: whoever has it sees the newest snapshot, and one revocation ends it everywhere.
    conversation = models.OneToOneField("assistant.Conversation", on_delete=models.CASCADE, related_name="share_link")
    token = models.CharField(max_length=43, unique=True, default=new_token, editable=False)
    audience = models.CharField(max_length=7, choices=Audience.choices)
    # {"v": 1, "title", "messages": [{"role", "text", "created_at"}]}: nothing in it says who wrote it.
    snapshot = models.JSONField()
    snapshot_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.audience}: {self.conversation_id}"
