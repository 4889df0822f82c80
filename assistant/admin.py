"""Look-up for administrators. Reading here is all that is offered: what changes things has pages of its own. What
people wrote is not shown at all: reviewers read transcripts on pages that ask them for a reason."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from assistant.models import Adapter, Comparison, Conversation, Feedback, Generation, Person, Worker

# allauth's own pages would show second-step secrets and session keys, and let them be changed.
for model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession, Group):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.site_header = admin.site.site_title = "Parley"
admin.site.index_title = "Look-up"


def _may_enter(request: HttpRequest) -> bool:
    user = request.user
    is_staff = user.is_active and user.is_staff
    return bool(is_staff and (is_mfa_enabled(user) or not settings.REQUIRE_ADMIN_MFA))


def _sign_in(request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
    """The product's own page in the place of the admin's, which knows neither the second step nor passkeys."""
    if not isinstance(request.user, Person) or request.user.is_guest:
        return redirect_to_login(request.GET.get("next", "/admin/"))
    if _may_enter(request):
        return redirect("admin:index")
    if not request.user.is_staff:
        raise PermissionDenied
    messages.error(request, _("Set up two-step verification or a passkey first; the administration asks for it."))
    return redirect("settings_security")


# On the site that Django made: one of our own would have to be named in INSTALLED_APPS and in every registration.
admin.site.login = _sign_in  # type: ignore[method-assign]
admin.site.has_permission = _may_enter  # type: ignore[method-assign]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in the stubs
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    list_display = ("email", "name", "role", "is_guest", "date_joined", "last_login")
    list_filter = ("role", "is_guest", "is_staff")
    search_fields = ("email", "name", "id")
    ordering = ("-date_joined",)
    fields = (
        *("id", "email", "name", "role", "is_guest", "is_active", "is_staff"),
        *("training_consent_at", "preferences", "date_joined", "last_login"),
    )


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Titles are left out: they begin as the first words that were written."""

    list_display = ("id", "owner", "created_at", "updated_at", "messages", "is_temporary", "deleted_at")
    list_filter = ("is_temporary", "mode_version")
    list_select_related = ("owner",)
    search_fields = ("id", "owner__email")
    date_hierarchy = "created_at"
    ordering = ("-updated_at",)
    fields = (
        *(
            "id",
            "owner",
            "created_at",
            "updated_at",
            "answered_at",
            "read_at",
            "pinned_at",
            "archived_at",
            "deleted_at",
        ),
        *("is_temporary", "forked_from", "training_consent_at", "model_choice", "sampling", "mode_version"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        conversations: QuerySet[Conversation] = super().get_queryset(request)
        return conversations.annotate(message_count=Count("messages"))

    @admin.display(ordering="message_count")
    def messages(self, conversation: Conversation) -> int:
        count: int = conversation.message_count  # type: ignore[attr-defined]  # the query adds it
        return count


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    list_display = ("id", "person", "rating", "reasons", "created_at", "updated_at")
    list_filter = ("rating",)
    list_select_related = ("person",)
    search_fields = ("person__email", "message__conversation__id")
    fields = ("id", "person", "message", "rating", "reasons", "created_at", "updated_at")


@admin.register(Comparison)
class ComparisonAdmin(ReadOnlyAdmin):
    list_display = ("id", "person", "verdict", "created_at")
    list_filter = ("verdict",)
    list_select_related = ("person",)


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    """How replies were made, without what was said."""

    list_display = ("id", "state", "finish_reason", "error_code", "attempts", "completion_tokens", "created_at")
    list_filter = ("state", "error_code")
    search_fields = ("id", "conversation__id")
    exclude = ("checkpoint_text", "checkpoint_token_ids", "reply")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("host", "pid", "state", "base_model", "beat_at")


@admin.register(Adapter)
class AdapterAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "sha256", "created_at")
