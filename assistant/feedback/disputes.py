"""How approved answers fare with the people they are given to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from assistant.chat.models import Generation, RetrievedPassage
from assistant.feedback.models import Feedback

_GIVEN = Q(generation__knowledge=Generation.Knowledge.SERVED)
_DOWN = Q(generation__reply__feedback__rating=Feedback.Rating.DOWN)
# Of a Passage: somebody was given it and put the thumb down.
DISPUTED = Q(pk__in=RetrievedPassage.objects.filter(_GIVEN & _DOWN).values("passage"))


@dataclass(frozen=True, slots=True)
class Standing:
    given: int = 0
    thumbs_down: int = 0


def standings_of(passage_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """How often each was given, and how often the thumb was put down on it; without those that nobody was given."""
    rows = RetrievedPassage.objects.filter(_GIVEN, passage__in=passage_ids).order_by().values_list("passage")
    given = Count("generation", distinct=True)
    counted = rows.annotate(given=given, down=Count("generation__reply__feedback", filter=_DOWN))
    return {id_: Standing(given, down) for id_, given, down in counted}
