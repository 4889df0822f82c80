"""The evidence on an adapter: what its page says is what was found, and every figure leads to its cases."""

from __future__ import annotations

from django.test import Client

from assistant.models import Adapter, Person
from tests.webui.learned import _own_data, ada, adapter, computed, tiny_folder

__all__ = ["_own_data", "ada", "adapter", "computed", "tiny_folder"]


def browser_of(person: Person) -> Client:
    client = Client()
    client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return client


def test_the_figures_are_those_of_the_result(bob: Person, adapter: Adapter) -> None:
    page = browser_of(bob).get(f"/learning/adapters/{adapter.sha256[:12]}/").content.decode()

    [evaluation] = adapter.evaluation_runs.all()
    differences = [found for found in evaluation.result["findings"] if found["lo"] is not None]
    assert differences
    for found in differences:
        if found["metric"] not in ("tokens", "duration_ms"):
            assert f"{found['estimate']:+.3f} ({found['lo']:+.3f} to {found['hi']:+.3f})" in page
