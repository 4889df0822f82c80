"""A long conversation in a started product's database, written at once; typing it would take hours."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from uuid import UUID

from tests.product import ROOT, Product

REPLY = """## Tides

The **moon** pulls the sea; so does the *sun*, with half the force. See [NOAA](https://tidesandcurrents.noaa.gov).

1. **Spring tides** come with new and full moon.
2. **Neap tides** come between, when the forces stand at right angles.

| Port | High water | Range |
|:-----|:----------:|------:|
| Brest | 06:12 | 6.1 m |
| Saint-Malo | 08:40 | 11.9 m |

```python
def height(hours: float) -> float:
    return 1.5 * math.sin(2 * math.pi * hours / 12.42)
```

Take `height(3.1)` for the *highest* water, and do not trust it with a boat: wind and pressure move the sea as well, and
the shape of a bay may double what the moon began.
"""


def question(number: int) -> str:
    return f"Question {number}: what is a tide?"


def long_conversation(product: Product, person_id: str, messages: int) -> str:
    """The id of a new conversation of this person, half questions and half replies."""
    command = [sys.executable, "-m", "tests.seeding", person_id, str(messages)]
    done = subprocess.run(command, cwd=ROOT, env=product.environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write(person_id: UUID, messages: int) -> UUID:
    from assistant.models import Conversation, Generation, Message, Person

    person = Person.objects.get(pk=person_id)
    conversation = Conversation.objects.create(owner=person, title="Tides")
    rows: list[Message] = []
    for number in range(messages):
        is_question = number % 2 == 0
        rows.append(
            Message(
                conversation=conversation,
                parent=rows[-1] if rows else None,
                role=Message.Role.USER if is_question else Message.Role.ASSISTANT,
                author=person if is_question else None,
                text=question(number // 2) if is_question else REPLY,
            )
        )
    Message.objects.bulk_create(rows)
    sha256 = hashlib.sha256(REPLY.encode()).hexdigest()
    state = Generation.State.COMPLETED
    Generation.objects.bulk_create(
        Generation(
            reply=row, conversation=conversation, state=state, sampling={}, finish_reason="stop", text_sha256=sha256
        )
        for row in rows[1::2]
    )
    Conversation.objects.filter(pk=conversation.pk).update(head=rows[-1])
    return conversation.pk


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    print(write(UUID(sys.argv[1]), int(sys.argv[2])))
