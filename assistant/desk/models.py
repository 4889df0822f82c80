"""What the support desk keeps: sites and their visitors, the case of each conversation, and how it changed hands.

Who answers a conversation stands in its row (`Conversation.mode`), because the layers below have to know it; only
`handoff` changes it. A visitor is a Person without password or cookie, so that consent, feedback, limits, export and
erasure are those of everybody else.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from assistant.append_only import AppendOnly


class Team(models.Model):
    """Whoever is a member answers the visitors of the team's sites; nobody else but admins sees these."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="teams", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A place on the web where the widget stands. Its id is public: it says which site, and proves nothing."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="sites")
    is_enabled = models.BooleanField(default=True)
    # "https://shop.example", scheme, host and port: pages of nowhere else may show the widget. Empty: none.
    allowed_origins = models.JSONField(default=list, blank=True)
    # How it looks and what it says; desk/site_settings.py says what may stand in these.
    theme = models.JSONField(default=dict, blank=True)
    texts = models.JSONField(default=dict, blank=True)  # by language: greeting, launcher, suggestions
    hours = models.JSONField(default=list, blank=True)  # when somebody is there; empty: always
    time_zone = models.CharField(max_length=64, default="UTC")
    pre_chat = models.JSONField(default=list, blank=True)  # the fields asked for before the first message
    asks_training_consent = models.BooleanField(default=False)
    has_offline_form = models.BooleanField(default=True)
    # What signs the visitors' identities, encrypted; the one before it holds until its time has come.
    identity_secret = models.TextField(blank=True)
    previous_secret = models.TextField(blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    is_identity_required = models.BooleanField(default=False)
    # What answers: as in Conversation.
    model_choice = models.CharField(max_length=36, blank=True)
    system_message = models.TextField(blank=True)
    # When the assistant hands over by itself; desk/site_settings.py.
    handoff_rules = models.JSONField(default=dict, blank=True)
    retention_days = models.PositiveIntegerField(default=365)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class Visitor(models.Model):
    """Somebody on a site: nobody knows who, until the site signs it."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="visitor"
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="visitors")
    # What the site calls this person, signed. What a visitor typed into a form proves nothing and stands below.
    subject = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(blank=True)
    fields = models.JSONField(default=dict, blank=True)
    locale = models.CharField(max_length=20, blank=True)
    last_page = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "subject"], name="one_visitor_per_subject", condition=~Q(subject="")
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)  # not the name: this is what logs show


class VisitorToken(models.Model):
    """Lets a browser act for a visitor. Only its hash is kept; identifying oneself makes a new one."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    visitor = models.ForeignKey(Visitor, on_delete=models.CASCADE, related_name="tokens")
    # That the site has signed who this is: where it demands that, nothing else opens a conversation.
    is_identified = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(auto_now_add=True)


class UsedIdentity(models.Model):
    """A signed identity that has been shown: it opens nothing twice (`jti`)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    jti = models.CharField(max_length=100)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "jti"], name="one_use_per_identity")]


class Label(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=50)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="one_label_per_name")]

    def __str__(self) -> str:
        return self.name


class Case(models.Model):
    """What the desk knows of a visitor's conversation. Whether it waits, is with a person or resolved stands in the
    conversation's `mode`."""

    conversation = models.OneToOneField(
        "assistant.Conversation", on_delete=models.CASCADE, primary_key=True, related_name="case"
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="cases")
    visitor = models.ForeignKey(Visitor, on_delete=models.CASCADE, related_name="cases")
    # The conversation's, once more: the inbox filters and sorts by both in one index. Only handoff writes it.
    mode = models.CharField(max_length=9, default="assistant")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="cases"
    )
    labels = models.ManyToManyField(Label, related_name="cases", blank=True)
    # Since when nobody of the desk has answered the visitor's newest message; null: nobody waits.
    waiting_since = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    handoff_reason = models.CharField(max_length=20, blank=True)
    # The last thing said by anybody: what the list shows and sorts by.
    preview = models.CharField(max_length=200, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    page = models.CharField(max_length=2000, blank=True)
    first_reply_at = models.DateTimeField(null=True, blank=True)  # of a person of the desk
    resolved_at = models.DateTimeField(null=True, blank=True)
    # What the visitor says of it at the end, 1 to 5.
    satisfaction = models.PositiveSmallIntegerField(null=True, blank=True)
    satisfaction_comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["site", "mode", "-last_message_at"], name="case_by_mode"),
            models.Index(fields=["assignee", "mode", "-last_message_at"], name="case_by_assignee"),
            models.Index(fields=["site", "waiting_since"], name="case_by_waiting"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class CaseRead(models.Model):
    """Until when an agent has read a case."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="reads")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    read_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "agent"], name="one_read_per_agent")]


class HandoffEvent(AppendOnly):
    """That a conversation changed hands: by whom, from and to what, and why. Analytics count these."""

    class Reason(models.TextChoices):
        ASKED = "asked"  # the visitor wants a person
        RULE = "rule"  # words that the site hands over for
        UNSURE = "unsure"  # nothing approved was near, or the reply failed
        NEGATIVE = "negative"  # the visitor is unhappy
        TAKEN = "taken"  # somebody of the desk took it
        RETURNED = "returned"  # given back to the assistant
        RESOLVED = "resolved"
        REOPENED = "reopened"  # the visitor wrote again

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="handoffs")
    from_mode = models.CharField(max_length=9)
    to_mode = models.CharField(max_length=9)
    mode_version = models.PositiveIntegerField()
    reason = models.CharField(max_length=10, choices=Reason.choices)
    # Null: the visitor, or a rule.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["case", "at"], name="handoff_by_case")]
        constraints = [models.UniqueConstraint(fields=["case", "mode_version"], name="one_handoff_per_version")]


class Alert(models.Model):
    """That somebody was told of a visitor who waits or of a snooze that is over, or that the visitor was given the form
    for an e-mail instead."""

    class Channel(models.TextChoices):
        DESK = "desk"
        EMAIL = "email"
        WEBHOOK = "webhook"
        FORM = "form"

    class Reason(models.TextChoices):
        WAITS = "waits"
        RETURNED = "returned"  # what was snoozed is open again

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="alerts")
    mode_version = models.PositiveIntegerField()
    channel = models.CharField(max_length=7, choices=Channel.choices)
    reason = models.CharField(max_length=8, choices=Reason.choices, default=Reason.WAITS, db_default=Reason.WAITS)
    at = models.DateTimeField(auto_now_add=True)


class Outgoing(models.Model):
    """What is on its way to a server that may be away: the outbox, and afterwards the log (desk/outbox.py)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"  # given up; may be sent again by hand

    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class AlertMail(Outgoing):
    """The e-mail of an alert. To whom it goes is asked when it goes."""

    alert = models.OneToOneField(Alert, on_delete=models.CASCADE, related_name="mail")

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="alert_mail_by_due")]


class Note(models.Model):
    """What agents tell each other about a case. Never a Message: no visitor, no model and no example ever sees it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    text = models.TextField()
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="mentioned_in", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)


class CannedReply(models.Model):
    """A text that agents send often, found by typing "/" and its name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="canned_replies")
    name = models.SlugField(max_length=40)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="one_canned_reply_per_name")]

    def __str__(self) -> str:
        return self.name


class Attachment(models.Model):
    """A file of a visitor or an agent, checked before it was kept; it lies under its id, never under its name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey("assistant.Conversation", on_delete=models.CASCADE, related_name="attachments")
    # Null until the message is sent that it belongs to.
    message = models.ForeignKey("assistant.Message", on_delete=models.CASCADE, null=True, related_name="attachments")
    # Null: an agent who was erased since, and left what was sent.
    uploader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=50)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

    def __str__(self) -> str:
        return str(self.pk)


class Webhook(models.Model):
    """An address that is told what happens on a site."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    # What signs, encrypted; the one before it signs too until its time has come.
    secret = models.TextField()
    previous_secret = models.TextField(blank=True, default="")
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    events = models.JSONField(default=list)  # names; empty: all
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.pk)


class Delivery(Outgoing):
    """One event for one webhook."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=50)
    payload = models.JSONField()
    # Whom and what the payload quotes: it is erased with them.
    visitor = models.ForeignKey(Visitor, on_delete=models.CASCADE, null=True, related_name="+")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["state", "due_at"], name="delivery_by_due"),
            models.Index(fields=["webhook", "-created_at"], name="delivery_by_webhook"),
        ]


class Turn(models.Model):
    """What analytics know of one message of a visitor: its mood and topic. Computed in the worker."""

    message = models.OneToOneField("assistant.Message", on_delete=models.CASCADE, primary_key=True, related_name="+")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="turns")
    sentiment = models.FloatField()  # -1 to 1
    # What it is about: the approved answer whose question is nearest; null where none is near.
    passage = models.ForeignKey("assistant.Passage", on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(db_index=True)


class Surge(models.Model):
    """That on one day more of a site's conversations were negative than chance explains; desk/surges.py."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="surges")
    day = models.DateField()  # UTC
    negative = models.PositiveIntegerField()
    conversations = models.PositiveIntegerField()
    usual = models.FloatField()  # the share that was to be expected at most
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "day"], name="one_surge_per_day")]
