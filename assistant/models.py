"""Re-exports, so that Django sees one app."""

from assistant.accounts.models import ConsentChange, Person
from assistant.adapters.models import Adapter
from assistant.audit.models import AuditEvent, AuditHead
from assistant.chat.models import Conversation, Folder, Generation, Message, RetrievedPassage, SearchText, Worker
from assistant.feedback.models import Comparison, Feedback, FeedbackEvent, Review
from assistant.finetuning.models import DatasetSnapshot, ErasureReceipt, Example, SnapshotItem
from assistant.finetuning.runs.models import EvaluationRun, TrainingRun
from assistant.knowledge.models import Passage
from assistant.rollout.models import Rollout
from assistant.sharing.models import ShareLink

__all__ = [
    "Adapter",
    "AuditEvent",
    "AuditHead",
    "Comparison",
    "ConsentChange",
    "Conversation",
    "DatasetSnapshot",
    "ErasureReceipt",
    "EvaluationRun",
    "Example",
    "Feedback",
    "FeedbackEvent",
    "Folder",
    "Generation",
    "Message",
    "Passage",
    "Person",
    "RetrievedPassage",
    "Review",
    "Rollout",
    "SearchText",
    "ShareLink",
    "SnapshotItem",
    "TrainingRun",
    "Worker",
]
