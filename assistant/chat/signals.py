"""What the layers above are told, so that this one need not know them."""

from __future__ import annotations

from django.dispatch import Signal

# In the transaction that erases a person (`person_id`) or conversations (`conversation_ids`), while all is still there.
erasing = Signal()

# In the transaction that ends a reply, which holds the row of its `conversation`: the `message` with its text, perhaps
# a draft, and the `state` of its generation.
answered = Signal()

# When a worker has a reply before it and knows what approved answers have to do with it: the `generation`. Before a
# word of it is written, and again each time that a worker goes on with it.
settled = Signal()
