"""How many replies can stream at once: N sockets × rate, everything stored, through the started product.

The scripted engine stamps the time of its saying into each token, so the latency added by everything between the
engine and the socket is measured at the client. The load generator shares the machine with the product.

    python -m bench.stream --sockets 200 --rate 20 --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import re
import statistics
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import psutil

from tests.product import Product

_STAMP = re.compile(r" t(\d+\.\d+)")


@dataclass
class Listener(asyncio.Protocol):
    """One socket that asks one question. It reads frames by hand: a library would cost more than the server."""

    product: Product
    cookie: str
    done: asyncio.Future[None]
    question: str = "Tell me."
    text: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # of the pieces of text, by time.time
    latencies_s: list[float] = field(default_factory=list)
    tokens: int = 0
    text_sha256: str = ""
    _buffer: bytes = b""
    _is_upgraded: bool = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(
            f"GET /ws/chat/ HTTP/1.1\r\nHost: 127.0.0.1:{self.product.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Origin: {self.product.url}\r\nCookie: sessionid={self.cookie}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self._buffer += data
        if not self._is_upgraded:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            assert b" 101 " in head, head
            self._is_upgraded = True
        while len(self._buffer) >= 2:
            length, begin = self._buffer[1] & 0x7F, 2
            if length == 126:
                length, begin = int.from_bytes(self._buffer[2:4], "big"), 4
            if len(self._buffer) < begin + length:
                return
            opcode, body = self._buffer[0] & 0x0F, self._buffer[begin : begin + length]
            self._buffer = self._buffer[begin + length :]
            if opcode == 1:
                self._take(json.loads(body), now)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the socket"))

    def ask(self) -> None:
        fields = {"client_message_id": str(uuid4()), "conversation_id": None, "parent_id": None}
        body = json.dumps({"type": "message.send", "v": 1, "text": self.question, **fields}).encode()
        self._transport.write(bytes([0x81, 0xFE]) + len(body).to_bytes(2, "big") + b"\0\0\0\0" + body)

    def _take(self, frame: dict[str, Any], now: float) -> None:
        if frame["type"] == "error":
            self.done.set_exception(RuntimeError(frame["message"]))
        if frame["type"] != "generation.event":
            return
        if frame["kind"] == "delta":
            self.text.append(frame["delta"])
            self.times.append(now)
            stamps = [float(stamp) for stamp in _STAMP.findall(frame["delta"])]
            self.tokens += len(stamps)
            self.latencies_s += [now - stamp for stamp in stamps]
        elif frame["kind"] in ("finished", "failed"):
            self.text_sha256 = frame["text_sha256"]
            self.done.set_result(None)

    @property
    def is_whole(self) -> bool:
        return self.text_sha256 == hashlib.sha256("".join(self.text).encode()).hexdigest()


async def measure(product: Product, sockets: int, rate: float, tokens: int, ramp_s: float) -> None:
    loop = asyncio.get_running_loop()
    listeners = []
    for _ in range(sockets):
        cookie = httpx2.get(product.url).cookies["sessionid"]
        listener = Listener(product, cookie, loop.create_future())
        await loop.create_connection(partial(_same, listener), "127.0.0.1", product.port)
        listeners.append(listener)
    await asyncio.sleep(1)

    processes = product.processes() | {"load generator": psutil.Process()}
    before = {role: _cpu_s(process) for role, process in processes.items()}
    began = time.monotonic()
    for listener in listeners:
        listener.ask()
        await asyncio.sleep(ramp_s / sockets)
    await asyncio.wait_for(asyncio.gather(*(listener.done for listener in listeners)), tokens / rate * 3 + 60)
    took_s = time.monotonic() - began

    expected = sockets * tokens
    delivered = sum(listener.tokens for listener in listeners)
    latencies = sorted(latency for listener in listeners for latency in listener.latencies_s)
    cuts = statistics.quantiles(latencies, n=1000)
    print(f"{sockets} streams x {rate:g} tokens/s, {tokens} tokens each, asked for within {ramp_s:g} s")
    print(f"took {took_s:.1f} s, {delivered / took_s:.0f} tokens/s")
    print(f"tokens expected {expected}, delivered {delivered}, lost {expected - delivered}")
    print(f"replies whole (sha256 of shown = stored): {sum(listener.is_whole for listener in listeners)} of {sockets}")
    print(
        f"added latency ms: p50 {cuts[499] * 1e3:.0f}, p95 {cuts[949] * 1e3:.0f}, p99 {cuts[989] * 1e3:.0f}, "
        f"max {latencies[-1] * 1e3:.0f}"
    )
    print(f"{'process':<20}{'CPU s':>8}{'CPU s per 1,000 tokens':>25}{'RSS MB':>9}")
    for role, process in processes.items():
        used = _cpu_s(process) - before[role]
        rss = process.memory_info().rss / 1e6
        print(f"{role:<20}{used:>8.2f}{used / delivered * 1000:>25.3f}{rss:>9.0f}")


def _same(listener: Listener) -> Listener:
    return listener


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--ramp", type=float, default=8, help="seconds over which the questions are asked; 0 = at once")
    options = parser.parse_args()
    tokens = round(options.rate * options.seconds)
    script = f"tokens_per_second={options.rate:g}&tokens={tokens}&stamp=1"
    limits = {"ENGINE_MAX_RUNNING": str(options.sockets + 8), "MAX_REPLY_TOKENS": str(tokens + 1)}
    with Product(script, **limits) as product:
        asyncio.run(measure(product, options.sockets, options.rate, tokens, options.ramp))


if __name__ == "__main__":
    main()
