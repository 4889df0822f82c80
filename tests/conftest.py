"""Who is in the tests: alice owns, bob reviews, charlie has no access."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import translation
from uuid_utils.compat import uuid7

from assistant.chat import actions, stream
from assistant.chat.actions import Accepted
from assistant.models import Person
from assistant.runtime.valkey import EmbeddedValkey
from tests.postgresql import template_of_this_run
from tests.prepared import DATABASE, prepared_folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with a browser counts as failed when it fails twice (decision 28)."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What failed once is told whole: it is to be mended too."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"failed once: {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The tables are there already (see below), and go with the run's folder or server."""
    return True


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The test database begins as a copy of one whose tables were made once for the whole run."""
    database = connections.databases["default"]["TEST"]
    if connection.vendor == "postgresql":
        database["TEMPLATE"] = template_of_this_run()
    else:
        shutil.copy(prepared_folder() / DATABASE, database["NAME"])


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(settings.DATA_DIR / "valkey", settings.EMBEDDED_VALKEY_SOCKET) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty_valkey(request: pytest.FixtureRequest) -> None:
    if "valkey" in request.fixturenames or "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        request.getfixturevalue("valkey")
        stream.connection().flushall()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A request leaves its language behind with the thread, and the next test would read its errors in it."""
    yield
    translation.deactivate()


def _person(name: str, role: Person.Role = Person.Role.USER) -> Person:
    return Person.objects.create(username=name, email=f"{name}@example.org", role=role)


@pytest.fixture
def alice(db: None) -> Person:
    return _person("alice")


@pytest.fixture
def bob(db: None) -> Person:
    return _person("bob", Person.Role.REVIEWER)


@pytest.fixture
def charlie(db: None) -> Person:
    return _person("charlie")


def ask(
    person: Person,
    text: str = "Hello",
    *,
    conversation_id: UUID | None = None,
    parent_id: UUID | None = None,
    is_temporary: bool = False,
) -> Accepted:
    """Send a message as the page does."""
    return actions.send_message(
        person.id,
        client_message_id=uuid7(),
        conversation_id=conversation_id,
        parent_id=parent_id,
        text=text,
        is_temporary=is_temporary,
    )


@pytest.fixture
def asked(alice: Person) -> Accepted:
    """Alice's first message, whose reply waits for a worker."""
    return ask(alice)
