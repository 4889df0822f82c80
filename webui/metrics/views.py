"""`/metrics`: everything that a monitor may know, in the text format of Prometheus. It answers whatever is broken, and
says what."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

import redis
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from assistant.metrics import counts, engines
from assistant.monitoring import ProductState, product_state
from webui.metrics import families
from webui.metrics.access import may_read

log = logging.getLogger(__name__)

# However many scrape, the database is asked no more often.
KEPT_S = 5.0

_lock = threading.Lock()
_state: tuple[float, ProductState | None] = (0.0, None)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Without permission it looks like an address that is not there."""
    if not may_read(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Product())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    answer = HttpResponse(encode(registry), content_type=content_type)
    add_never_cache_headers(answer)
    return answer


class _Product(Collector):
    def collect(self) -> Iterable[Metric]:
        yield from families.of_process()
        try:
            counts.flush()
            counted, reports = counts.read(), engines.reports()
        except redis.RedisError:
            yield families.reachable("redis", False)
        else:
            yield families.reachable("redis", True)
            yield from families.of_counts(counted)
            yield from families.of_engines(reports)
        state = _product_state()
        yield families.reachable("database", state is not None)
        if state:
            yield from families.of_product(state)


def _product_state() -> ProductState | None:
    """A look at the database that is at most KEPT_S old; None while it does not answer."""
    global _state
    with _lock:
        asked_at, state = _state
        if time.monotonic() - asked_at >= KEPT_S or not asked_at:
            try:
                state = product_state()
            except (DatabaseError, InterfaceError) as error:
                log.warning("the database does not answer; its metrics are left out: %s", str(error).strip())
                state = None
            _state = time.monotonic(), state
        return state
