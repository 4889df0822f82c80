"""Files of visitors and agents: images and plain text. What is kept was recognised by its content and, if an image,
drawn anew, so that it holds nothing but the picture; it lies under its id and is only ever handed out as a download."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from assistant.chat.models import Conversation
from assistant.desk.access import cases_of
from assistant.desk.models import Attachment
from assistant.errors import AssistantError
from assistant.finetuning.erasure import counting

MAX_BYTES = 10 * 1024 * 1024
MAX_UNSENT = 20
UNSENT_KEPT = timedelta(days=1)
# So many at once hold up no reply.
AT_ONCE = 100
CHECK_TIMEOUT_S = 20
TEXT = "text/plain"
EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", TEXT: ".txt"}
# What shows a text from right to left, or hides: with U+202E, "photogpj.exe" is shown as "photoexe.jpg".
_DECEIVING = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
_IMAGE_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


def store(uploader_id: UUID, conversation: Conversation, name: str, data: bytes) -> Attachment:
    """Keep a file until the message is sent that it belongs to; whether the uploader may write there, the caller has
    asked. Raises attachment.too_large, attachment.not_taken, attachment.too_many."""
    if len(data) > MAX_BYTES:
        raise AssistantError("attachment.too_large", limit=MAX_BYTES // 1024**2)
    unsent = Attachment.objects.filter(conversation=conversation, uploader_id=uploader_id, message=None)
    if unsent.count() >= MAX_UNSENT:
        raise AssistantError("attachment.too_many", limit=MAX_UNSENT)
    media_type, kept = _checked(data)
    row = Attachment(
        conversation=conversation,
        uploader_id=uploader_id,
        name=_clean(name, EXTENSIONS[media_type]),
        media_type=media_type,
        size=len(kept),
        sha256=hashlib.sha256(kept).hexdigest(),
    )
    path = path_of(row.pk)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(kept)  # first the file: a row without one would be a promise that cannot be kept
    row.save(force_insert=True)
    return row


def attachment_of_visitor(person_id: UUID, attachment_id: UUID) -> Attachment:
    """One in a conversation of theirs, but for what an agent has not sent yet. Raises attachment.not_found."""
    is_shown = Q(message__isnull=False) | Q(uploader_id=person_id)
    rows = Attachment.objects.filter(is_shown, conversation__owner_id=person_id, conversation__deleted_at=None)
    return _found(rows.filter(pk=attachment_id).first())


def attachment_of_agent(agent: Any, attachment_id: UUID) -> Attachment:
    """One that was sent in a case of theirs. Raises attachment.not_found."""
    rows = Attachment.objects.filter(conversation__case__in=cases_of(agent), message__isnull=False)
    return _found(rows.filter(pk=attachment_id).first())


def by_message(message_ids: Iterable[UUID]) -> dict[UUID, list[Attachment]]:
    found: dict[UUID, list[Attachment]] = defaultdict(list)
    for row in Attachment.objects.filter(message__in=list(message_ids)).order_by("id"):
        assert row.message_id is not None
        found[row.message_id].append(row)
    return found


def erase_unsent() -> None:
    """Erase files that were chosen long ago and never sent."""
    old = Attachment.objects.filter(message=None, created_at__lt=timezone.now() - UNSENT_KEPT)
    for row in old.order_by("id")[:AT_ONCE]:
        row.delete()


def read(row: Attachment) -> bytes:
    """Raises attachment.not_found when its file is gone."""
    try:
        return path_of(row.pk).read_bytes()
    except FileNotFoundError:
        raise AssistantError("attachment.not_found") from None


def path_of(attachment_id: UUID) -> Path:
    name = attachment_id.hex
    return Path(settings.DATA_DIR) / "attachments" / name[-2:] / name


@receiver(post_delete, sender=Attachment)
def _remove_file(sender: type[Attachment], instance: Attachment, **rest: Any) -> None:
    """Erasing a person, a conversation or a site reaches the files."""
    path = path_of(instance.pk)  # now: once it is deleted, an instance has no key any more
    transaction.on_commit(lambda: path.unlink(missing_ok=True))


@receiver(counting)
def _count(sender: object, *, theirs: Q, person_id: UUID | None, **rest: Any) -> dict[str, int]:
    """What an agent sent to others stays with these."""
    unsent = Q(uploader=person_id, message=None) if person_id else Q(pk__in=())
    return {"files": Attachment.objects.filter(theirs | unsent).count()}


def _found(row: Attachment | None) -> Attachment:
    if row is None:
        raise AssistantError("attachment.not_found")
    return row


def _checked(data: bytes) -> tuple[str, bytes]:
    """What it is, and what of it is kept. Raises attachment.not_taken."""
    if data.startswith(_IMAGE_BEGINNINGS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return _redrawn(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AssistantError("attachment.not_taken") from None
    if not text.strip() or any(unicodedata.category(sign) == "Cc" and sign not in "\t\n\r\f" for sign in text):
        raise AssistantError("attachment.not_taken")
    return TEXT, text.encode()


def _redrawn(data: bytes) -> tuple[str, bytes]:
    """In a process of its own with little memory and time: decoders of images have had holes, and a small file can be a
    vast picture."""
    command = [sys.executable, str(Path(__file__).with_name("image_redrawing.py"))]
    try:
        done = subprocess.run(  # noqa: S603 - our own file
            command, input=data, capture_output=True, timeout=CHECK_TIMEOUT_S, check=True, env={}
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise AssistantError("attachment.not_taken") from None
    media_type, _, kept = done.stdout.partition(b"\n")
    return media_type.decode("ascii"), kept


def _clean(name: str, extension: str) -> str:
    """What people call it, with the ending of what it is."""
    name = _DECEIVING.sub("", re.split(r"[/\\]", name)[-1])
    name = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C").strip(" .")
    stem = name.rpartition(".")[0] or name
    return f"{stem[:150] or 'file'}{extension}"
