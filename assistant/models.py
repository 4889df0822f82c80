"""Re-exports, so that Django sees one app."""

from assistant.accounts.models import ConsentChange, Person
from assistant.adapters.models import Adapter
from assistant.chat.models import Conversation, Folder, Generation, Message, SearchText, Worker
from assistant.feedback.models import Comparison, Feedback
from assistant.sharing.models import ShareLink

__all__ = [
    "Adapter",
    "Comparison",
    "ConsentChange",
    "Conversation",
    "Feedback",
    "Folder",
    "Generation",
    "Message",
    "Person",
    "SearchText",
    "ShareLink",
    "Worker",
]
