"""JSON over HTTP for the page; session cookie and CSRF token. A subject to a file; `core` is what they share."""

from webui.api import conversations, imports, me, messages, sharing
from webui.api.core import api

api.add_router("", conversations.router)
api.add_router("", imports.router)
api.add_router("", me.router)
api.add_router("", messages.router)
api.add_router("", sharing.router)

__all__ = ["api"]
