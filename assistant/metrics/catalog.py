"""What all processes count together: the only place with these metrics' names, labels and buckets.

Every label has few values, and none says anything of a person: no ids, paths, texts or addresses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter; with `bounds`, in seconds, a histogram."""

    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


REPLIES = Metric(
    "parley_replies",
    "Replies that ended. reason: what ended them (stop, length, cancelled), or the code of the failure.",
    ("outcome", "reason"),
)
REPLY_WAIT = Metric(
    "parley_reply_wait_seconds",
    "From the question to the moment in which a worker first took its reply.",
    bounds=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
FEEDBACK = Metric(
    "parley_feedback",
    "What people said of replies: thumbs, corrections, comparisons; given, changed or withdrawn; up, down, left …",
    ("kind", "verb", "value"),
)
REQUESTS = Metric(
    "parley_http_request_duration_seconds",
    "HTTP requests of all web processes, until their answer began. route: the pattern of the address.",
    ("route", "method", "status"),
    # Few, because each comes for each route, method and status.
    (0.01, 0.05, 0.25, 1.0, 5.0),
)
CATALOG = (REPLIES, REPLY_WAIT, FEEDBACK, REQUESTS)
