"""Re-exports, so that Django sees one app."""

from assistant.accounts.models import ApiKey, ConsentChange, Person
from assistant.adapters.models import Adapter
from assistant.audit.models import AuditEvent, AuditHead
from assistant.chat.models import Conversation, Folder, Generation, Message, RetrievedPassage, SearchText, Worker
from assistant.desk.models import (
    Alert,
    AlertMail,
    Attachment,
    CannedReply,
    Case,
    CaseRead,
    Delivery,
    HandoffEvent,
    Label,
    Note,
    Site,
    Surge,
    Team,
    Turn,
    UsedIdentity,
    Visitor,
    VisitorToken,
    Webhook,
)
from assistant.feedback.models import Comparison, Feedback, FeedbackEvent, Review
from assistant.finetuning.models import DatasetSnapshot, ErasureReceipt, Example, RegressionCase, SnapshotItem
from assistant.finetuning.runs.models import EvaluationRun, LearningStart, RefusedQuestion, TrainingRun
from assistant.knowledge.models import Passage
from assistant.outcomes.models import AskedAgain
from assistant.rollout.models import Rollout, RolloutLook, ServingAck, ShadowAnswer
from assistant.sharing.models import ShareLink

__all__ = [
    "Adapter",
    "Alert",
    "AlertMail",
    "ApiKey",
    "AskedAgain",
    "Attachment",
    "AuditEvent",
    "AuditHead",
    "CannedReply",
    "Case",
    "CaseRead",
    "Comparison",
    "ConsentChange",
    "Conversation",
    "DatasetSnapshot",
    "Delivery",
    "ErasureReceipt",
    "EvaluationRun",
    "Example",
    "Feedback",
    "FeedbackEvent",
    "Folder",
    "Generation",
    "HandoffEvent",
    "Label",
    "LearningStart",
    "Message",
    "Note",
    "Passage",
    "Person",
    "RefusedQuestion",
    "RegressionCase",
    "RetrievedPassage",
    "Review",
    "Rollout",
    "RolloutLook",
    "SearchText",
    "ServingAck",
    "ShadowAnswer",
    "ShareLink",
    "Site",
    "SnapshotItem",
    "Surge",
    "Team",
    "TrainingRun",
    "Turn",
    "UsedIdentity",
    "Visitor",
    "VisitorToken",
    "Webhook",
    "Worker",
]
