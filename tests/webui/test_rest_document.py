"""The desk for programs answers as its document says, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings
from schemathesis import checks

from assistant.accounts import api_keys
from assistant.models import Person, Visitor
from tests.assistant.desk.conftest import shop, visitor
from tests.assistant.desk.rows import say

__all__ = ["shop", "visitor"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/api/desk/v1"


@pytest.fixture
def key(alice: Person, visitor: Visitor) -> str:
    """It may do everything that can be done."""
    Person.objects.filter(pk=alice.pk).update(role=Person.Role.ADMIN)
    say(visitor)
    return api_keys.create(alice.id, "Tests", by=None)


@pytest.fixture
def schema(key: str) -> Any:
    return schemathesis.openapi.from_wsgi(f"{AT}/openapi.json", get_wsgi_application())


@schemathesis.pytest.from_fixture("schema").parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_sent_makes_it_fail_or_say_what_the_document_does_not(case: Any, key: str) -> None:
    case.call_and_validate(
        headers={"Authorization": f"Bearer {key}"},
        checks=[
            checks.not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_headers_conformance,
            checks.response_schema_conformance,
        ],
    )
