"""Run by `manage.py shell` for test_hostile_text.py: reads texts from stdin, writes them wherever a text can stand, and
prints the ids of the conversations."""

import json
import sys

from assistant.chat import search
from assistant.chat.stream import text_sha256
from assistant.models import Adapter, Conversation, Generation, Message, Person

told = json.load(sys.stdin)
texts = [text for share in told["shares"] for text in share]

# Titles, with nothing else in them; and conversations, one text after the other.
titles = [" ".join(text.split())[:200] for text in texts]
Conversation.objects.bulk_create(Conversation(owner_id=told["person_id"], title=title) for title in titles)
ids = []
for share in told["shares"]:
    conversation = Conversation.objects.create(owner_id=told["person_id"], title=share[0][:200])
    ids.append(str(conversation.pk))
    messages, generations = [], []
    parent = None
    for text in share:
        question = Message(conversation=conversation, parent=parent, role="user", text=text)
        reply = Message(conversation=conversation, parent=question, role="assistant", text=text)
        messages += [question, reply]
        generations.append(
            Generation(
                reply=reply,
                conversation=conversation,
                state="completed",
                finish_reason="stop",
                sampling={},
                text_sha256=text_sha256(text),
            )
        )
        parent = reply
    Message.objects.bulk_create(messages)
    Generation.objects.bulk_create(generations)
    search.index_messages(messages)
    conversation.head = parent
    conversation.save()

# What the admin shows: people and adapters that are called like that, and somebody who may look at them.
Person.objects.bulk_create(Person(username=f"hostile-{i}", email=t[:254], name=t[:150]) for i, t in enumerate(texts))
Adapter.objects.bulk_create(Adapter(name=t[:100], sha256=f"{i:064}") for i, t in enumerate(texts))
Person.objects.create_superuser("root", "root@example.org", told["password"])
print(json.dumps(ids))
