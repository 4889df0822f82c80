"""Every peer on the same prompts, and what the machine could do: the same round holds all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import harmonic_mean

import torch

from bench.engine import floors
from bench.engine.peers import Build, Peer, PeerUnavailable, llama_cpp
from bench.engine.peers.continuous import Continuous
from bench.engine.peers.generate import Generate
from bench.engine.peers.kernel import Kernel
from bench.engine.peers.served import Served
from bench.engine.replies import Prompt, common_beginning, first_token_s, tokens_per_s
from bench.engine.turns import Group, Setting, Turn, Values
from inference import model_files
from inference.serving import drafts

KERNEL, ENGINE = "kernel", "engine"
SAME_FILE = ("llama.cpp Q4_1", "llama.cpp Q4_1, flash attention")
REQUANTISED = ("llama.cpp Q4_0", "llama.cpp Q4_0, flash attention")
LLAMA_CPP = SAME_FILE + REQUANTISED
# What llama.cpp makes of the guesses that our engine makes; told beside it, and the best of all counts.
GUESSING_SAME_FILE, GUESSING_REQUANTISED = "llama.cpp Q4_1, with our guesses", "llama.cpp Q4_0, with our guesses"
GENERATE, CONTINUOUS = "transformers generate, bf16", "transformers continuous batching, bf16"
EVERYBODY = (KERNEL, ENGINE, *LLAMA_CPP, GENERATE, CONTINUOUS)
LONG = 500
# How soon a reply that is written alone comes depends on what it says, so it is several, one after the other.
ALONE = slice(0, 16, 4)
# A text has the more to guess from the longer it is, so longer replies are told too: of questions that have such.
LONGER = 192
OF_LONGER = f"1 stream of {LONGER} tokens"
STREAMS_OF = {
    1: (*EVERYBODY, GUESSING_SAME_FILE, GUESSING_REQUANTISED),
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
    for name, file in ((GUESSING_SAME_FILE, llama_cpp.shipped), (GUESSING_REQUANTISED, llama_cpp.requantised)):
        found[name] = partial(_guessing, setting, file)
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
        short = setting.prompts.short
        heaps = [[prompt] for prompt in short[ALONE]] if streams == 1 else [short[:streams]]
        if KERNEL in peers:
            replies = chain.from_iterable(peers[KERNEL].write(prompts, setting.tokens) for prompts in heaps)
            expected[streams] = [reply.token_ids for reply in replies]
        groups.append(
            [
                Turn(
                    f"{name_of(streams)}: {name}",
                    partial(_rate, peers[name], heaps, setting.tokens, expected.get(streams)),
                )
                for name in names
                if name in peers
            ]
        )
    if KERNEL in peers:
        longer = [[prompt] for prompt in setting.prompts.short if _is_longer(prompt, peers[KERNEL], setting)][ALONE]
        groups.append(
            [
                Turn(f"{OF_LONGER}: {name}", partial(_rate, peers[name], longer, LONGER, None))
                for name in (KERNEL, ENGINE, *LLAMA_CPP, GUESSING_SAME_FILE, GUESSING_REQUANTISED)
                if name in peers
            ]
        )
    same = [setting.prompts.long(LONG)] * 16
    groups.append(
        [
            Turn(f"16 streams at {LONG}: {name}", partial(_rate, peers[name], [same], setting.tokens, None))
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


def _is_longer(prompt: Prompt, kernel: Peer, setting: Setting) -> bool:
    """Whether the model would not end its reply before."""
    (reply,) = kernel.write([prompt], LONGER)
    return setting.prompts.end_ids.isdisjoint(reply.token_ids)


def _llama_cpp(setting: Setting, file: Callable[[Path], Path], has_flash: bool) -> Peer:
    return llama_cpp.LlamaCpp(file(setting.folder), setting.threads, has_flash)


def _guessing(setting: Setting, file: Callable[[Path], Path]) -> Peer:
    table = drafts.load(setting.model, model_files.base_model_sha256(setting.model), setting.prompts.vocabulary)
    return llama_cpp.GuessingLlamaCpp(file(setting.folder), setting.threads, True, table)


def _rate(
    peer: Peer, heaps: Sequence[Sequence[Prompt]], tokens: int, expected: Sequence[Sequence[int]] | None, _: int
) -> Values:
    """Of heaps of prompts, one after the other."""
    heaps_of_replies = [peer.write(prompts, tokens) for prompts in heaps]
    replies = list(chain.from_iterable(heaps_of_replies))
    lengths = {len(reply.token_ids) for reply in replies}
    if lengths != {tokens} or len(replies) != sum(map(len, heaps)):
        raise ValueError(
            f"Replies of {tokens} tokens were asked for, and there are {len(replies)} of {sorted(lengths)}."
        )
    # Each heap has as many tokens, so the rate of all is the harmonic mean.
    values = {
        "tokens_per_s": harmonic_mean(tokens_per_s([reply.times_s for reply in heap]) for heap in heaps_of_replies)
    }
    if expected:
        alike = [common_beginning(reply.token_ids, own) for reply, own in zip(replies, expected, strict=True)]
        values["like_kernel"] = sorted(alike)[len(alike) // 2]
    return values


def _first_token(peer: Peer, setting: Setting, round_number: int) -> Values:
    prompt = setting.prompts.long(LONG, f"Round {round_number}.")
    return {"first_ms": 1000 * first_token_s(peer.write([prompt], 2)), "tokens": len(prompt.token_ids)}
