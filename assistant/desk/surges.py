"""Whether more of today's conversations are negative than chance explains. Looked at again and again, so the test
must bear that: an e-process, which a site whose visitors are as content as ever brings to THRESHOLD on at most one of
365 days, however often it is looked at (Ville's inequality).

Counted are conversations, not messages: one angry visitor who writes ten lines is one.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from assistant.desk import events
from assistant.desk.models import Site, Surge, Turn
from assistant.desk.sentiment import NEGATIVE

THRESHOLD = 365.0
USUAL_DAYS = 28
# With fewer to compare with nothing is said.
LEAST_CONVERSATIONS = 30
# One-sided 97.5 %: what is usual is known from few conversations, and is taken for as bad as it may well be.
Z = 1.96


def look(site_id: UUID, day: date) -> Surge | None:
    """Write down, once for a site and a day, that it has a surge, and tell its webhooks."""
    if Surge.objects.filter(site=site_id, day=day).exists():
        return None
    negative, conversations = _counted(site_id, day, day + timedelta(days=1))
    before, of_before = _counted(site_id, day - timedelta(days=USUAL_DAYS), day)
    if of_before < LEAST_CONVERSATIONS or not negative:
        return None
    usual = at_most(before, of_before)
    if e_value(negative, conversations, usual) < THRESHOLD:
        return None
    with transaction.atomic():
        found = {"negative": negative, "conversations": conversations, "usual": usual}
        surge, is_new = Surge.objects.get_or_create(site_id=site_id, day=day, defaults=found)
        if is_new:
            events.of_site(Site.objects.get(pk=site_id), "sentiment.surge", {"day": day.isoformat(), **found})
    return surge if is_new else None


def e_value(negative: int, conversations: int, usual: float) -> float:
    """Evidence that a conversation is negative with a probability above `usual`, 0 < usual < 1: the likelihood ratio,
    averaged over all higher probabilities alike. Below every probability up to `usual` its mean is at most 1.

    The integral of p^k (1-p)^(n-k) over p > usual is B(k+1, n-k+1) P(Binomial(n+1, usual) <= k) (DLMF 8.17.5).
    """
    k, n = negative, conversations
    log_beta = math.lgamma(k + 1) + math.lgamma(n - k + 1) - math.lgamma(n + 2)
    terms = [_log_binomial(n + 1, j, usual) for j in range(k + 1)]
    log_tail = max(terms) + math.log(sum(math.exp(term - max(terms)) for term in terms))
    log_ratio = log_beta + log_tail - math.log1p(-usual) - k * math.log(usual) - (n - k) * math.log1p(-usual)
    return math.exp(min(700.0, log_ratio))


def at_most(negative: int, conversations: int) -> float:
    """The upper end of Wilson's interval (1927) for a share."""
    n, share = conversations, negative / conversations
    middle = share + Z * Z / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return min(1 - 1e-9, (middle + spread) / (1 + Z * Z / n))


def _log_binomial(n: int, k: int, p: float) -> float:
    log_choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return log_choose + k * math.log(p) + (n - k) * math.log1p(-p)


def _counted(site_id: UUID, since: date, until: date) -> tuple[int, int]:
    """Conversations with a negative message, and all in which something was read, by days of UTC."""
    begin, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (since, until))
    lowest = (
        Turn.objects.filter(case__site=site_id, at__gte=begin, at__lt=end).values("case").annotate(low=Min("sentiment"))
    )
    return lowest.filter(low__lte=NEGATIVE).count(), lowest.count()
