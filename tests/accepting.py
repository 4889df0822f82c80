"""`python -m tests.accepting EMAIL`: this reviewer accepts everything that waits for them, in the installation that the
environment names."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    from assistant.feedback import reviews
    from assistant.models import Person

    reviewer = Person.objects.get(email=sys.argv[1])
    while review := reviews.take_next(reviewer.id):
        reviews.accept(reviewer.id, review.id)
