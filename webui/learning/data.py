"""Pages of what is learned from: examples that wait or are held, snapshots, and what was erased."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assistant.errors import AssistantError
from assistant.finetuning import examples, holding, listing, snapshots
from assistant.finetuning.models import Example
from assistant.finetuning.runs import queries
from webui.learning.charts import bars
from webui.learning.names import REASONS, SLICES, SOURCES, SPLITS, STATUSES, name_of
from webui.learning.pages import admin_of, done
from webui.workbench import show, staff_of

TAB = "learning_data"
SHOWN = ("held", "pending", "approved", "rejected")
# Of one reason that many at once; when they are released, the next come.
HELD_AT_ONCE = 50


@require_safe
@never_cache
def data(request: HttpRequest) -> HttpResponse:
    staff_of(request)
    counts = listing.example_counts()
    context = {
        "counts": [(status, name_of(STATUSES, status), counts[status]) for status in SHOWN],
        "page": listing.snapshots(request.GET.get("before")),
    }
    return show(request, TAB, "webui/learning/data.html", context)


@require_safe
@never_cache
def example_list(request: HttpRequest) -> HttpResponse:
    staff_of(request)
    status = request.GET.get("status", "")
    if status not in Example.Status.values:
        status = Example.Status.HELD
    context = {"status": status, "page": listing.examples(status, request.GET.get("before"))}
    return show(request, TAB, "webui/learning/examples.html", context)


@require_safe
@never_cache
def preview(request: HttpRequest) -> HttpResponse:
    """What a snapshot of this moment would hold, and what not, and why."""
    staff_of(request)
    planned = snapshots.plan()
    context = _readable(snapshots.manifest_of(planned)) | {"is_preview": True}
    return show(request, TAB, "webui/learning/snapshot.html", context)


@require_safe
@never_cache
def dropped(request: HttpRequest, why: str) -> HttpResponse:
    """The examples that a snapshot of this moment would leave out for one reason."""
    staff_of(request)
    ids = sorted(id_ for id_, reason in snapshots.plan().dropped.items() if reason == why)
    rows = Example.objects.in_bulk(ids[:HELD_AT_ONCE])
    context = {
        "why": why,
        "reason": name_of(REASONS, why),
        "total": len(ids),
        "examples": [rows[id_] for id_ in ids[:HELD_AT_ONCE] if id_ in rows],
        "can_be_released": why in holding.REASONS,
    }
    return show(request, TAB, "webui/learning/dropped.html", context)


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    person = admin_of(request)
    reason = request.POST.get("reason", "").strip()
    try:
        ids = [UUID(value) for value in request.POST.getlist("example")[:HELD_AT_ONCE]]
    except ValueError:
        raise AssistantError("request.unreadable") from None

    def work() -> None:
        if not reason:
            raise AssistantError("review.reason_missing")
        examples.release(person.id, ids, reason)

    return done(request, work, _("They may be learned from."), "learning_preview")


@require_POST
def build(request: HttpRequest) -> HttpResponse:
    person = admin_of(request)
    return done(request, lambda: snapshots.build(person.id), _("The snapshot is built."), "learning_data")


@require_safe
@never_cache
def snapshot(request: HttpRequest, sha256: str) -> HttpResponse:
    staff_of(request)
    this = listing.snapshot_named(sha256)
    context = _readable(this.manifest) | {
        "snapshot": this,
        "contributors": listing.contributors(this),
        "adapters": queries.adapters_from(this),
        "receipts": queries.receipts_of(this.sha256) if this.erased_at else [],
        "reach": queries.reach_of(this),
    }
    return show(request, TAB, "webui/learning/snapshot.html", context)


@require_safe
@never_cache
def receipts(request: HttpRequest) -> HttpResponse:
    staff_of(request)
    page = listing.receipts(request.GET.get("before"))
    return show(request, TAB, "webui/learning/receipts.html", {"page": page})


def _readable(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest as bars and rows."""
    kinds = list(dict.fromkeys(kind for counts in manifest["counts"].values() for kind in counts))
    sources = {name_of(SOURCES, name): weight for name, weight in manifest["weight_by_source"].items()}
    scripts = {name_of(SLICES, name): count for name, count in manifest.get("scripts", {}).items()}
    left_out = manifest["dropped"]
    reasons = bars({name_of(REASONS, why): row["count"] for why, row in left_out.items()})
    return {
        "manifest": manifest,
        "kinds": kinds,
        "splits": [
            (name_of(SPLITS, split), [counts.get(kind, 0) for kind in kinds], len(manifest["groups"][split]))
            for split, counts in manifest["counts"].items()
        ],
        "sources": bars(sources, "{:.1f}"),
        "scripts": bars(scripts),
        "dropped": list(zip(left_out, reasons, strict=True)),
    }
