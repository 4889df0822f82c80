"""One socket of one agent at the desk: hints of the cases they may see, replies in these, and who else looks at the
open one. What agents write goes over HTTP (webui/api/desk.py), where it can wait while the connection is broken."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError

from assistant.accounts.models import Person
from assistant.desk import access, drafts, presence
from webui import protocol
from webui.consumers import ChatConsumer

LOOK_EVERY_S = 1.0
# Well within the time after which presence fades (assistant/desk/presence.py).
SAY_EVERY_S = 5.0


class DeskConsumer(ChatConsumer):
    frames = protocol.OF_DESK
    watching: asyncio.Task[None] | None = None
    looks_at: UUID | None = None
    visitor_id: UUID | None = None
    is_typing = False
    said_at = 0.0

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self.looks_at:
            await asyncio.to_thread(presence.look_away, self.looks_at, self.person_id)

    async def admitted(self) -> UUID | None:
        person_id = await super().admitted()
        is_agent: bool = person_id is not None and await database_sync_to_async(access.is_agent)(self.scope["user"])
        return person_id if is_agent else None

    async def is_still_admitted(self) -> bool:
        return await super().is_still_admitted() and await database_sync_to_async(self._may_still_look)()

    def _may_still_look(self) -> bool:
        """Whoever has left the team goes from its cases with the next look at the session."""
        agent = Person.objects.get(pk=self.person_id)
        sees = self.looks_at is None or access.cases_of(agent).filter(pk=self.looks_at).exists()
        return sees and access.is_agent(agent)

    async def _do(self, frame: protocol.AnyFrame) -> None:
        match frame:
            case protocol.LookAtCase():
                await self._look_at(frame.conversation_id, frame.is_typing)
            case protocol.Follow():
                await database_sync_to_async(access.generation_of)(self.person_id, frame.generation_id)
                self._follow(frame.generation_id, frame.after_seq)
            case protocol.Stop():
                await database_sync_to_async(drafts.stop)(self.person_id, frame.generation_id)

    async def _look_at(self, case_id: UUID | None, is_typing: bool) -> None:
        if case_id and case_id != self.looks_at:
            case = await database_sync_to_async(access.case_of)(self.person_id, case_id)
            self.visitor_id = case.visitor_id
        if self.looks_at and self.looks_at != case_id:
            await asyncio.to_thread(presence.look_away, self.looks_at, self.person_id)
        self.looks_at, self.is_typing, self.said_at = case_id, is_typing and case_id is not None, 0.0
        if self.watching is None:
            self.watching = asyncio.create_task(self._tell_who_looks())
            self.open.callback(self.watching.cancel)

    async def _tell_who_looks(self) -> None:
        """Say now and then that this agent is here, and tell the page whenever somebody else came, went or types."""
        told: Any = None
        names: dict[UUID, str] = {}
        while True:
            case_id = self.looks_at
            found = await asyncio.to_thread(self._say_and_look)  # Redis may hang
            with suppress(OperationalError, InterfaceError):  # a moment later, when the database is back
                if unknown := {each.person_id for each in found} - names.keys():
                    names |= await database_sync_to_async(_names_of)(unknown)
            known = [each for each in found if each.person_id in names]
            agents = [(names[each.person_id], each.is_typing) for each in known if each.person_id != self.visitor_id]
            writes = any(each.is_typing for each in known if each.person_id == self.visitor_id)
            if case_id and case_id == self.looks_at and told != (case_id, agents, writes):
                told = case_id, agents, writes
                await self._send(protocol.case_presence(case_id, agents, visitor_is_typing=writes))
            await asyncio.sleep(LOOK_EVERY_S)

    def _say_and_look(self) -> list[presence.Looking]:
        if time.monotonic() - self.said_at > SAY_EVERY_S:
            self.said_at = time.monotonic()
            presence.arrive(self.person_id)
            if self.looks_at:
                presence.look(self.looks_at, self.person_id, is_typing=self.is_typing)
        if self.looks_at is None:
            return []
        return [each for each in presence.looking(self.looks_at) if each.person_id != self.person_id]


def _names_of(ids: set[UUID]) -> dict[UUID, str]:
    return {person.pk: person.name or str(person) for person in Person.objects.filter(pk__in=ids)}
