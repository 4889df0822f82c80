"""Writes about adapters: take one in from a folder, put one live, take it out again."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from django.db import transaction

from assistant.adapters.models import Adapter
from assistant.adapters.registry import folder_of
from assistant.errors import AssistantError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
SELF_CHECK = "self_check.json"
# What a LoRA of a very large model still stays under; a file above it is not an adapter.
MAX_BYTES = 4 * 1024**3


def import_adapter(source: Path, *, name: str, base_model_sha256: str, self_check: bytes = b"") -> Adapter:
    """Copy a PEFT adapter's two files into the store and register it as a candidate; the same weights twice are one
    adapter. What workers compare with (inference/self_check.py) is `self_check`, else the file beside the others, if
    there is one. Only safetensors are taken. Raises adapter.invalid."""
    weights, config, stored_check = source / WEIGHTS, source / CONFIG, source / SELF_CHECK
    files = [weights, config, *([stored_check] if stored_check.exists() and not self_check else [])]
    for file in files:
        if file.is_symlink() or not file.is_file():
            raise AssistantError("adapter.invalid", reason=f"{file.name} is missing from {source}")
        if file.stat().st_size > MAX_BYTES:
            raise AssistantError("adapter.invalid", reason=f"{file.name} is larger than 4 GiB")
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("peft_type")
    except (ValueError, AttributeError) as error:
        raise AssistantError("adapter.invalid", reason=f"{CONFIG} is not a JSON object") from error
    if kind != "LORA":
        raise AssistantError("adapter.invalid", reason=f"peft_type is {kind!r}, not 'LORA'")

    hashes = {file.name: _sha256_of(file) for file in files}
    sha256 = hashes[WEIGHTS]
    if known := Adapter.objects.filter(sha256=sha256).first():
        return known
    adapter = Adapter(name=name, sha256=sha256, base_model_sha256=base_model_sha256, files=hashes)
    folder = folder_of(adapter)
    folder.mkdir(parents=True, mode=0o700)
    for file in files:
        shutil.copyfile(file, folder / file.name)
    if self_check:
        (folder / SELF_CHECK).write_bytes(self_check)
        adapter.files[SELF_CHECK] = _sha256_of(folder / SELF_CHECK)
    adapter.save(force_insert=True)
    return adapter


@transaction.atomic
def put_live(adapter: Adapter | None) -> None:
    """Make this adapter answer from the next reply on (None = the base model); running replies keep theirs."""
    Adapter.objects.filter(state=Adapter.State.LIVE).update(state=Adapter.State.RETIRED)
    if adapter:
        Adapter.objects.filter(pk=adapter.pk).update(state=Adapter.State.LIVE)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
