"""What a page with JavaScript names in its head, and what the JavaScript says to people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage

from webui import vendoring
from webui.page_texts import PAGE_TEXTS

# Bare module name -> static file: our own modules, and those of others.
MODULES = {
    **{file.stem: f"webui/js/{file.name}" for file in sorted((Path(__file__).parent / "static/webui/js").glob("*.js"))},
    **{name: f"webui/vendor/{name}.js" for name in vendoring.modules()},
}
# What reads Markdown, asked for with the page where there are messages, not when its scripts come to it.
MARKDOWN = ("rich_text", "markdown", "marked", "character_references", "formula_syntax", "code_block", "morph")


def assets() -> dict[str, Any]:
    """Context for webui/_modules.html."""
    return {
        # Bare module names -> hashed addresses, so that browsers may keep each file for ever.
        "modules": {name: staticfiles_storage.url(file) for name, file in MODULES.items()},
        "markdown_modules": [staticfiles_storage.url(MODULES[name]) for name in MARKDOWN],
        "page_texts": PAGE_TEXTS,
    }
