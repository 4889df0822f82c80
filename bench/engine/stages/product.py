"""What is left of the engine's speed at the browser's end: through Celery, the Redis stream and the WebSocket.

The started product and an engine in this process write replies of the same settings, in turns. Of either, text is
counted by time of arrival, from when the last of 16 replies has begun until the first one ends. The sockets' own end
runs on the same processors as the product.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import httpx2

from bench.engine.peers import PeerUnavailable
from bench.engine.peers.served import PATIENCE_S, Served
from bench.engine.prompts import Prompts
from bench.engine.replies import Prompt, tokens_per_s
from bench.engine.turns import Group, Setting, Turn, Values
from bench.stream import Listener
from inference.contract import ChatMessage, SamplingParams
from tests.product import Product

IN_PROCESS, BY_SOCKET = "16 streams, in process", "16 streams, through the product"
TOKENS = 256
MIB = 2**20
SYSTEM = "You are a helpful AI assistant."
THEMES = (
    "a lighthouse", "an old bridge", "a lost letter", "two brothers", "a winter market", "a slow train", "a blue door",
    "the first snow", "a broken clock", "a river boat", "a small bakery", "a stray dog", "a mountain hut",
    "a night nurse", "a school play", "an island",
)  # fmt: skip
QUESTIONS = [f"Write a very long story about {theme}, with many details." for theme in THEMES]

Piece = tuple[float, str]
"""When a piece of text arrived, in seconds, and the text."""


@contextmanager
def prepared(setting: Setting, miss: Callable[[str, str], None]) -> Iterator[Sequence[Group]]:
    environment = {
        "MODEL": str(setting.model.resolve()),
        "EMBEDDER": embedder(setting.model),
        "SYSTEM_MESSAGE": SYSTEM,
        "MAX_REPLY_TOKENS": str(TOKENS),
    }
    try:
        engine = Served(setting.model, 0, frozenset())
    except PeerUnavailable as reason:
        miss(BY_SOCKET, str(reason))
        yield []
        return
    with Product(None, **environment) as product:
        try:
            asyncio.run(asked(product))
            sampling = sampling_of(product)
            yield [
                [
                    Turn(BY_SOCKET, partial(through_product, product, setting.prompts)),
                    Turn(IN_PROCESS, partial(in_process, engine, sampling, setting.prompts)),
                ]
            ]
        finally:
            engine.close()


def embedder(model: Path) -> str:
    """As the product has it, where it has been prepared beside the model; it counts in the worker's memory."""
    folder = model.resolve().parent / "all-minilm-l6-v2"
    return str(folder) if folder.exists() else "off"


def sampling_of(product: Product) -> SamplingParams:
    """What the product's replies were drawn with."""
    stored = product.rows("SELECT sampling FROM assistant_generation")[0][0]
    fields = json.loads(stored) if isinstance(stored, str) else stored
    known = {name: fields[name] for name in SamplingParams.__slots__ if name in fields}
    return SamplingParams(**{**known, "stop": tuple(known["stop"]), "logit_bias": ()})


def through_product(product: Product, prompts: Prompts, _: int) -> Values:
    pieces = asyncio.run(asked(product))
    worker_mib = product.processes()["worker-interactive"].memory_info().rss / MIB
    return {**rate(pieces, prompts), "worker_mib": worker_mib, "beyond_torch_mib": worker_mib - torch_mib()}


@cache
def torch_mib() -> float:
    """Resident memory of a process that has imported torch and done nothing else."""
    code = "import torch, psutil; print(psutil.Process().memory_info().rss)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) / MIB


def in_process(engine: Served, sampling: SamplingParams, prompts: Prompts, number: int) -> Values:
    written = []
    for index, question in enumerate(QUESTIONS):
        messages = (ChatMessage("system", SYSTEM), ChatMessage("user", question))
        written.append(engine.ask(Prompt(messages, ()), replace(sampling, seed=1000 * number + index)))
    return rate([[(at, event.delta) for at, event in each.finished().deltas] for each in written], prompts)


def rate(replies: Sequence[Sequence[Piece]], prompts: Prompts) -> Values:
    """Each piece counts as many tokens as its text has more than the text before it."""
    times = [times_of_tokens(pieces, prompts.count) for pieces in replies]
    return {"tokens_per_s": tokens_per_s(times), "tokens": sum(map(len, times))}


def times_of_tokens(pieces: Sequence[Piece], count: Callable[[str], int]) -> list[float]:
    """The time at which each token arrived."""
    times: list[float] = []
    text = ""
    for at, piece in pieces:
        text += piece
        times += [at] * (count(text) - len(times))
    return times


async def asked(product: Product) -> list[list[Piece]]:
    """The pieces of 16 replies to 16 people, asked for at once."""
    loop = asyncio.get_running_loop()
    listeners, transports = [], []
    for question in QUESTIONS:
        cookie = httpx2.get(product.url).cookies["sessionid"]
        listener = Listener(product, cookie, loop.create_future(), question)
        transport, _ = await loop.create_connection(partial(_same, listener), "127.0.0.1", product.port)
        listeners.append(listener)
        transports.append(transport)
    await asyncio.sleep(1)
    for listener in listeners:
        listener.ask()
    await asyncio.wait_for(asyncio.gather(*(listener.done for listener in listeners)), PATIENCE_S)
    for transport in transports:
        transport.close()
    if not all(listener.is_whole for listener in listeners):
        raise ValueError("A reply did not arrive whole.")
    return [list(zip(listener.times, listener.text, strict=True)) for listener in listeners]


def _same(listener: Listener) -> Listener:
    return listener
