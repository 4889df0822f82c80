"""One socket of one person: authorises, takes frames, and follows replies. Holds no text and no queue.

The database and the token log know everything; this object may vanish at any moment and nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import InterfaceError, OperationalError
from django.utils import translation

from assistant.accounts.models import Person
from assistant.chat import actions, live_logs, queries
from assistant.chat.follow import follow
from assistant.errors import AssistantError
from webui import protocol
from webui.languages import language_of

log = logging.getLogger(__name__)

# A peer that does not take a frame for so long has gone, or reads too slowly to be worth a place.
SEND_TIMEOUT_S = 10.0
# More replies than one page shows at once.
MAX_FOLLOWED = 32


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        self.following: dict[UUID, asyncio.Task[None]] = {}
        self.changed: set[UUID | None] = set()
        self.has_changes = asyncio.Event()
        self.open = ExitStack()
        self.is_over = False
        self.sending = self.sent = 0
        person = self.scope["user"]
        # For all that this socket says: its task, and those it starts, have this context to themselves.
        translation.activate(language_of(self.scope))
        await self.accept()
        if not isinstance(person, Person):
            await self.close(protocol.CLOSE_NOT_SIGNED_IN)
            return
        self.person_id = person.id
        self.open.enter_context(live_logs.current().listen(person.id, self._note_change))
        for work in (self._send_hints(), self._watch_for_stillness()):
            self.open.callback(asyncio.create_task(work).cancel)

    async def disconnect(self, code: int) -> None:
        self._end_tasks()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None:
            problem = AssistantError("frame.invalid", reason="it is binary")
            await self._refuse(problem, None)
            return
        frame, ref, invalid = protocol.parse(text_data)
        if frame is None:
            assert invalid is not None
            await self._refuse(invalid, ref)
            return
        try:
            await self._do(frame)
        except AssistantError as problem:
            await self._refuse(problem, ref)
        except (OperationalError, InterfaceError) as problem:
            log.warning("the database does not answer: %s", problem)
            await self._refuse(AssistantError("database.unavailable"), ref)
        except Exception:
            log.exception("a %s frame failed", frame.type)
            await self._refuse(AssistantError("server.error"), ref)

    async def _do(self, frame: protocol.Frame) -> None:
        match frame:
            case protocol.SendMessage():
                accepted = await database_sync_to_async(actions.send_message)(
                    self.person_id,
                    client_message_id=frame.client_message_id,
                    conversation_id=frame.conversation_id,
                    parent_id=frame.parent_id,
                    text=frame.text,
                    is_temporary=frame.is_temporary,
                )
                await self._send(protocol.accepted(accepted))
                self._follow(accepted.generation_id, 0)
            case protocol.Regenerate():
                accepted = await database_sync_to_async(actions.regenerate)(self.person_id, frame.message_id)
                await self._send(protocol.accepted(accepted))
                self._follow(accepted.generation_id, 0)
            case protocol.Follow():
                # Without this look-up anybody could read any reply by its id.
                await database_sync_to_async(queries.generation_of)(self.person_id, frame.generation_id)
                self._follow(frame.generation_id, frame.after_seq)
            case protocol.Stop():
                await database_sync_to_async(actions.stop_generation)(self.person_id, frame.generation_id)

    def _follow(self, generation_id: UUID, after_seq: int) -> None:
        if before := self.following.pop(generation_id, None):
            before.cancel()
        if len(self.following) >= MAX_FOLLOWED:
            oldest = next(iter(self.following))
            self.following.pop(oldest).cancel()
        self.following[generation_id] = asyncio.create_task(self._send_reply(generation_id, after_seq))

    async def _send_reply(self, generation_id: UUID, after_seq: int) -> None:
        """Send a reply from a position to its end. It is read only as fast as the socket takes it."""
        while True:
            try:
                async for piece in follow(generation_id, after_seq):
                    await self._send(protocol.event(generation_id, piece))
                    after_seq = piece.seq
                break
            except AssistantError as problem:
                await self._refuse(problem, str(generation_id))
                break
            except (OperationalError, InterfaceError):
                await asyncio.sleep(1)  # the database is away; the log has been read to its end
            except Exception:
                log.exception("following generation %s failed", generation_id)
                await self._refuse(AssistantError("server.error"), str(generation_id))
                break
        if self.following.get(generation_id) is asyncio.current_task():
            del self.following[generation_id]

    def _note_change(self, conversation_id: UUID | None) -> None:
        self.changed.add(conversation_id)
        self.has_changes.set()

    async def _send_hints(self) -> None:
        while True:
            await self.has_changes.wait()
            self.has_changes.clear()
            while self.changed:
                await self._send(protocol.hint(self.changed.pop()))

    async def _refuse(self, problem: AssistantError, ref: str | None) -> None:
        await self._send(protocol.error(problem, ref))

    async def _send(self, frame: str) -> None:
        if self.is_over:
            return
        self.sending += 1
        try:
            await self.base_send({"type": "websocket.send", "text": frame})
        except OSError:  # the peer has gone; disconnect() follows
            self.is_over = True
            self._end_tasks()
        finally:
            self.sending -= 1
            self.sent += 1

    async def _watch_for_stillness(self) -> None:
        """End a socket whose peer takes nothing. One look now and then is cheaper than a time-out around each frame."""
        while True:
            sent_before = self.sent
            await asyncio.sleep(SEND_TIMEOUT_S)
            if self.sending and self.sent == sent_before:
                break
        self.is_over = True
        await self.close(protocol.CLOSE_TOO_SLOW)
        self._end_tasks()

    def _end_tasks(self) -> None:
        self.open.close()
        for task in self.following.values():
            task.cancel()
