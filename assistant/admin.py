"""Look-up for administrators. Reading here is all that is offered: what changes things has pages of its own."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from assistant.models import Adapter, Generation, Person, Worker


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    list_display = ("email", "role", "is_guest", "date_joined")
    list_filter = ("role", "is_guest")
    search_fields = ("email",)
    fields = ("email", "role", "is_guest", "is_active", "training_consent_at", "date_joined", "last_login")


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """How replies were made, without what was said: transcripts are read on the review pages, with a reason."""

    list_display = ("id", "state", "finish_reason", "error_code", "attempts", "completion_tokens", "created_at")
    list_filter = ("state", "error_code")
    exclude = ("checkpoint_text", "checkpoint_token_ids", "reply")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("host", "pid", "state", "base_model", "beat_at")


@admin.register(Adapter)
class AdapterAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "sha256", "created_at")
