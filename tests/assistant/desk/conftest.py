"""Dora and Eve answer for the shop; Mallory is an agent of another team."""

from __future__ import annotations

import pytest

from assistant.models import Person, Site, Visitor
from tests.assistant.desk import rows


@pytest.fixture
def shop(db: None) -> Site:
    return rows.site()


@pytest.fixture
def visitor(shop: Site) -> Visitor:
    return rows.visitor(shop)


@pytest.fixture
def dora(shop: Site) -> Person:
    return rows.agent("dora", shop.team)


@pytest.fixture
def eve(shop: Site) -> Person:
    return rows.agent("eve", shop.team)


@pytest.fixture
def mallory(db: None) -> Person:
    return rows.agent("mallory", rows.site("Elsewhere").team)
