"""Re-exports, so that Django sees one app."""

from assistant.accounts.models import Person
from assistant.adapters.models import Adapter
from assistant.chat.models import Conversation, Generation, Message, Worker
from assistant.feedback.models import Feedback

__all__ = ["Adapter", "Conversation", "Feedback", "Generation", "Message", "Person", "Worker"]
