"""How many sockets this process holds for each person and each address, so that nobody takes the room of all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings

GiveWay = Callable[[], None]

_of_person: defaultdict[UUID, list[GiveWay]] = defaultdict(list)
_of_address: Counter[str] = Counter()


def count() -> int:
    return _of_address.total()


def is_full(address: str) -> bool:
    return settings.LIMITS and _of_address[address] >= settings.SOCKETS_PER_PERSON * settings.PEOPLE_PER_ADDRESS


@contextmanager
def hold(person_id: UUID, address: str, give_way: GiveWay) -> Iterator[None]:
    """Count a socket while inside. The person's oldest gives way to it: after a broken connection the oldest may be
    dead without anybody having noticed, and a person must not be kept out by it."""
    of_person = _of_person[person_id]
    of_person.append(give_way)
    _of_address[address] += 1
    if settings.LIMITS and len(of_person) > settings.SOCKETS_PER_PERSON:
        of_person.pop(0)()
    try:
        yield
    finally:
        if give_way in of_person:
            of_person.remove(give_way)
        _of_address[address] -= 1
        if not of_person:
            _of_person.pop(person_id, None)
        if not _of_address[address]:
            del _of_address[address]
