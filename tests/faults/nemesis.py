"""A random mixture of faults against the started product, from a seed: `make faults`.

People keep asking while sockets are cut and processes are killed or frozen every few seconds. At the end nothing may
be lost, doubled, changed or stuck; how long people waited after a fault is printed.

    python -m tests.faults.nemesis --seconds 180 --seed 7 [--model FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import statistics
import sys
import time
from dataclasses import dataclass, field

import httpx2

from inference.serving.scripted import scripted_text
from tests.client import PageClient, Reply
from tests.product import Product

FAULTS = ("kill web", "kill worker", "kill valkey", "freeze worker", "terminate worker", "terminate web")
PEOPLE = 8
TOKENS = 100
# Beyond the longest bound that is promised, with everything going wrong at once.
STUCK_AFTER_S = 60.0


@dataclass
class Findings:
    replies: list[Reply] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def note(self, problem: str, reply: Reply) -> None:
        self.problems.append(f"{problem}: generation {reply.ids.get('generation_id')} to {reply.question!r}")


async def live(
    person: int, product: Product, is_scripted: bool, until: float, found: Findings, pages: list[PageClient]
) -> None:
    """Ask one question after the other, each in a conversation of its own."""
    number = 0
    async with PageClient(product.url) as page:
        pages.append(page)
        while time.monotonic() < until:
            number += 1
            reply = await page.ask(f"Person {person} asks for the {number}. time: what is a tide?")
            found.replies.append(reply)
            try:
                await asyncio.wait_for(reply.done.wait(), STUCK_AFTER_S)
            except TimeoutError:
                found.note("stuck", reply)
                continue
            await check(page, reply, is_scripted, found)


async def check(page: PageClient, reply: Reply, is_scripted: bool, found: Findings) -> None:
    path = await stored_patiently(page, reply)
    if len(path) != 2 or any(len(message["sibling_ids"]) != 1 for message in path):
        found.note("doubled", reply)
    if len(reply.ends) != 1:
        found.note("more than one end", reply)
    if reply.ends[0]["kind"] != "finished":
        found.note(f"failed with {reply.ends[0]['code']}", reply)
    elif reply.text != path[-1]["text"] or not reply.is_whole:
        found.note("lost: shown and stored text differ", reply)
    elif is_scripted and reply.text != scripted_text(reply.question, TOKENS):
        found.note("lost: stored text is not what the engine said", reply)
    if reply.resets:
        found.note("changed after it was shown", reply)


async def stored_patiently(page: PageClient, reply: Reply) -> list[dict[str, object]]:
    """The stored path; the web process may just be starting again."""
    give_up_at = time.monotonic() + 20
    while True:
        try:
            return await page.stored(reply)
        except httpx2.HTTPError:
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.5)


async def break_things(product: Product, dice: random.Random, until: float, found: Findings) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(4, 10))
        fault = dice.choice(FAULTS)
        verb, what = fault.split()
        role = "worker-interactive" if what == "worker" else what
        if role not in product.processes():
            continue  # it is being started again after the last fault
        found.faults.append(fault)
        number = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "freeze": signal.SIGSTOP}[verb]
        process = product.processes()[role]
        process.send_signal(number)
        if verb == "freeze":
            await asyncio.sleep(dice.uniform(2, 7))
            process.send_signal(signal.SIGCONT)


async def cut_sockets(pages: list[PageClient], dice: random.Random, until: float, found: Findings) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(dice.uniform(0.5, 2))
        if pages:
            found.faults.append("cut socket")
            await dice.choice(pages).drop()


async def run(product: Product, seconds: float, seed: int, is_scripted: bool) -> Findings:
    found, dice = Findings(), random.Random(seed)
    until = time.monotonic() + seconds
    pages: list[PageClient] = []
    async with asyncio.TaskGroup() as group:
        for person in range(PEOPLE):
            group.create_task(live(person, product, is_scripted, until, found, pages))
        group.create_task(break_things(product, dice, until, found))
        group.create_task(cut_sockets(pages, dice, until, found))
    return found


def report(found: Findings) -> int:
    gaps = sorted(gap for reply in found.replies for gap in reply.gaps_s if gap > 1.0)
    kinds = {fault: found.faults.count(fault) for fault in sorted(set(found.faults))}
    print(f"{len(found.replies)} replies, {len(found.faults)} faults: {kinds}")
    for word in ("lost", "doubled", "changed", "stuck", "more than one end", "failed"):
        print(f"  {word:<18}{sum(problem.startswith(word) for problem in found.problems)}")
    if len(gaps) > 1:
        cuts = statistics.quantiles(gaps, n=100)
        print(
            f"waits above 1 s: {len(gaps)}; p50 {cuts[49]:.1f} s, p90 {cuts[89]:.1f} s, p99 {cuts[98]:.1f} s, "
            f"longest {gaps[-1]:.1f} s"
        )
    for problem in found.problems:
        print("  " + problem)
    return 1 if found.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", help="a prepared model's folder: the real engine instead of the scripted one")
    options = parser.parse_args()
    script = None if options.model else f"tokens_per_second=20&tokens={TOKENS}"
    environment = {"MODEL": options.model, "MAX_REPLY_TOKENS": str(TOKENS)} if options.model else {}
    with Product(script, ENGINE_MAX_RUNNING="16", **environment) as product:
        found = asyncio.run(run(product, options.seconds, options.seed, is_scripted=not options.model))
        return report(found)


if __name__ == "__main__":
    sys.exit(main())
