"""One socket of one person: authorises, takes frames, and follows replies. Holds no text and no queue.

The database and the token log know everything; this object may vanish at any moment and nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import InterfaceError, OperationalError
from django.utils import translation
from pydantic import TypeAdapter

from assistant.accounts.models import Person
from assistant.accounts.queries import is_signed_in
from assistant.chat import actions, live_logs, queries
from assistant.chat.follow import follow
from assistant.chat.queue import Place
from assistant.errors import AssistantError
from assistant.limits import network_of
from webui import open_sockets, protocol
from webui.languages import language_of
from webui.limits import FrameLimit, admit_question

log = logging.getLogger(__name__)

# A peer that does not take a frame for so long has gone, or reads too slowly to be worth a place.
SEND_TIMEOUT_S = 10.0
# Whether the session still holds is looked at so often: each person at a pace of their own, and not all together.
SESSION_CHECKS_S = (30.0, 60.0)
# More replies than one page shows at once.
MAX_FOLLOWED = 32


class ChatConsumer(AsyncWebsocketConsumer):
    subprotocol: str | None = None
    frames: TypeAdapter[Any] = protocol.OF_CHAT

    async def connect(self) -> None:
        self.following: dict[UUID, asyncio.Task[None]] = {}
        self.changed: set[UUID | None] = set()
        self.has_changes = asyncio.Event()
        self.may_be_signed_out = asyncio.Event()
        self.open = ExitStack()
        self.frame_limit = FrameLimit()
        self.is_over = False
        self.sending = self.sent = 0
        self.query = parse_qs(self.scope["query_string"].decode("latin-1"))
        # For all that this socket says: its task, and those it starts, have this context to themselves.
        translation.activate(language_of(self.scope))
        person_id = await self.admitted()
        if person_id is None:
            await self._turn_away(protocol.CLOSE_NOT_SIGNED_IN)
            return
        self.person_id = person_id
        self.pace_s = protocol.pace_s(self.query)
        self.address = network_of((self.scope.get("client") or [None])[0])
        if open_sockets.is_full(self.address):
            await self._turn_away(protocol.CLOSE_TOO_OFTEN)
            return
        with ExitStack() as listening:
            logs = live_logs.current()
            listening.enter_context(logs.listen(person_id, self._note_change, self.may_be_signed_out.set))
            await logs.begin()
            # Not before: a page that is welcome reads what it missed, and is told of all that comes after.
            await self.accept(self.subprotocol)
            self.open.enter_context(listening.pop_all())
        self.open.enter_context(open_sockets.hold(person_id, self.address, self._give_way))
        for work in (self._send_welcome_and_hints(), self._watch_for_stillness(), self._watch_session()):
            self.open.callback(asyncio.create_task(work).cancel)

    async def _turn_away(self, code: int) -> None:
        """Accepted first: a browser tells its page no code of what was refused."""
        await self.accept(self.subprotocol)
        await self.close(code)

    async def admitted(self) -> UUID | None:
        """Who opens this socket; None to be sent away."""
        person = self.scope["user"]
        if not isinstance(person, Person) or not self._is_page_of(person):
            return None
        self.session_key: str = self.scope["session"].session_key
        return person.id

    async def is_still_admitted(self) -> bool:
        admitted: bool = await database_sync_to_async(is_signed_in)(self.person_id, self.session_key)
        return admitted

    async def disconnect(self, code: int) -> None:
        self._end_tasks()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        frame, ref, invalid = protocol.parse(text_data, self.frames)
        try:
            self.frame_limit.spend()
            if frame is None:
                assert invalid is not None
                raise invalid
            await self._do(frame)
        except AssistantError as problem:
            await self._refuse(problem, ref)
            if self.frame_limit.is_ignored:
                await self._end(protocol.CLOSE_TOO_OFTEN)
        except (OperationalError, InterfaceError) as problem:
            log.warning("the database does not answer: %s", problem)
            await self._refuse(AssistantError("database.unavailable"), ref)
        except Exception:
            log.exception("a %s frame failed", frame and frame.type)
            await self._refuse(AssistantError("server.error"), ref)

    async def _do(self, frame: protocol.AnyFrame) -> None:
        match frame:
            case protocol.SendMessage():
                await database_sync_to_async(admit_question)(self.person_id, self.address, frame.client_message_id)
                accepted = await database_sync_to_async(actions.send_message)(
                    self.person_id,
                    client_message_id=frame.client_message_id,
                    conversation_id=frame.conversation_id,
                    parent_id=frame.parent_id,
                    text=frame.text,
                    model_choice=frame.model_choice,
                    is_temporary=frame.is_temporary,
                )
                await self._send(protocol.accepted(accepted))
                if accepted.generation_id:
                    self._follow(accepted.generation_id, 0)
            case protocol.Regenerate():
                await database_sync_to_async(admit_question)(self.person_id, self.address)
                accepted = await database_sync_to_async(actions.regenerate)(
                    self.person_id,
                    frame.message_id,
                    frame.model_choice,
                    uses_approved_answers=frame.uses_approved_answers,
                )
                await self._send(protocol.accepted(accepted))
                assert accepted.generation_id is not None
                self._follow(accepted.generation_id, 0)
            case protocol.Follow():
                # Without this look-up anybody could read any reply by its id.
                await database_sync_to_async(queries.generation_of)(self.person_id, frame.generation_id)
                self._follow(frame.generation_id, frame.after_seq)
                await self._drop_drafts()  # somebody may have taken it over since that look
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
                async for news in follow(generation_id, after_seq, self.pace_s):
                    if isinstance(news, Place):
                        await self._send(protocol.queued(generation_id, news))
                        continue
                    await self._send(protocol.event(generation_id, news))
                    after_seq = news.seq
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

    async def _send_welcome_and_hints(self) -> None:
        await self._send(protocol.welcome())
        while True:
            await self.has_changes.wait()
            self.has_changes.clear()
            await self._drop_drafts()
            while self.changed:
                await self._send(protocol.hint(self.changed.pop()))

    async def _drop_drafts(self) -> None:
        """Follow no reply any more that a person of the desk has taken over."""
        with suppress(OperationalError, InterfaceError):
            followed = list(self.following)
            drafts = await database_sync_to_async(queries.drafts_among)(self.person_id, followed) if followed else ()
            for generation_id in drafts:
                if task := self.following.pop(generation_id, None):
                    task.cancel()

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
        await self._end(protocol.CLOSE_TOO_SLOW)

    async def _watch_session(self) -> None:
        """End a socket whose person has signed out or was shut out: told of it at once, and looking now and then,
        because a hint may be lost and a session may simply expire."""
        soonest, latest = SESSION_CHECKS_S
        pause_s = soonest + (latest - soonest) * (self.person_id.int % 1000 / 1000)
        is_their_own = True
        while is_their_own:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self.may_be_signed_out.wait()
            self.may_be_signed_out.clear()
            with suppress(OperationalError, InterfaceError):  # not known while the database is away
                is_their_own = await self.is_still_admitted()
        await self._end(protocol.CLOSE_NOT_SIGNED_IN)

    def _is_page_of(self, person: Person) -> bool:
        """A page names whom it was made for. Its cookie may be another's by now: then it must not go on with theirs."""
        return self.query.get("person", [str(person.id)]) == [str(person.id)]

    def _give_way(self) -> None:
        """The person has opened too many pages after this one."""
        self.giving_way = asyncio.create_task(self._end(protocol.CLOSE_TOO_MANY_PAGES))

    async def _end(self, code: int) -> None:
        self.is_over = True
        await self.close(code)
        self._end_tasks()

    def _end_tasks(self) -> None:
        self.open.close()
        for task in self.following.values():
            task.cancel()
