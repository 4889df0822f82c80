"""JSON over HTTP for the page; session cookie and CSRF token. A subject to a file; `core` is what they share."""

from webui.api import (
    conversation_settings,
    conversations,
    desk,
    feedback,
    folders,
    imports,
    learning,
    me,
    messages,
    outcomes,
    reviews,
    search,
    sharing,
)
from webui.api.core import api

for subject in (
    *(conversations, conversation_settings, desk, feedback, folders, imports, learning),
    *(me, messages, outcomes, reviews, search, sharing),
):
    api.add_router("", subject.router)

__all__ = ["api"]
