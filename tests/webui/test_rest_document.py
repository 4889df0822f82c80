"""The desk for programs answers as its document says, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from assistant.accounts import api_keys
from assistant.models import Person, Visitor
from tests.assistant.desk.conftest import shop, visitor
from tests.assistant.desk.rows import say

__all__ = ["shop", "visitor"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def test_nothing_sent_makes_it_fail_or_say_what_the_document_does_not(alice: Person, visitor: Visitor) -> None:
    """Each operation with made-up ids and with those of a conversation there is, by a key that may do everything."""
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)
    key = api_keys.create(alice.id, "Tests", by=None)
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
    known = {"conversation_id": say(visitor).conversation_id, "contact_id": visitor.pk, "site_id": visitor.site_id}
    document = schemathesis.openapi.from_wsgi("/api/desk/v1/openapi.json", get_wsgi_application())
    statuses: dict[str, set[int]] = {}

    operations = [found.ok() for found in document.get_all_operations()]
    for operation in sorted(operations, key=lambda each: each.method.upper() == "DELETE"):  # what is erased is gone

        @settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), is_known=st.booleans())
        def send(case: Any, is_known: bool) -> None:
            if is_known:
                case.path_parameters = {name: str(known[name]) for name in case.path_parameters or {}}
            answer = case.call_and_validate(headers=headers, checks=CHECKS)
            statuses.setdefault(case.operation.label, set()).add(answer.status_code)

        send()

    assert len(statuses) == 10
    assert {label: codes for label, codes in statuses.items() if not codes & {200, 201, 204}} == {}
