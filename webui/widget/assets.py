"""What the frame loads: the chat page's own modules, with another way to the server, and what only the frame has."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage

from webui.assets import MARKDOWN, MODULES
from webui.page_texts import PAGE_TEXTS
from webui.widget.texts import WIDGET_TEXTS

# Of the chat page; what is not named here the frame does not have.
SHARED = (
    *("texts", "storage", "kept", "outbox"),
    *("chat_composer", "chat_message", "chat_transcript", "conversation_view", "conversation_window"),
    *("feedback_buttons", "feedback_panel", "message_queue", "scroll_manager", "stream_client"),
    *("chosen_files", "highlighting", "formula", "highlight", "temml", "dompurify"),
    *MARKDOWN,
)
OWN = (
    *("widget_frame", "widget_chat", "widget_api", "widget_client", "widget_host", "widget_token"),
    *("widget_forms", "widget_files", "widget_look", "widget_keys", "widget_mode", "widget_typing", "widget_unread"),
)
# What the shared modules say; the rest of the chat page's texts no visitor hears.
SHARED_TEXTS = (
    *("answering", "answer_ready", "send", "stop", "unread", "copied", "copy_failed", "request_failed"),
    *("too_long", "image_from", "task_done", "task_open", "tell_more", "your_feedback"),
    *("offline", "reconnecting", "server_restarts", "session_ended", "too_many_pages"),
    *("waiting", "waiting_ahead", "model_starting", "no_worker"),
)


def widget_assets() -> dict[str, Any]:
    """Context for webui/_modules.html. `api` is the frame's own: the shared modules ask it as they ask the page's."""
    files = {name: MODULES[name] for name in SHARED} | {name: f"webui/widget/{name}.js" for name in OWN}
    files["api"] = files["widget_api"]
    return {
        "modules": {name: staticfiles_storage.url(file) for name, file in files.items()},
        "page_texts": {name: PAGE_TEXTS[name] for name in SHARED_TEXTS} | WIDGET_TEXTS,
    }
