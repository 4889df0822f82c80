"""What the layers above are told, so that this one need not know them."""

from __future__ import annotations

from django.dispatch import Signal

# In the transaction that erases a person (`person_id`) or conversations (`conversation_ids`), while all is still there.
erasing = Signal()
