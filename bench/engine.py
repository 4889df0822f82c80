"""How fast the kernel writes, beside transformers' generate on the same machine, in turns.

Greedy, the same prompts for both, what is written after the first token is timed. Two clocks: what people wait for, and
seconds of CPU, which a busy machine disturbs less (with one thread; threads that wait for others count as well).

    python -m bench.engine --model data/models/smollm2-135m-instruct --threads 1
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inference import pretrained
from inference.serving.native.backend import NativeBackend

PROMPT = 40
PAGES = 16  # of a stream: prompt and what is written, 256 positions
Write = Callable[[Tensor, int], None]


def native(model: Path, threads: int) -> Write:
    backend = NativeBackend(model, threads)
    backend.reserve(PAGES * 16, 16)

    def write(prompts: Tensor, count: int) -> None:
        rows = len(prompts)
        slots = np.arange(rows, dtype=np.int32)
        for slot in range(rows):
            backend.set_pages(slot, range(PAGES * slot, PAGES * (slot + 1)))
        of_prompts = np.repeat(slots, PROMPT)
        positions = np.tile(np.arange(PROMPT, dtype=np.int32), rows)
        ends = (slots + 1) * PROMPT - 1
        ids = prompts.numpy().astype(np.int32).reshape(-1)
        logits = backend.forward(ids, of_prompts, positions, np.full_like(ids, -1), ends)
        for step in range(count - 1):
            chosen = logits.argmax(-1).numpy().astype(np.int32)
            logits = backend.forward(chosen, slots, np.full_like(slots, PROMPT + step), np.full_like(slots, -1), slots)

    return write


def transformers(model: Path, dtype: torch.dtype) -> Write:
    network = pretrained.load_network(model, dtype, torch.device("cpu"))

    def write(prompts: Tensor, count: int) -> None:
        with torch.inference_mode():
            network.generate(
                prompts, attention_mask=torch.ones_like(prompts), do_sample=False, min_new_tokens=count,
                max_new_tokens=count, pad_token_id=0,
            )  # fmt: skip

    return write


def seconds(write: Write, prompts: Tensor, tokens: int) -> tuple[float, float]:
    """(wall, CPU) of all tokens but the first."""
    clocks = []
    for count in (1, tokens):
        begun = time.perf_counter(), time.process_time()
        write(prompts, count)
        clocks.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    return clocks[1][0] - clocks[0][0], clocks[1][1] - clocks[0][1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/models/smollm2-135m-instruct"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    fast = pretrained.dtype_for("auto", torch.device("cpu"))
    engines = {
        "native": native(options.model, options.threads),
        f"transformers {fast}": transformers(options.model, fast),
    }
    torch.manual_seed(0)
    prompts = torch.randint(3, 400, (16, PROMPT))
    print(
        f"{options.threads} threads, {options.rounds} rounds of {options.tokens} tokens; medians of tokens per second"
    )
    print("| streams | engine | by the clock | by CPU seconds |\n|---|---|---|---|")
    for streams in (1, 16):
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
        for _ in range(options.rounds):
            for name, write in engines.items():
                found[name].append(seconds(write, prompts[:streams], options.tokens))
        rates = {
            name: [streams * (options.tokens - 1) / statistics.median(clock) for clock in zip(*times, strict=True)]
            for name, times in found.items()
        }
        for name, (wall, cpu) in rates.items():
            print(f"| {streams} | {name} | {wall:.0f} | {cpu:.0f} |", flush=True)
        ours, theirs = rates.values()
        print(f"| {streams} | ratio | {ours[0] / theirs[0]:.1f} | {ours[1] / theirs[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
