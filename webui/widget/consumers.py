"""The socket of a visitor: opened with a ticket, and otherwise the chat's own."""

from __future__ import annotations

import asyncio
from uuid import UUID

from channels.db import database_sync_to_async

from assistant import limits
from assistant.desk import messages, presence, visitors, visits
from assistant.errors import AssistantError
from webui import protocol
from webui.consumers import ChatConsumer
from webui.limits import admit_question

# What a browser offers: the name of what is spoken, and the ticket. Only the name is answered.
SUBPROTOCOL = "parley.widget"


class VisitorConsumer(ChatConsumer):
    subprotocol = SUBPROTOCOL
    frames = protocol.OF_VISITOR

    async def admitted(self) -> UUID | None:
        """A ticket stands beside the subprotocol's name, because a browser can send no other header, and an address
        is written into logs."""
        offered = self.scope.get("subprotocols", [])
        ticket = next((name for name in offered if name != SUBPROTOCOL), "")
        try:
            row = await database_sync_to_async(visitors.redeem)(ticket)
        except AssistantError:
            return None
        self.token_sha256: str = row.sha256
        self.site_id: UUID = row.visitor.site_id
        person_id: UUID = row.visitor_id
        return person_id

    async def is_still_admitted(self) -> bool:
        try:
            await database_sync_to_async(visitors.known_token)(self.token_sha256)
        except AssistantError:
            return False
        return True

    async def _do(self, frame: protocol.AnyFrame) -> None:
        # A token may be taken back, and a site may begin to demand identities, while a socket is open.
        token = await database_sync_to_async(visitors.known_token)(self.token_sha256)
        match frame:
            case protocol.SendMessage():
                await database_sync_to_async(self._admit)(frame.client_message_id)
                accepted = await database_sync_to_async(messages.say)(
                    self.person_id,
                    client_message_id=frame.client_message_id,
                    conversation_id=frame.conversation_id,
                    text=frame.text,
                    attachment_ids=frame.attachment_ids,
                    page=frame.page,
                )
                await self._send(protocol.accepted(accepted))
                if accepted.generation_id:
                    self._follow(accepted.generation_id, 0)
                    await self._drop_drafts()  # somebody may have taken it over between the two
            case protocol.VisitorTypes():
                await database_sync_to_async(visits.case_of_visitor)(token.visitor, frame.conversation_id)
                # Redis may hang.
                await asyncio.to_thread(presence.look, frame.conversation_id, self.person_id, is_typing=frame.is_typing)
            case _:
                await super()._do(frame)

    def _admit(self, client_message_id: UUID) -> None:
        """Raises rate.limited."""
        admit_question(self.person_id, self.address, client_message_id)
        limits.spend_site_message(self.site_id)
