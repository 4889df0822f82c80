"""What a conversation is made of. Messages form a tree by `parent`; a Generation is the attempt to write one reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


class Folder(models.Model):
    """A person's own place for conversations that belong together."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="folders")
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="one_folder_per_name")]

    def __str__(self) -> str:
        return self.name


class Conversation(models.Model):
    class Mode(models.TextChoices):
        ASSISTANT = "assistant"
        WAITING = "waiting"  # a person was asked for
        PERSON = "person"
        RESOLVED = "resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=200, blank=True)
    folder = models.ForeignKey(Folder, on_delete=models.SET_NULL, null=True, blank=True, related_name="conversations")
    # Not listed, searched, exported or learned from, and erased soon after its last message.
    is_temporary = models.BooleanField(default=False, db_default=False)
    # The conversation this one was copied from, to go on from there in another direction.
    forked_from = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="forks")
    # What an imported conversation was made from, so that the same file read again adds nothing.
    import_key = models.CharField(max_length=64, null=True, blank=True, editable=False)
    # The newest message of the branch the owner looks at; the path from it to the root is what is shown.
    head = models.ForeignKey("assistant.Message", on_delete=models.SET_NULL, null=True, related_name="+")
    # Nothing of a conversation enters a training example before its owner has consented, here and in person.
    training_consent_at = models.DateTimeField(null=True, blank=True)
    # How replies are asked for: what the owner changed of the defaults (chat/sampling.py), what the model is told
    # first in place of SYSTEM_MESSAGE, and who writes (adapters/registry.py).
    sampling = models.JSONField(default=dict, db_default=Value({}, models.JSONField()), blank=True)
    system_message = models.TextField(blank=True, default="", db_default="")
    model_choice = models.CharField(max_length=36, blank=True, default="", db_default="")
    # The canary that its first reply came under, and which arm it was given: that holds to its end or the canary's.
    rollout = models.ForeignKey("assistant.Rollout", on_delete=models.SET_NULL, null=True, related_name="conversations")
    arm = models.CharField(max_length=9, blank=True, default="", db_default="")
    # Of a visitor of a site. Who answers it then; only assistant.desk.handoff changes that, and each time counts up.
    site = models.ForeignKey("assistant.Site", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    mode = models.CharField(max_length=9, choices=Mode.choices, default=Mode.ASSISTANT, db_default=Mode.ASSISTANT)
    mode_version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Unread: answered after the owner last looked.
    answered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    pinned_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    # Hidden at once, erased by the sweeper when the time for a change of mind has passed.
    deleted_at = models.DateTimeField(null=True, blank=True, db_index=True)

    if TYPE_CHECKING:
        messages: RelatedManager[Message]

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-updated_at"], name="conversation_by_owner"),
            models.Index(fields=["updated_at"], name="temporary_conversations", condition=models.Q(is_temporary=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "import_key"],
                name="one_conversation_per_import_key",
                condition=models.Q(import_key__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.id)  # not the title: this is what logs and the admin show, and neither shows what people wrote

    @property
    def is_unread(self) -> bool:
        return self.answered_at is not None and (self.read_at is None or self.read_at < self.answered_at)


class _Shown(models.Manager["Message"]):
    """All but drafts: whoever reads messages without a thought of the desk must not meet one."""

    def get_queryset(self) -> models.QuerySet[Message]:
        return super().get_queryset().filter(is_draft=False)


class Message(models.Model):
    class Role(models.TextChoices):
        SYSTEM = "system"
        USER = "user"
        ASSISTANT = "assistant"
        AGENT = "agent"  # a person of the desk, `author`

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role.choices)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    # Chosen by the author's browser, so that a message sent twice is stored once.
    client_message_id = models.UUIDField(null=True, blank=True)
    # A reply's text stays empty until its generation has ended; until then it stands in the token log.
    text = models.TextField(blank=True)
    # Copied and imported messages keep the time at which they were written.
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When its author last changed a text that had been answered already.
    edited_at = models.DateTimeField(null=True, blank=True)
    # What the assistant would have said: a person had taken over before it was written. The desk sees it, nobody else.
    is_draft = models.BooleanField(default=False, db_default=False)

    objects = _Shown()
    including_drafts = models.Manager["Message"]()

    if TYPE_CHECKING:
        generation: Generation
        children: RelatedManager[Message]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["author", "client_message_id"], name="one_message_per_client_message_id")
        ]
        indexes = [models.Index(fields=["conversation", "id"], name="message_by_conversation")]

    def __str__(self) -> str:
        return f"{self.role} {self.id}"


class SearchText(models.Model):
    """The words of one title or message, as `search` compares them. The databases keep an index of their own beside
    this table (migration 0005); on SQLite by triggers, which a change of this table has to make again."""

    # The conversation's, kept here as well so that the words of one person are found among those of all.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="search_texts")
    # Null: the conversation's title.
    message = models.OneToOneField(Message, on_delete=models.CASCADE, null=True, related_name="search_text")
    body = models.TextField()
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(message=None), name="one_search_text_per_title"
            )
        ]
        indexes = [models.Index(fields=["owner", "-written_at", "-id"], name="search_text_by_owner")]

    def __str__(self) -> str:
        return self.body[:50]


class Worker(models.Model):
    """A running engine process. The id is new at every boot, so that a restarted host never inherits a lease."""

    class State(models.TextChoices):
        STARTING = "starting"
        READY = "ready"
        DRAINING = "draining"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.STARTING)
    engine = models.CharField(max_length=200, blank=True)
    base_model = models.CharField(max_length=500, blank=True)
    base_model_sha256 = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid} {self.state}"


class Generation(models.Model):
    """One attempt of an engine to write one assistant message. This row is the outbox and the lease:
    it is claimed by compare-and-set, every claim raises `fence`, and whoever holds an older fence is refused."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        COMPLETED = "completed"
        CANCELLED = "cancelled"
        FAILED = "failed"

    class Knowledge(models.TextChoices):
        """What approved answers had to do with a reply; settled when it is first claimed, for good."""

        UNSETTLED = ""
        UNASKED = "unasked"  # the person wants the model's own answer, or the installation does
        NONE = "none"
        CONTEXT = "context"  # the model had them before it
        SERVED = "served"  # the reply is one of them: no model wrote it
        OFFERED = "offered"  # the reply is some of them, of which one may fit: no model wrote it

    # No model wrote it: what people say of it is not about one.
    GIVEN = (Knowledge.SERVED, Knowledge.OFFERED)
    ACTIVE = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reply = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="generation")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="generations")

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    fence = models.PositiveIntegerField(default=0)
    worker = models.ForeignKey(Worker, on_delete=models.SET_NULL, null=True, related_name="generations")
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    # What it takes to write the same reply again
    sampling = models.JSONField()
    base_model = models.CharField(max_length=500, blank=True)
    base_model_sha256 = models.CharField(max_length=64, blank=True)
    adapter = models.ForeignKey("assistant.Adapter", on_delete=models.PROTECT, null=True, related_name="+")
    chat_template_sha256 = models.CharField(max_length=64, blank=True)
    prompt_sha256 = models.CharField(max_length=64, blank=True)
    prompt_tokens = models.PositiveIntegerField(null=True)
    dropped_messages = models.PositiveIntegerField(default=0)
    knowledge = models.CharField(max_length=8, choices=Knowledge.choices, blank=True, default="", db_default="")

    # Where it stands: what a worker needs when the token log is gone
    checkpoint_seq = models.PositiveIntegerField(default=0)
    checkpoint_token_ids = models.BinaryField(default=bytes)
    checkpoint_text = models.TextField(blank=True)

    # How it ended
    finish_reason = models.CharField(max_length=10, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    completion_tokens = models.PositiveIntegerField(default=0)
    text_sha256 = models.CharField(max_length=64, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    first_token_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Not partial: SQLite would not use it, since Django passes the states as parameters.
            models.Index(fields=["state", "created_at"], name="generation_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class RetrievedPassage(models.Model):
    """That a reply is an approved answer, or was written with it in view."""

    generation = models.ForeignKey(Generation, on_delete=models.CASCADE, related_name="sources")
    passage = models.ForeignKey("assistant.Passage", on_delete=models.CASCADE, related_name="uses")
    # The best first, from 0.
    rank = models.PositiveSmallIntegerField()
    score = models.FloatField()

    class Meta:
        ordering = ["rank"]
        constraints = [models.UniqueConstraint(fields=["generation", "rank"], name="one_passage_per_rank")]

    def __str__(self) -> str:
        return f"{self.passage_id} for {self.generation_id}"
