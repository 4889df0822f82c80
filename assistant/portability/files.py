"""Finds the conversations in a file that somebody hands in. Hostile files are the rule here: whatever comes is bounded
in memory and ends in an import.* error, and one conversation after the other is decoded, never the whole file."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from assistant.errors import AssistantError

MB = 1024 * 1024
MAX_FILE_BYTES = 128 * MB
MAX_UNPACKED_BYTES = 512 * MB
MAX_RATIO = 100
# JSON values cost far more memory than their characters; a real export has one in twenty characters or fewer.
MAX_VALUES = 8_000_000

# ChatGPT's, also in parts, and those of our own ZIP.
_MEMBER = re.compile(r"(?:^|/)conversations(?:-\d+)?\.json$|^conversations/[^/]+\.json$")
_SPACE = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


def conversations_in(file: IO[bytes]) -> Iterator[Any]:
    """Every conversation, as JSON gives it, unchecked. Raises import.too_large, import.zip_unusable,
    import.nothing_found, import.not_json."""
    file.seek(0)
    is_zip = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    if is_zip:
        yield from _in_zip(file)
    else:
        yield from _in_json(_bounded(file.read(MAX_FILE_BYTES + 1)))


def _in_zip(file: IO[bytes]) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if _MEMBER.search(member.filename)]
            if not members:
                raise AssistantError("import.nothing_found")
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise _too_large()
            if any(member.file_size > MAX_RATIO * max(member.compress_size, 1) for member in members):
                raise AssistantError("import.zip_unusable")
            for member in members:
                with archive.open(member) as unpacked:  # which gives no more than the size it declares
                    data = _bounded(unpacked.read(MAX_FILE_BYTES + 1))
                yield from _in_json(data)
    # Damaged, encrypted (RuntimeError), or packed in a way that this Python does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError):
        raise AssistantError("import.zip_unusable") from None


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_FILE_BYTES or sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise _too_large()
    return data


def _too_large() -> AssistantError:
    return AssistantError("import.too_large", limit=MAX_FILE_BYTES // MB)


def _in_json(data: bytes) -> Iterator[Any]:
    """The object, or each object of the array."""
    try:
        text = data.decode("utf-8-sig")
        at = _skip(text, 0)
        is_list = text.startswith("[", at)
        at = _skip(text, at + 1) if is_list else at
        while not (is_list and text.startswith("]", at)):
            found, at = _decoder.raw_decode(text, at)
            yield found
            at = _skip(text, at)
            if not is_list:
                break
            if text.startswith(",", at):
                at = _skip(text, at + 1)
            elif not text.startswith("]", at):
                raise AssistantError("import.not_json")
        if _skip(text, at + is_list) != len(text):
            raise AssistantError("import.not_json")
    except (ValueError, RecursionError):  # not UTF-8, not JSON, numbers without end, or nested without end
        raise AssistantError("import.not_json") from None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
