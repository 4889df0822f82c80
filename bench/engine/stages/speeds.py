"""Every peer on the same prompts, and what the machine could do: the same round holds all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from bench.engine import floors
from bench.engine.peers import Build, Peer, PeerUnavailable, llama_cpp
from bench.engine.peers.continuous import Continuous
from bench.engine.peers.generate import Generate
from bench.engine.peers.kernel import Kernel
from bench.engine.peers.served import Served
from bench.engine.replies import Prompt, common_beginning, first_token_s, tokens_per_s
from bench.engine.turns import Group, Setting, Turn, Values

KERNEL, ENGINE = "kernel", "engine"
SAME_FILE = ("llama.cpp Q4_1", "llama.cpp Q4_1, flash attention")
REQUANTISED = ("llama.cpp Q4_0", "llama.cpp Q4_0, flash attention")
LLAMA_CPP = SAME_FILE + REQUANTISED
GENERATE, CONTINUOUS = "transformers generate, bf16", "transformers continuous batching, bf16"
EVERYBODY = (KERNEL, ENGINE, *LLAMA_CPP, GENERATE, CONTINUOUS)
LONG = 500
STREAMS_OF = {
    1: EVERYBODY,
    8: (KERNEL, ENGINE, GENERATE, CONTINUOUS),
    16: EVERYBODY,
}


def builders(setting: Setting) -> dict[str, Build]:
    model, threads = setting.model, setting.threads
    found: dict[str, Build] = {
        KERNEL: lambda: Kernel(model, threads),
        ENGINE: lambda: Served(model, threads, setting.prompts.end_ids),
        GENERATE: lambda: Generate(model),
        CONTINUOUS: lambda: Continuous(model),
    }
    for names, file in ((SAME_FILE, llama_cpp.shipped), (REQUANTISED, llama_cpp.requantised)):
        for name, has_flash in zip(names, (False, True), strict=True):
            found[name] = partial(_llama_cpp, setting, file, has_flash)
    return found


@contextmanager
def prepared(setting: Setting, miss: Callable[[str, str], None]) -> Iterator[Sequence[Group]]:
    peers: dict[str, Peer] = {}
    for name, build in builders(setting).items():
        try:
            peers[name] = build()
        except (PeerUnavailable, OSError, RuntimeError, ValueError) as reason:
            miss(name, str(reason))
    torch.set_num_threads(setting.threads)  # our engine set its own number
    for peer in peers.values():
        for streams in (1, 16):
            peer.write(setting.prompts.short[:streams], 2)
    groups: list[Group] = [[Turn("reading", lambda _: floors.reading()), Turn("int8", lambda _: floors.multiplying())]]
    expected: dict[int, list[tuple[int, ...]]] = {}
    for streams, names in STREAMS_OF.items():
        prompts = setting.prompts.short[:streams]
        if KERNEL in peers:
            expected[streams] = [reply.token_ids for reply in peers[KERNEL].write(prompts, setting.tokens)]
        groups.append(
            [
                Turn(
                    f"{name_of(streams)}: {name}",
                    partial(_rate, peers[name], prompts, setting.tokens, expected.get(streams)),
                )
                for name in names
                if name in peers
            ]
        )
    same = [setting.prompts.long(LONG)] * 16
    groups.append(
        [
            Turn(f"16 streams at {LONG}: {name}", partial(_rate, peers[name], same, setting.tokens, None))
            for name in (KERNEL, *LLAMA_CPP)
            if name in peers
        ]
    )
    groups.append(
        [
            Turn(f"first token after {LONG}: {name}", partial(_first_token, peers[name], setting))
            for name in EVERYBODY
            if name in peers
        ]
    )
    try:
        yield groups
    finally:
        for peer in peers.values():
            peer.close()


def name_of(streams: int) -> str:
    return "1 stream" if streams == 1 else f"{streams} streams"


def _llama_cpp(setting: Setting, file: Callable[[Path], Path], has_flash: bool) -> Peer:
    return llama_cpp.LlamaCpp(file(setting.folder), setting.threads, has_flash)


def _rate(
    peer: Peer, prompts: Sequence[Prompt], tokens: int, expected: Sequence[Sequence[int]] | None, _: int
) -> Values:
    replies = peer.write(prompts, tokens)
    lengths = {len(reply.token_ids) for reply in replies}
    if lengths != {tokens} or len(replies) != len(prompts):
        raise ValueError(f"{len(prompts)} replies of {tokens} tokens were asked for, and they have {sorted(lengths)}.")
    values = {"tokens_per_s": tokens_per_s([reply.times_s for reply in replies])}
    if expected:
        alike = [common_beginning(reply.token_ids, own) for reply, own in zip(replies, expected, strict=True)]
        values["like_kernel"] = sorted(alike)[len(alike) // 2]
    return values


def _first_token(peer: Peer, setting: Setting, round_number: int) -> Values:
    prompt = setting.prompts.long(LONG, f"Round {round_number}.")
    return {"first_ms": 1000 * first_token_s(peer.write([prompt], 2)), "tokens": len(prompt.token_ids)}
