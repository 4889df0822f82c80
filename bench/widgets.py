"""Visitors with a widget open, for benchmarks: real sockets, opened as the frame opens them. Some of them ask one
question after the other, so that always as many replies stream. It tells how many there were when its input ends.

    python -m bench.widgets http://127.0.0.1:8000 SITE_ID --open 100 --streaming 20
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from uuid import uuid4

import httpx2
from websockets.asyncio.client import ClientConnection, connect

SUBPROTOCOL = "parley.widget"
ORIGIN = "https://shop.example"
PACE_MS = 250  # as stream_client.js asks for
# Opened side by side; more would measure how fast they come, not how it is with them there.
AT_ONCE = 10


class Widgets:
    def __init__(self, url: str, site_id: str) -> None:
        self.url, self.site_id = url, site_id
        self.counted: Counter[str] = Counter()

    async def open(self, client: httpx2.AsyncClient) -> ClientConnection:
        new = await client.post("/api/widget/visitors", json={"site_id": self.site_id, "origin": ORIGIN})
        token = new.raise_for_status().json()["token"]
        answer = await client.post("/api/widget/tickets", json={}, headers={"Authorization": f"Bearer {token}"})
        ticket = answer.raise_for_status().json()["ticket"]
        address = f"{self.url.replace('http', 'ws', 1)}/ws/widget/?pace_ms={PACE_MS}"
        # Its types have names of their own for both, which are texts.
        return await connect(address, origin=self.url, subprotocols=[SUBPROTOCOL, ticket])  # type: ignore[arg-type, list-item]

    async def listen(self, socket: ClientConnection) -> None:
        async for _ in socket:
            self.counted["frames"] += 1

    async def ask(self, socket: ClientConnection) -> None:
        """One question after the other, in one conversation."""
        conversation_id = None
        while True:
            question = {"client_message_id": str(uuid4()), "conversation_id": conversation_id, "text": "Tell me."}
            await socket.send(json.dumps({"type": "message.send", "v": 1, **question}))
            async for text in socket:
                self.counted["frames"] += 1
                frame = json.loads(text)
                if frame["type"] == "error":
                    raise RuntimeError(frame["message"])
                if frame["type"] == "message.accepted":
                    conversation_id = frame["conversation_id"]
                if frame["type"] == "generation.event" and frame["kind"] == "finished":
                    self.counted["replies"] += 1
                    break

    async def run(self, count: int, streaming: int) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=60) as client:
            sockets: list[ClientConnection] = []
            for begin in range(0, count, AT_ONCE):
                some = range(begin, min(begin + AT_ONCE, count))
                sockets += await asyncio.gather(*(self.open(client) for _ in some))
        tasks = [asyncio.create_task(self.ask(socket)) for socket in sockets[:streaming]]
        tasks += [asyncio.create_task(self.listen(socket)) for socket in sockets[streaming:]]
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            assert not task.done(), task.exception() or "a socket was closed"
            task.cancel()
        print(f"{self.counted['replies']} replies, {self.counted['frames']} frames", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("site_id")
    parser.add_argument("--open", type=int, default=100)
    parser.add_argument("--streaming", type=int, default=20, help="of them, always")
    options = parser.parse_args()
    asyncio.run(Widgets(options.url, options.site_id).run(options.open, options.streaming))


if __name__ == "__main__":
    main()
