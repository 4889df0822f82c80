"""The desk for programs, under /api/desk/v1/: conversations, messages, contacts, sites, by an agent's API key."""

from webui.rest import contacts, conversations, sites
from webui.rest.core import api

for subject in (conversations, contacts, sites):
    api.add_router("", subject.router)

__all__ = ["api"]
