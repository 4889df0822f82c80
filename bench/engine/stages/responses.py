"""How the engine answers while it works: a long prompt beside a running reply, a known prompt, a cancelled reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

from bench.engine.peers import PeerUnavailable
from bench.engine.peers.served import Served
from bench.engine.turns import Group, Setting, Turn, Values
from inference.contract import StreamEvent

GAP, KNOWN, CANCEL = "a long prompt beside a running reply", "a known prompt", "a cancelled reply"
ARRIVING, KNOWN_TOKENS = 2000, 500


@contextmanager
def prepared(setting: Setting, miss: Callable[[str, str], None]) -> Iterator[Sequence[Group]]:
    try:
        engine = Served(setting.model, setting.threads, setting.prompts.end_ids)
    except PeerUnavailable as reason:
        for name in (GAP, KNOWN, CANCEL):
            miss(name, str(reason))
        yield []
        return
    engine.write(setting.prompts.short, 8)
    measures = {GAP: gap, KNOWN: known, CANCEL: cancel}
    try:
        yield [[_turn(name, measure, engine, setting)] for name, measure in measures.items()]
    finally:
        engine.close()


Measure = Callable[[Served, Setting, int], Values]


def _turn(name: str, measure: Measure, engine: Served, setting: Setting) -> Turn:
    return Turn(name, lambda number: measure(engine, setting, number))


def gap(engine: Served, setting: Setting, number: int) -> Values:
    """The longest time between two tokens of a running reply from when a prompt of 2,000 tokens was asked for until it
    has its first token; beside it, what is usual before that."""
    prompt = setting.prompts.long(ARRIVING, f"Gap {number}.")
    running = engine.ask(setting.prompts.short[0], engine.greedy(2000))
    while len(running.deltas) < 64:
        running.has_ended.wait(0.01)
    arriving = engine.ask(prompt, engine.greedy(1)).finished()
    running.has_ended.wait(0.1)
    engine.cancel(running)
    times = [at for at, _ in running.finished().deltas]
    begin, end = arriving.asked_at, arriving.deltas[0][0]
    during = [after - before for before, after in pairwise(times) if after > begin and before < end]
    earlier = [after - before for before, after in pairwise(times) if after <= begin]
    return {
        "longest_ms": 1000 * max(during),
        "usual_ms": 1000 * median(earlier),
        "first_token_ms": 1000 * (end - begin),
        "steps": len(during),
    }


def known(engine: Served, setting: Setting, number: int) -> Values:
    """Milliseconds until the first token of a prompt that nobody asked before, and of the same one again."""
    prompt = setting.prompts.long(KNOWN_TOKENS, f"Known {number}.")
    times = [engine.ask(prompt, engine.greedy(1)).finished().times_s[0] for _ in range(2)]
    return {"new_ms": 1000 * times[0], "again_ms": 1000 * times[1]}


def cancel(engine: Served, setting: Setting, number: int) -> Values:
    """Steps that end between the call and the pages being free, the one that runs included; two others write."""
    freed: list[tuple[int, int]] = []

    def note(event: StreamEvent) -> None:
        if event.kind == "finished":
            freed.append((engine.metrics.steps, engine.metrics.pages_in_use))

    others = [engine.ask(prompt, engine.greedy(2000)) for prompt in setting.prompts.short[:2]]
    doomed = engine.ask(setting.prompts.short[2 + number % 8], engine.greedy(2000), note)
    while len(doomed.deltas) < 40:
        doomed.has_ended.wait(0.01)
    before = engine.metrics
    engine.cancel(doomed)
    doomed.finished()
    for other in others:
        engine.cancel(other)
        other.finished()
    ((steps, pages),) = freed
    if pages >= before.pages_in_use:
        raise ValueError(f"{before.pages_in_use} pages were in use before and {pages} after a reply was cancelled.")
    return {"steps": steps - before.steps}
