"""The tables of bench.engine_cuda. Knows nothing of GPUs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

CONTEXT = 532  # tokens that a reply has behind it in the middle of what is measured


def report(results: dict[str, Any]) -> str:
    return "\n".join(_lines(results)) + "\n"


def _lines(results: dict[str, Any]) -> Iterator[str]:
    yield "# The engine on a GPU"
    yield ""
    yield (
        f"Written by `python -m bench.engine_cuda` on one {results['card']}: torch {results['torch']}, transformers "
        f"{results['transformers']}, bfloat16, random weights, greedy, prompts of 500 tokens. Medians of "
        f"{results['rounds']} rounds in turns, {results['tokens']} tokens of each stream; least and most in brackets. "
        "The floor is what reading the weights, and the keys and values, once takes at the "
        f"{results['bandwidth'] / 1e12:.2f} TB/s that a large copy reaches here. `transformers continuous batching` "
        "is as it configures itself, with CUDA graphs, without flash-attn. vLLM was not measured."
    )
    for name, found in results["geometries"].items():
        yield ""
        yield f"## {name}"
        yield ""
        yield (
            f"{found['weights_bytes'] / 1e9:.2f} GB of weights. Loaded in {found['load_s']:.1f} s; all graphs captured "
            f"in {found['capture_s']:.1f} s."
        )
        yield ""
        yield "| streams | engine | tokens/s | ours is | share of the floor |"
        yield "|---|---|---|---|---|"
        for streams, engines in sorted(found["rates"].items(), key=lambda item: int(item[0])):
            best = statistics.median(engines["ours"]) if "ours" in engines else None
            floor = _floor(results["bandwidth"], found, int(streams))
            for engine, rates in engines.items():
                rate = statistics.median(rates)
                times = f"{best / rate:.2f} times that" if best else ""
                yield f"| {streams} | {engine} | {_spread(rates)} | {times} | {rate / floor:.0%} |"
        for engine, reason in found.get("failed", {}).items():
            yield f"| | {engine} | did not run: {reason} | | |"
        yield ""
        yield "| | engine | ms, or a share |"
        yield "|---|---|---|"
        for engine, seconds in found["first_s"].items():
            yield f"| first token after a prompt of 500 | {engine} | {_spread([1e3 * s for s in seconds], 1)} |"
        for engine, gaps in found["gap_ms"].items():
            yield f"| longest step of 16 streams while a prompt of 2,000 arrives | {engine} | {_spread(gaps, 1)} |"
        for streams, engines in sorted(found["rates"].items(), key=lambda item: int(item[0])):
            with_all, without = (engines.get(f"ours, {which}") for which in ("16 adapters", "in turns with adapters"))
            if with_all and without:
                share = statistics.median(with_all) / statistics.median(without)
                yield f"| what 16 adapters of rank 16 leave of the tokens/s of {streams} streams | ours | {share:.0%} |"
        if not found["put_in_s"]:
            continue
        first, *later = found["put_in_s"]
        whole, piece = (statistics.median(column) for column in zip(*later, strict=True))
        for which, seconds in (("the first", first), ("15 later ones", (whole, piece))):
            yield f"| putting in an adapter, {which}: all | ours | {1e3 * seconds[0]:.0f} |"
            yield f"| putting in an adapter, {which}: longest piece | ours | {1e3 * seconds[1]:.0f} |"


def _floor(bandwidth: float, found: dict[str, Any], streams: int) -> float:
    """Tokens per second at which nothing but memory is waited for."""
    step: float = (found["weights_bytes"] + streams * CONTEXT * found["position_bytes"]) / bandwidth
    return streams / step


def _spread(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"
