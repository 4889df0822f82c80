"""What a page with JavaScript names in its head, and what the JavaScript says to people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage

from webui.page_texts import PAGE_TEXTS

MODULES = sorted(file.stem for file in (Path(__file__).parent / "static" / "webui" / "js").glob("*.js"))


def assets() -> dict[str, Any]:
    """Context for webui/_modules.html."""
    return {
        # Bare module names -> hashed addresses, so that browsers may keep each file for ever.
        "modules": {name: staticfiles_storage.url(f"webui/js/{name}.js") for name in MODULES},
        "page_texts": PAGE_TEXTS,
    }
