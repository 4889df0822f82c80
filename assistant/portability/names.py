"""Names that every file system takes, whatever people wrote."""

from __future__ import annotations

import re
import unicodedata


def safe(text: str) -> str:
    """Its letters and digits with single spaces between, at most 120 bytes; "" where it has none."""
    letters = (sign if unicodedata.category(sign)[0] in "LNM" else " " for sign in unicodedata.normalize("NFC", text))
    words = re.sub(r"\s+", " ", "".join(letters)).strip()
    return words.encode()[:120].decode(errors="ignore").strip()  # names are limited in bytes
