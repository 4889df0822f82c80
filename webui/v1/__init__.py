"""The front door for programs: what OpenAI's clients speak, answered on the same path as the page."""

from webui.v1 import chat, models, text
from webui.v1.core import api

for subject in (chat, models, text):
    api.add_router("", subject.router)

__all__ = ["api"]
