"""The record as Markdown: docs/evidence/engine.md. Says nothing that was not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from bench.engine.figures import Figure, Missing, Samples
from bench.engine.rows import FLOORS, TABLE, Row

BUSY = 0.1  # share of the processors that others took, from which on a machine is not quiet
INTRODUCTION = """# The engine, measured

Written by `make bench-engine`; all figures are in engine.json beside this file. In each round each engine has its turn
once, and in each round another one begins. Figures are medians of the rounds, in brackets the least and the greatest.

- Everybody gets the same token ids and the same number of threads, writes greedily, and has been warmed up. Tokens per
  second are of decoding alone: from when the last reply has its first token until the first reply has its last. That
  each reply has as many tokens as were asked for is checked.
- "kernel" is the product's backend without what is around it, as llama.cpp is driven here: a forward and the likeliest
  token. "engine" is the whole engine in one process, requests in and events out; it is what is held against continuous
  batching, which schedules too.
- One stream is four replies, one after the other. The engine guesses ahead (docs/decisions/0029): its text is the same,
  and how fast it is depends on what it says. So llama.cpp is measured with the very same guesses too, read beside each
  token as the engine does, and whatever is its fastest counts; the kernel without guesses is told below.
- llama.cpp reads the very file that the model was made of (Q4_1), and the same model as Q4_0, for which it has its
  fastest products, each with and without flash attention; ratios are to the fastest of them. Its sequences have caches
  of their own (`kv_unified` off).
- transformers computes in bfloat16 with SDPA, its faster type here.
- Through the product means a started one (`manage.py up`) with 16 sockets on the same machine, beside an engine in
  process with the same settings; both have the product's own number of threads, half of the cores. The worker's memory
  is that of this product's worker after it wrote 16 replies at once, with the embedder for approved answers.
"""


def rendered(content: Mapping[str, Any]) -> str:
    """`content` as record.Record holds it."""
    return "\n".join(
        [INTRODUCTION, *_machine(content), *_table(content), *_floors(content), *_turns(content["samples"])]
    )


def shown(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


def verdict(row: Row, figure: Figure) -> str:
    if row.must is not None and not row.holds(figure.value, row.must):
        return "**missed**"
    if row.aim is not None and row.holds(figure.value, row.aim):
        return "aim reached"
    if row.must is None and row.aim is None:
        return "told"
    return "held" if row.must is not None else "aim missed"


def _machine(content: Mapping[str, Any]) -> Iterator[str]:
    run = content["run"]
    yield "## Machine\n"
    yield from (f"- {name}: {value}" for name, value in run["machine"].items())
    yield f"- measured: commit {run['commit']}, {run['threads']} threads, {run['rounds']} x {run['tokens']} tokens"
    for stage, facts in content["stages"].items():
        yield f"- {stage}: took {facts['seconds']:.0f} s; others took {facts['others']:.0%} of the processors meanwhile"
    yield from (f"- {name}: not measured: {reason}" for name, reason in content["reasons"].items())
    if any(facts["others"] > BUSY for facts in content["stages"].values()):
        yield "\n**The machine was not quiet**: figures of stages beside which others worked say little."
    yield ""


def _table(content: Mapping[str, Any]) -> Iterator[str]:
    yield "## What it must show\n"
    yield "| | must | aim | measured | of | |\n|---|---|---|---|---|---|"
    sign = {True: "≤ ", False: "≥ "}
    for row in TABLE:
        must, aim = ("–" if x is None else f"{sign[row.is_limit]}{x:g} {row.unit}" for x in (row.must, row.aim))
        try:
            figure = row.measure.of(content["samples"])
        except Missing as missing:
            yield f"| {row.what} | {must} | {aim} | not measured | {_reason(content['reasons'], str(missing))} | |"
            continue
        found = _with_range(figure, row.unit)
        yield f"| {row.what} | {must} | {aim} | {found} | {figure.of} | {verdict(row, figure)} |"
    yield ""


def _reason(reasons: Mapping[str, str], missing: str) -> str:
    """Why there are no figures of the turn `missing`: that of the turn, or of the peer whose turn it is."""
    known = (reason for name, reason in reasons.items() if name == missing or missing.endswith(f": {name}"))
    return next(known, "it did not come to that")


def _floors(content: Mapping[str, Any]) -> Iterator[str]:
    yield "## Shares of what the machine can do\n"
    yield (
        "Reading: torch summing up 1 GiB. int8: torch's product of two 2048 x 2048 matrices. Both are measured in each "
        "round. The weights may partly stay in a cache, so that a share of reading can be above what memory gives.\n"
    )
    yield "| | share of the floor |\n|---|---|"
    for what, share in FLOORS:
        try:
            yield f"| {what} | {_with_range(share.of(content['samples']), '%')} |"
        except Missing:
            yield f"| {what} | not measured |"
    yield ""


def _turns(samples: Samples) -> Iterator[str]:
    yield "## All measurements\n"
    yield "`like_kernel`: of how many tokens the median reply begins like the kernel's.\n"
    yield "| turn | what | median | least | greatest | rounds |\n|---|---|---|---|---|---|"
    for name, rounds in samples.items():
        for key in rounds[0]:
            values = [values[key] for values in rounds]
            figures = " | ".join(shown(value) for value in (median(values), min(values), max(values)))
            yield f"| {name} | `{key}` | {figures} | {len(values)} |"
    yield ""


def _with_range(figure: Figure, unit: str) -> str:
    return f"{shown(figure.value)} {unit} ({shown(figure.low)} to {shown(figure.high)})"
