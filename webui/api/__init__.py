"""JSON over HTTP for the page; session cookie and CSRF token. A subject to a file; `core` is what they share."""

from webui.api import conversation_settings, conversations, feedback, folders, me, messages, search
from webui.api.core import api

api.add_router("", conversations.router)
api.add_router("", conversation_settings.router)
api.add_router("", feedback.router)
api.add_router("", folders.router)
api.add_router("", me.router)
api.add_router("", messages.router)
api.add_router("", search.router)

__all__ = ["api"]
