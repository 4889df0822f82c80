"""What the frame loads: the chat page's own modules, with another way to the server, and what only the frame has."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage

from webui.assets import MARKDOWN, MODULES
from webui.page_texts import PAGE_TEXTS
from webui.widget.texts import WIDGET_TEXTS

# Of the chat page; what is not named here the frame does not have.
SHARED = (
    *("texts", "storage", "kept", "outbox", "toast"),
    *("chat_composer", "chat_message", "chat_transcript", "conversation_view", "conversation_window"),
    *("feedback_buttons", "feedback_panel", "message_queue", "scroll_manager", "stream_client"),
    *("highlighting", "formula", "highlight", "temml"),
    *MARKDOWN,
)
OWN = (
    *("widget_frame", "widget_chat", "widget_api", "widget_client", "widget_host", "widget_token"),
    *("widget_forms", "widget_files", "widget_look"),
)


def widget_assets() -> dict[str, Any]:
    """Context for webui/_modules.html. `api` is the frame's own: the shared modules ask it as they ask the page's."""
    files = {name: MODULES[name] for name in SHARED} | {name: f"webui/widget/{name}.js" for name in OWN}
    files["api"] = files["widget_api"]
    used = {name: text for name, text in PAGE_TEXTS.items() if not name.startswith(("shortcut_", "start_", "ask_"))}
    return {
        "modules": {name: staticfiles_storage.url(file) for name, file in files.items()},
        "page_texts": {**used, **WIDGET_TEXTS},
    }
