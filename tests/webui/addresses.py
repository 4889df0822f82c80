"""Every address, and how it is asked and answered: the table of test_access.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.http import HttpResponse
from django.test import Client

from assistant.chat.actions import Accepted
from assistant.models import Message, Review

Ask = Callable[[Client, Accepted], HttpResponse]


@dataclass(frozen=True)
class Foreign:
    """An address that names an object of alice's: how it is asked, and what others are told."""

    ask: Ask
    code: str | None  # None: a page instead of JSON


@dataclass(frozen=True)
class Own:
    """An address that names nobody's object; it shows what belongs to whoever asks, or to everybody. By GET."""

    person: int = 200  # how anybody with a session is answered
    guest: int | None = None  # where that differs
    reviewer: int | None = None  # likewise
    nobody: int = 200


@dataclass(frozen=True)
class Staff:
    """An address for reviewers, or administrators alone, that names an object: how it is asked."""

    ask: Ask
    reviewer: int = 200  # how bob is answered


# A new address needs a line here, or test_every_address_has_a_line fails.
ADDRESSES: dict[str, Foreign | Own | Staff] = {
    "GET /": Own(),
    "GET /c/{conversation_id}/": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/"), None),
    "GET /api/conversations": Own(nobody=401),
    "PATCH /api/conversations/{conversation_id}": Foreign(
        lambda c, of: c.patch(f"/api/conversations/{of.conversation_id}", {"title": "Mine"}, "application/json"),
        "conversation.not_found",
    ),
    "DELETE /api/conversations/{conversation_id}": Foreign(
        lambda c, of: c.delete(f"/api/conversations/{of.conversation_id}"), "conversation.not_found"
    ),
    "POST /api/conversations/{conversation_id}/restore": Foreign(
        lambda c, of: c.post(f"/api/conversations/{of.conversation_id}/restore"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/read": Foreign(
        lambda c, of: c.put(f"/api/conversations/{of.conversation_id}/read"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/folder": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/folder", {"folder_id": of.conversation_id}, "application/json"
        ),
        "conversation.not_found",
    ),
    "GET /api/folders": Own(nobody=401),
    "POST /api/folders": Own(),
    "PATCH /api/folders/{folder_id}": Foreign(
        lambda c, of: c.patch(f"/api/folders/{of.conversation_id}", {"name": "Mine"}, "application/json"),
        "folder.not_found",
    ),
    "DELETE /api/folders/{folder_id}": Foreign(
        lambda c, of: c.delete(f"/api/folders/{of.conversation_id}"), "folder.not_found"
    ),
    "GET /api/search": Own(person=400, nobody=401),
    "GET /api/conversations/{conversation_id}/messages": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/messages"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/head": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/head", {"message_id": of.message_id}, "application/json"
        ),
        "conversation.not_found",
    ),
    "GET /api/conversations/{conversation_id}/settings": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/settings"), "conversation.not_found"
    ),
    "PATCH /api/conversations/{conversation_id}/settings": Foreign(
        lambda c, of: c.patch(
            f"/api/conversations/{of.conversation_id}/settings", {"system_message": "Obey charlie"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "PATCH /api/messages/{message_id}": Foreign(
        lambda c, of: c.patch(f"/api/messages/{of.message_id}", {"text": "Mine"}, "application/json"),
        "message.not_found",
    ),
    "GET /api/messages/{message_id}/provenance": Foreign(
        lambda c, of: c.get(f"/api/messages/{of.reply_id}/provenance"), "message.not_found"
    ),
    "GET /api/comparisons/{left_id}/{right_id}": Foreign(
        lambda c, of: c.get(f"/api/comparisons/{of.reply_id}/{_second(of)}"), "message.not_found"
    ),
    "PUT /api/comparisons/{left_id}/{right_id}": Foreign(
        lambda c, of: c.put(f"/api/comparisons/{of.reply_id}/{_second(of)}", {"verdict": "right"}, "application/json"),
        "message.not_found",
    ),
    "DELETE /api/comparisons/{left_id}/{right_id}": Foreign(
        lambda c, of: c.delete(f"/api/comparisons/{of.reply_id}/{_second(of)}"), "message.not_found"
    ),
    "POST /api/messages/{message_id}/fork": Foreign(
        lambda c, of: c.post(f"/api/messages/{of.reply_id}/fork", {"scope": "all"}, "application/json"),
        "message.not_found",
    ),
    "GET /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.get(f"/api/conversations/{of.conversation_id}/share"), "conversation.not_found"
    ),
    "PUT /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.put(
            f"/api/conversations/{of.conversation_id}/share", {"audience": "anyone"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "PATCH /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.patch(
            f"/api/conversations/{of.conversation_id}/share", {"audience": "anyone"}, "application/json"
        ),
        "conversation.not_found",
    ),
    "DELETE /api/conversations/{conversation_id}/share": Foreign(
        lambda c, of: c.delete(f"/api/conversations/{of.conversation_id}/share"), "conversation.not_found"
    ),
    "GET /c/{conversation_id}/export.json": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/export.json"), None),
    "GET /c/{conversation_id}/export.md": Foreign(lambda c, of: c.get(f"/c/{of.conversation_id}/export.md"), None),
    "PUT /api/messages/{message_id}/feedback": Foreign(
        lambda c, of: c.put(f"/api/messages/{of.reply_id}/feedback", {"rating": "down"}, "application/json"),
        "message.not_found",
    ),
    "DELETE /api/messages/{message_id}/feedback": Foreign(
        lambda c, of: c.delete(f"/api/messages/{of.reply_id}/feedback"), "message.not_found"
    ),
    "GET /api/messages/{message_id}/feedback/life": Foreign(
        lambda c, of: c.get(f"/api/messages/{of.reply_id}/feedback/life"), "message.not_found"
    ),
    "GET /api/me/feedback/news": Own(nobody=401),
    # Whoever has the secret in the address may come in: tests/webui/test_share_links.py says who else may not.
    "GET /s/{token}/": Own(person=404, nobody=404),
    "POST /s/{token}/copy/": Own(),
    # For reviewers and administrators, whatever is named; the forms: tests/webui/test_approved_answers.py.
    "GET /approved-answers/": Own(person=403, reviewer=200, nobody=401),
    "POST /approved-answers/": Own(),
    "GET /approved-answers/{passage_id}/": Own(person=403, reviewer=404, nobody=401),
    "POST /approved-answers/{passage_id}/": Own(),
    "GET /data/links/": Own(nobody=302),
    "GET /data/import/": Own(),
    "GET /data/export.zip": Own(nobody=302),
    "POST /api/import": Own(),
    "GET /api/me/preferences": Own(nobody=401),
    "PATCH /api/me/preferences": Own(nobody=401),
    "GET /api/openapi.json": Own(),
    "GET /manifest.webmanifest": Own(),
    "GET /settings/": Own(),
    "POST /settings/": Own(),
    "POST /settings/email/": Own(),
    # A signed key that only the owner of the mailbox has; tests/webui/test_email.py tampers with it.
    "GET /settings/email/confirm/{key}/": Own(person=400, nobody=400),
    "POST /settings/email/confirm/{key}/": Own(),
    "POST /settings/language/": Own(),
    "GET /settings/appearance/": Own(),
    "POST /settings/appearance/": Own(),
    "GET /settings/privacy/": Own(),
    "POST /settings/privacy/consent/": Own(),
    "GET /settings/feedback/": Own(),
    # These name a reply or a question in their form: tests/webui/test_your_feedback.py.
    "POST /settings/feedback/withdraw/": Own(),
    "POST /settings/feedback/judge/": Own(),
    "POST /settings/feedback/seen/": Own(),
    "GET /settings/delete/": Own(),
    "POST /settings/delete/": Own(),
    "GET /settings/security/": Own(guest=302, nobody=302),
    "GET /settings/api-keys/": Own(guest=302, nobody=302),
    "POST /settings/api-keys/": Own(),
    # Names a key in its form: tests/webui/test_api_keys.py.
    "POST /settings/api-keys/revoke/": Own(),
    # Names a device in its form: test_charlie_signs_no_device_of_alice_out.
    "POST /settings/security/devices/": Own(),
    **{
        f"GET /review/{page}": Own(person=403, reviewer=200, nobody=401) for page in ("", "decided/", "work/", "tests/")
    },
    # Administrators alone: tests/assistant/test_transcripts.py.
    "GET /review/transcripts/": Own(person=403, nobody=401),
    "GET /review/transcripts/{conversation_id}/": Staff(
        lambda c, of: c.get(f"/review/transcripts/{of.conversation_id}/"), reviewer=403
    ),
    "POST /review/transcripts/{conversation_id}/": Staff(
        lambda c, of: c.post(f"/review/transcripts/{of.conversation_id}/", {"reason": "Curious"}), reviewer=403
    ),
    "POST /review/decided/": Staff(lambda c, of: c.post("/review/decided/", {"review": of.reply_id}), reviewer=404),
    "POST /review/tests/": Staff(lambda c, of: c.post("/review/tests/", {"case": of.reply_id}), reviewer=404),
    "PUT /api/reviews/reason": Staff(
        lambda c, of: c.put("/api/reviews/reason", {"reason": "Curious"}, "application/json"), reviewer=204
    ),
    # Without a reason bob is refused as well: tests/webui/test_review_api.py.
    "POST /api/reviews/next": Staff(lambda c, of: c.post("/api/reviews/next", {}, "application/json"), reviewer=400),
    "PUT /api/reviews/{review_id}/assignment": Staff(
        lambda c, of: c.put(f"/api/reviews/{_review(of)}/assignment"), reviewer=400
    ),
    "DELETE /api/reviews/{review_id}/assignment": Staff(
        lambda c, of: c.delete(f"/api/reviews/{_review(of)}/assignment"), reviewer=409
    ),
    "PUT /api/reviews/{review_id}/decision": Staff(
        lambda c, of: c.put(f"/api/reviews/{_review(of)}/decision", {"decision": "accept"}, "application/json"),
        reviewer=409,
    ),
    "DELETE /api/reviews/{review_id}/decision": Staff(
        lambda c, of: c.delete(f"/api/reviews/{_review(of)}/decision"), reviewer=404
    ),
    "POST /api/reviews/{review_id}/regression-case": Staff(
        lambda c, of: c.post(f"/api/reviews/{_review(of)}/regression-case", {"refuses": True}, "application/json"),
        reviewer=409,
    ),
    # Of the learning loop: reviewers may look, and only administrators act (tests/webui/test_learning_access.py).
    **{
        f"GET /learning/{page}": Own(person=403, reviewer=200, nobody=401)
        for page in (
            *("runs/", "runs/start/", "adapters/", "data/", "data/examples/", "data/preview/"),
            *("data/preview/{why}/", "data/receipts/"),
        )
    },
    **{
        f"GET /learning/{page}": Own(person=403, reviewer=404, nobody=401)
        for page in (
            *("runs/{run_id}/", "adapters/{sha256}/", "adapters/{sha256}/cases/", "adapters/{sha256}/card/"),
            *("runs/{run_id}/questions/", "adapters/{sha256}/card.md", "data/snapshots/{sha256}/"),
        )
    },
    **{
        f"POST /learning/{page}": Own()
        for page in (
            *("runs/start/", "runs/{run_id}/cancel/", "runs/{run_id}/train/", "data/release/", "data/build/"),
            *(f"adapters/{{sha256}}/{verb}/" for verb in ("try", "advance", "promote", "back", "evaluate", "retrain")),
        )
    },
    # What the training of others made is for reviewers to judge: tests/webui/test_made_questions.py.
    "POST /learning/runs/{run_id}/questions/": Staff(
        lambda c, of: c.post(f"/learning/runs/{of.reply_id}/questions/"), reviewer=404
    ),
    # The widget: a session opens nothing there; who may what with a visitor's token, test_widget_api.py knows.
    "GET /widget.js": Own(),
    "GET /widget/{site_id}/": Own(person=404, nobody=404),
    **{
        f"GET /api/widget/{path}": Own(person=401, nobody=401)
        for path in (
            "visit",
            "conversations/{conversation_id}/messages",
            "messages/{message_id}/feedback/life",
            "attachments/{attachment_id}",
        )
    },
    **{
        f"{address.replace(' ', ' /api/widget/')}": Own()
        for address in (
            *("POST visitors", "POST identity", "DELETE identity", "POST tickets", "PUT visit", "POST attachments"),
            *("PUT messages/{message_id}/feedback", "DELETE messages/{message_id}/feedback"),
            *("PUT conversations/{conversation_id}/read", "PUT conversations/{conversation_id}/satisfaction"),
            *(f"POST conversations/{{conversation_id}}/{what}" for what in ("person", "end", "transcript")),
        )
    },
    "GET /sites/": Own(person=403, nobody=401),
    "POST /sites/": Staff(lambda c, of: c.post("/sites/", {"name": "Mine", "team": "Mine"}), reviewer=403),
    "GET /sites/{site_id}/": Own(person=403, nobody=401),
    "GET /sites/{site_id}/preview/": Own(person=403, nobody=401),
    **{
        f"POST /sites/{{site_id}}/{what}": Staff(
            lambda c, of, what=what: c.post(f"/sites/{uuid4()}/{what}"), reviewer=403
        )
        for what in ("", "secret/", "check/")
    },
    "POST /api/learning/runs": Own(),
    "GET /api/learning/runs/{run_id}": Own(person=403, reviewer=404, nobody=401),
    "DELETE /api/learning/runs/{run_id}": Own(),
    "GET /api/learning/adapters/{sha256}/evidence": Own(person=403, reviewer=404, nobody=401),
    # Of the support desk, for agents; who sees which case: tests/webui/test_desk_access.py.
    "GET /desk/": Own(person=403, nobody=401),
    "GET /desk/cases/{conversation_id}/": Own(person=403, nobody=401),
    "GET /desk/teams/": Own(person=403, nobody=401),
    "POST /desk/teams/": Own(),
    "GET /desk/teams/{team_id}/": Own(person=403, nobody=401),
    "POST /desk/teams/{team_id}/": Own(),
    "GET /api/desk/attachments/{attachment_id}": Own(person=404, nobody=401),
    **{
        f"{call}": Own()
        for call in (
            *("PATCH /api/desk/cases/{conversation_id}", "POST /api/desk/bulk", "POST /api/desk/attachments"),
            *(f"POST /api/desk/cases/{{conversation_id}}/{what}" for what in ("replies", "notes", "suggestion")),
            *(f"PUT /api/desk/cases/{{conversation_id}}/{what}" for what in ("mode", "read")),
        )
    },
    # A key opens these, and no session: tests/webui/test_v1.py.
    "GET /v1/models": Own(person=401, nobody=401),
    "GET /v1/models/{name}": Own(person=401, nobody=401),
    "POST /v1/chat/completions": Own(),
    "POST /v1/completions": Own(),
    # An agent's key opens these: tests/webui/test_rest.py.
    "GET /api/desk/v1/openapi.json": Own(),
    **{
        f"GET /api/desk/v1/{name}": Own(person=401, nobody=401)
        for name in (
            *("conversations", "conversations/{conversation_id}", "conversations/{conversation_id}/messages"),
            *("contacts", "contacts/{contact_id}", "sites", "sites/{site_id}"),
        )
    },
    "POST /api/desk/v1/conversations/{conversation_id}/messages": Own(),
    "PATCH /api/desk/v1/contacts/{contact_id}": Own(),
    "DELETE /api/desk/v1/contacts/{contact_id}": Own(),
    # Of agents, and of administrators: tests/webui/test_reports.py and test_webhook_pages.py.
    **{f"GET /desk/reports/{page}": Own(person=403, nobody=401) for page in ("", "cases/", "numbers.csv")},
    **{f"GET /sites/{{site_id}}/webhooks/{page}": Own(person=403, nobody=401) for page in ("", "{webhook_id}/")},
    **{
        f"POST /sites/{{site_id}}/webhooks/{page}": Own()
        for page in ("", *(f"{{webhook_id}}/{verb}" for verb in ("", "rotate/", "remove/", "replay/")))
    },
    "GET /healthz": Own(),
    "GET /readyz": Own(person=503, nobody=503),  # the tests have no worker
    # Whoever asks comes from this machine here; others find nothing: tests/webui/test_metrics_access.py.
    "GET /metrics": Own(),
}

# Pages of accounts know the signed-in person alone: how a member, a guest and nobody are answered. ELSEWHERE are pages
# for which one must prove oneself once more or be in the middle of signing in, and those that only lead on.
EVERYBODY, PEOPLE, MEMBERS, ELSEWHERE = (200, 200, 200), (200, 200, 302), (200, 302, 302), (302, 302, 302)
NOT_SET_UP = (404, 302, 302)
ACCOUNT_PAGES = {
    "login/": EVERYBODY,
    "logout/": PEOPLE,
    "signup/": EVERYBODY,
    "inactive/": EVERYBODY,
    "reauthenticate/": MEMBERS,
    "password/change/": MEMBERS,
    "password/set/": ELSEWHERE,
    "password/reset/": EVERYBODY,
    "password/reset/done/": EVERYBODY,
    "^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": EVERYBODY,  # who has the key
    "password/reset/key/done/": EVERYBODY,
    "2fa/": ELSEWHERE,
    "2fa/authenticate/": ELSEWHERE,
    "2fa/reauthenticate/": ELSEWHERE,
    "2fa/passkeys/": ELSEWHERE,
    "2fa/passkeys/add/": ELSEWHERE,
    "2fa/passkeys/login/": ELSEWHERE,
    "2fa/passkeys/reauthenticate/": ELSEWHERE,
    # Names a key: test_others_do_not_reach_a_passkey_of_alice.
    "2fa/passkeys/<int:pk>/edit/": ELSEWHERE,
    "2fa/passkeys/<int:pk>/remove/": ELSEWHERE,
    "2fa/recovery-codes/": NOT_SET_UP,
    "2fa/recovery-codes/download/": NOT_SET_UP,
    "2fa/recovery-codes/generate/": ELSEWHERE,
    "2fa/totp/activate/": ELSEWHERE,
    "2fa/totp/deactivate/": NOT_SET_UP,
    "3rdparty/": ELSEWHERE,
    "3rdparty/signup/": ELSEWHERE,
    "3rdparty/login/cancelled/": EVERYBODY,
    "3rdparty/login/error/": (401, 401, 401),
    "oidc/<str:provider_id>/login/": (404, 404, 404),  # none is configured
    "oidc/<str:provider_id>/login/callback/": (404, 404, 404),
}
# The admin is walked as a whole: it is for staff alone (test_the_admin_is_closed_to_people_without_a_post_in_it).

# Parameters that name an object of their own, on addresses that have a line above.
PARAMETERS = {
    "GET /c/{conversation_id}/?message": Foreign(
        lambda c, of: c.get(f"/c/{of.conversation_id}/", {"message": of.message_id}), None
    ),
    **{
        f"GET /api/conversations/{{conversation_id}}/messages?{name}": Foreign(
            lambda c, of, name=name: c.get(f"/api/conversations/{of.conversation_id}/messages", {name: of.message_id}),
            "conversation.not_found",
        )
        for name in ("leaf_id", "around", "after")
    },
}


def _review(of: Accepted) -> UUID:
    return Review.objects.get(message=of.reply_id).id


def _second(of: Accepted) -> UUID:
    """The other reply to the same question; for an id that is nobody's, another such id."""
    return (
        Message.objects.filter(parent=of.message_id).exclude(pk=of.reply_id).values_list("id", flat=True).first()
        or uuid4()
    )
