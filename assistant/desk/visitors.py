"""Who a visitor is: nobody in particular until the site signs it. Tokens, signed identities, and tickets for sockets.

A token opens what one visitor may see on one site. It is kept as a hash, travels in a header, never in an address and
never in a cookie, so no page elsewhere can act for its reader.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import redis
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from assistant.accounts.actions import adopt_guest
from assistant.accounts.models import Person
from assistant.chat.stream import connection
from assistant.desk import events
from assistant.desk.models import Attachment, Case, Site, UsedIdentity, Visitor, VisitorToken
from assistant.desk.sealing import unseal
from assistant.errors import AssistantError

IDLE = timedelta(days=30)
# How exact "last used" is; in between, a request costs no write.
NOTED_EVERY = timedelta(minutes=5)
LONGEST_IDENTITY = timedelta(minutes=15)
CLOCK_SKEW = timedelta(seconds=30)
TICKET_S = 30


@transaction.atomic
def open_visitor(site: Site, origin: str) -> tuple[Visitor, str]:
    """A new visitor and the token to act as them. `origin` is the page's that shows the widget; a browser cannot be
    made to lie about it, because the widget's frame asks it and not the page. Raises visitor.origin_refused,
    visitor.identity_required."""
    refuse_origin(site, origin)
    if site.is_identity_required:
        raise AssistantError("visitor.identity_required")
    visitor = _new(site)
    return visitor, _new_token(visitor, is_identified=False)


def refuse_origin(site: Site, origin: str) -> None:
    """Raises visitor.origin_refused, also when no origin is allowed."""
    if origin not in site.allowed_origins:
        raise AssistantError("visitor.origin_refused")


def token_with(token: str) -> VisitorToken:
    """Whoever shows this token. Raises visitor.unknown; and visitor.identity_required where the site demands that each
    call comes from somebody it has signed."""
    return known_token(sha256_of(token))


def known_token(sha256: str) -> VisitorToken:
    """As `token_with`, by the hash."""
    row = (
        VisitorToken.objects.select_related("visitor__site", "visitor__person")
        .filter(sha256=sha256, visitor__site__is_enabled=True, visitor__person__is_active=True)
        .first()
    )
    now = timezone.now()
    if row is None or now - row.used_at > IDLE:
        raise AssistantError("visitor.unknown")
    if row.visitor.site.is_identity_required and not row.is_identified:
        raise AssistantError("visitor.identity_required")
    if now - row.used_at > NOTED_EVERY:
        VisitorToken.objects.filter(pk=row.pk).update(used_at=now)
        Visitor.objects.filter(pk=row.visitor_id).update(seen_at=now)
    return row


@transaction.atomic
def identify(site: Site, identity: str, token: str | None = None) -> tuple[Visitor, str]:
    """The visitor whom the site signed (JWT, HS256; docs/widget.md), and a token. What the same browser said before, as
    nobody, becomes theirs. An identity opens once; shown again by whom it has opened for, it changes nothing,
    and who is this person already keeps the token. Raises visitor.identity_invalid."""
    # One at a time: two tabs that come with a new subject make one visitor.
    site = Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    claims = _claims(site, identity)
    present = _present(site, token) if token else None
    is_theirs = present is not None and present.is_identified and present.visitor.subject == claims["sub"]
    is_used = _is_used(site, claims)
    if is_used and not is_theirs:
        raise AssistantError("visitor.identity_invalid", reason="it was used before")
    known = Visitor.objects.filter(site=site, subject=claims["sub"]).first()
    nobody = present.visitor if present and not present.visitor.subject else None
    visitor = known or nobody or _new(site)
    if known and nobody:
        _hand_over(nobody, known)
    if not is_used:
        _note(visitor, claims)
    if is_theirs and token:
        return visitor, token  # a page that is loaded anew must not shut out the one in the next tab
    if present:
        VisitorToken.objects.filter(pk=present.pk).delete()  # whoever had it before does not become this person
    return visitor, _new_token(visitor, is_identified=True)


@transaction.atomic
def forget(token: str) -> None:
    """The browser's user has signed out of the site: this token opens nothing any more."""
    VisitorToken.objects.filter(sha256=sha256_of(token)).delete()


def new_ticket(token: VisitorToken) -> str:
    """What opens one socket within TICKET_S seconds. Raises visitor.no_ticket while Redis is away."""
    ticket = secrets.token_urlsafe(24)
    try:
        connection().set(_ticket_key(ticket), token.sha256, ex=TICKET_S)
    except redis.RedisError:
        raise AssistantError("visitor.no_ticket") from None
    return ticket


def redeem(ticket: str) -> VisitorToken:
    """Whose ticket it is; it opens nothing a second time. Raises visitor.unknown, visitor.no_ticket."""
    try:
        sha256: Any = connection().getdel(_ticket_key(ticket))
    except redis.RedisError:
        raise AssistantError("visitor.no_ticket") from None
    if sha256 is None:
        raise AssistantError("visitor.unknown")
    return known_token(sha256.decode())


def sha256_of(token: str) -> str:
    """A token has 256 random bits: nobody finds it by trying, so it needs no slow hash as passwords do."""
    return hashlib.sha256(token.encode()).hexdigest()


def _present(site: Site, token: str) -> VisitorToken | None:
    """The row of a token of this site that still opens something."""
    fresh = VisitorToken.objects.filter(used_at__gte=timezone.now() - IDLE, visitor__person__is_active=True)
    return fresh.select_related("visitor__person").filter(sha256=sha256_of(token), visitor__site=site).first()


def _note(visitor: Visitor, claims: dict[str, Any]) -> None:
    """Keep what the site says of them."""
    visitor.subject = claims["sub"]
    visitor.name = _text(claims.get("name"), 150) or visitor.name
    visitor.email = _text(claims.get("email"), 254) or visitor.email
    visitor.save(update_fields=["subject", "name", "email"])
    who = {"contact_id": str(visitor.pk), "subject": visitor.subject, "name": visitor.name, "email": visitor.email}
    events.of_site(visitor.site, "contact.identified", who)


def _new(site: Site) -> Visitor:
    person = Person(id=uuid7(), is_guest=True)
    person.username = f"visitor-{person.id}"
    person.set_unusable_password()
    person.save(force_insert=True)
    return Visitor.objects.create(person=person, site=site, seen_at=timezone.now())


def _new_token(visitor: Visitor, *, is_identified: bool) -> str:
    token = secrets.token_urlsafe(32)
    VisitorToken.objects.create(sha256=sha256_of(token), visitor=visitor, is_identified=is_identified)
    return token


def _hand_over(nobody: Visitor, known: Visitor) -> None:
    """Cases first: they would go with the visitor's row, which goes with the guest's."""
    Case.objects.filter(visitor=nobody).update(visitor=known)
    Attachment.objects.filter(uploader_id=nobody.pk).update(uploader_id=known.pk)
    adopt_guest(nobody.person, known.person)


def _claims(site: Site, identity: str) -> dict[str, Any]:
    """What the site says of its visitor. The algorithm is ours to choose, never the identity's (RFC 8725, 3.1)."""
    problem: Exception | None = None
    for secret in _secrets(site):
        try:
            claims: dict[str, Any] = jwt.decode(
                identity,
                secret,
                algorithms=["HS256"],
                audience=str(site.id),
                leeway=CLOCK_SKEW,
                options={"require": ["sub", "aud", "exp", "jti"]},
            )
        except jwt.InvalidSignatureError as error:
            problem = error
            continue
        except jwt.InvalidTokenError as error:
            raise AssistantError("visitor.identity_invalid", reason=str(error).lower()) from None
        _refuse_odd(claims)
        return claims
    raise AssistantError("visitor.identity_invalid", reason=str(problem or "the site has no secret").lower())


def _refuse_odd(claims: dict[str, Any]) -> None:
    for name, longest in (("sub", 200), ("jti", 100)):
        if not isinstance(claims[name], str) or not 0 < len(claims[name]) <= longest:
            raise AssistantError("visitor.identity_invalid", reason=f"{name} must be a text of 1 to {longest} letters")
    if claims["exp"] > (timezone.now() + LONGEST_IDENTITY + CLOCK_SKEW).timestamp():
        raise AssistantError("visitor.identity_invalid", reason="exp lies more than 15 minutes ahead")


def _secrets(site: Site) -> list[str]:
    sealed = [site.identity_secret]
    if site.previous_secret_until and site.previous_secret_until > timezone.now():
        sealed.append(site.previous_secret)
    return [unseal(secret) for secret in sealed if secret]


def _is_used(site: Site, claims: dict[str, Any]) -> bool:
    """Under the site's lock. What has expired is refused by its time and need not be remembered."""
    UsedIdentity.objects.filter(site=site, expires_at__lt=timezone.now() - CLOCK_SKEW).delete()
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    _, is_new = UsedIdentity.objects.get_or_create(site=site, jti=claims["jti"], defaults={"expires_at": expires_at})
    return not is_new


def _text(value: object, longest: int) -> str:
    return " ".join(value.split())[:longest] if isinstance(value, str) else ""


def _ticket_key(ticket: str) -> str:
    return f"parley:ticket:{sha256_of(ticket)}"


def visitor_of(person_id: UUID) -> Visitor:
    """Raises visitor.unknown."""
    visitor = Visitor.objects.select_related("site").filter(pk=person_id).first()
    if visitor is None:
        raise AssistantError("visitor.unknown")
    return visitor
