"""How fast the engine writes on a GPU, beside transformers on the same card, in turns: networks with random weights.

Greedy; each round has new prompts. Steps of ours are whole ones (scheduling, forward, choosing the next tokens),
without text and without guesses, which random networks, that soon repeat themselves, would confirm. Writes
engine-cuda.json and engine-cuda.md after each part.

    python -m bench.engine_cuda --out docs/evidence
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
import transformers
from transformers import (
    ContinuousBatchingConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    StoppingCriteria,
    StoppingCriteriaList,
)

from bench.engine_cuda_report import report
from inference import pretrained
from inference.contract import GenerationRequest, PromptInfo, SamplingParams
from inference.serving.adapters import AdapterFiles, Adapters
from inference.serving.batch import Batch
from inference.serving.cuda.backend import CudaBackend
from inference.serving.pages import Chain, PagePool
from inference.serving.row import Row
from inference.serving.sampling import SamplingRow
from inference.serving.torch_backend import TorchBackend

GEOMETRIES: dict[str, dict[str, Any]] = {
    "SmolLM2-135M": {
        "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
        "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
    },
    "Llama-3.2-3B": {
        "vocab_size": 128256, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28,
        "num_attention_heads": 24, "num_key_value_heads": 8, "max_position_embeddings": 8192,
    },
}  # fmt: skip
PROMPT = 500
LONG_PROMPT = 2000
STREAMS = (1, 8, 16, 64)
SLOTS = max(STREAMS)
ADAPTERS = 16
RANK = 16
# Tokens per second of all streams, and seconds to the first token.
Written = tuple[float, float]
Write = Callable[[list[list[int]], int], Written]


@dataclass
class Engine:
    """Ours over one backend, without requests, events and text."""

    backend: TorchBackend

    def __post_init__(self) -> None:
        self.pages = SLOTS * (PROMPT + 128) // 16 + LONG_PROMPT // 16
        self.backend.reserve(self.pages, SLOTS)
        self.adapters = Adapters(self.backend)

    def begin(
        self, prompts: list[list[int]], names: list[str | None], sampling: SamplingParams
    ) -> tuple[Batch, list[Row]]:
        batch = Batch(self.backend, self.adapters, PagePool(self.pages), SLOTS, has_guesses=False)
        rows = [
            self.row(number, prompt, name, sampling)
            for number, (prompt, name) in enumerate(zip(prompts, names, strict=True))
        ]
        return batch, rows

    def row(self, number: int, prompt: list[int], adapter: str | None, sampling: SamplingParams) -> Row:
        request = GenerationRequest(str(number), (), sampling)
        reply = cast(Any, SimpleNamespace(tokens=0))
        prompt_info, sampled = PromptInfo(0, "", "", 0), SamplingRow(sampling, list(prompt), 0)
        return Row(request, number, 0.0, prompt_info, reply, sampled, adapter, Chain(adapter, 16))


def step(batch: Batch) -> int:
    """Returns how many tokens were written."""
    outcome = batch.step()
    assert not outcome.failed
    for row, _ in outcome.written:
        row.reply.tokens += 1
    return len(outcome.written)


GREEDY = SamplingParams(seed=1, temperature=0.0, max_tokens=1000)
# As the product asks where nobody chose otherwise (assistant/chat/sampling.py), but ten times as cold: the logits of
# random networks are flat, and trained ones are surer.
USUAL = SamplingParams(seed=1, temperature=0.02, max_tokens=1000, repetition_penalty=1.05, no_repeat_ngram=12)


def ours(engine: Engine, adapters: Sequence[str | None] = (None,), sampling: SamplingParams = GREEDY) -> Write:
    def write(prompts: list[list[int]], count: int) -> Written:
        names = [adapters[i % len(adapters)] for i in range(len(prompts))]
        batch, rows = engine.begin(prompts, names, sampling)
        waiting = list(rows)
        began = time.perf_counter()
        first = 0.0
        while any(not row.reply.tokens for row in rows):
            while waiting and batch.has_room and batch.add(waiting[0]):
                waiting.pop(0)
            step(batch)
            first = first or (time.perf_counter() - began if rows[0].reply.tokens else 0.0)
        began = time.perf_counter()
        written = sum(step(batch) for _ in range(count))
        return written / (time.perf_counter() - began), first

    return write


class Clock(StoppingCriteria):
    """Notes when each token was there."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        torch.cuda.synchronize()
        self.times.append(time.perf_counter())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def generate(network: Any) -> Write:
    def write(prompts: list[list[int]], count: int) -> Written:
        ids, clock = torch.tensor(prompts, device=network.device), Clock()
        began = time.perf_counter()
        with torch.inference_mode():
            network.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, min_new_tokens=count + 1,
                max_new_tokens=count + 1, pad_token_id=0, stopping_criteria=StoppingCriteriaList([clock]),
            )  # fmt: skip
        return len(prompts) * count / (clock.times[-1] - clock.times[0]), clock.times[0] - began

    return write


class ContinuousBatching:
    """As it configures itself, which includes CUDA graphs; without flash-attn, which cannot be had here. It is made
    anew for each number of streams, and captures before what is measured."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._streams = 0

    def __call__(self, prompts: list[list[int]], count: int) -> Written:
        if self._streams and self._streams != len(prompts):
            self._network.destroy_cached_continuous_batching_manager()
        self._streams = len(prompts)
        outputs = self._network.generate_batch(
            inputs=prompts,
            generation_config=GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0),
            continuous_batching_config=ContinuousBatchingConfig(use_cuda_graph=True, max_memory_percent=0.3),
            record_timestamps=True,
            persistent_manager=True,
            max_new_tokens=count + 1,
        )
        done = list(outputs.values())
        if len(done) != len(prompts) or any(len(output.generated_tokens) != count + 1 for output in done):
            raise RuntimeError(f"{len(done)} replies, {[output.error for output in done if output.error][:1]}")
        all_write = max(output.timestamps[0] for output in done)
        later = [at for output in done for at in output.timestamps if at > all_write]
        return len(later) / (max(later) - all_write), done[0].timestamps[0] - done[0].created_time


def random_adapter(number: int, linears: Any) -> AdapterFiles:
    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, dtype=torch.bfloat16) * 0.01

    weights = {
        name: {"A": drawn(RANK, width), "B": drawn(height, RANK)}
        for name, (width, height) in linears.items()
        if "layers" in name
    }
    return AdapterFiles(f"adapter {number}", RANK, 2 * RANK, False, weights, None)


def put_in(engine: Engine, files: AdapterFiles) -> tuple[float, float]:
    """(all of it, its longest piece) in seconds."""
    pieces = []
    began = time.perf_counter()
    for _ in engine.adapters.put_in(files, [f"adapter {number}" for number in range(ADAPTERS)]):
        torch.cuda.synchronize()
        pieces.append(time.perf_counter())
    return pieces[-1] - began, max(b - a for a, b in zip([began, *pieces], pieces, strict=False))


def gap(engine: Engine, names: list[str | None], draw: Callable[[int, int], list[list[int]]]) -> float:
    """The longest step of 16 that write, while a long prompt is read."""
    batch, rows = engine.begin(draw(16, PROMPT), names, GREEDY)
    for row in rows:
        batch.add(row)
        step(batch)
    for _ in range(20):
        step(batch)
    late = engine.row(16, draw(1, LONG_PROMPT)[0], names[0], GREEDY)
    batch.add(late)
    steps = []
    while not late.reply.tokens:
        began = time.perf_counter()
        step(batch)
        steps.append(time.perf_counter() - began)
    return max(steps)


def bandwidth() -> float:
    """Bytes read and written per second by a large copy."""
    a = torch.randint(0, 255, (4 << 30,), dtype=torch.uint8, device="cuda")
    b = torch.empty_like(a)
    times = []
    for _ in range(5):
        torch.cuda.synchronize()
        began = time.perf_counter()
        b.copy_(a)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return 2 * len(a) / statistics.median(times)


def measure(name: str, streams: Sequence[int], rounds: int, tokens: int, folder: Path) -> Iterator[dict[str, Any]]:
    """What was found so far, again and again."""
    geometry = GEOMETRIES[name]
    device = pretrained.best_device()
    torch.manual_seed(0)
    with torch.device(device):
        network = LlamaForCausalLM(LlamaConfig(**geometry, tie_word_embeddings=True)).to(torch.bfloat16)
    network.save_pretrained(folder)
    del network
    began = time.perf_counter()
    backend = CudaBackend(folder, "bfloat16")
    loaded = time.perf_counter() - began
    cuda = Engine(backend)
    captured = time.perf_counter() - began - loaded
    weights = sum(p.numel() * p.element_size() for p in backend.network.parameters())

    def draw(count: int, length: int) -> list[list[int]]:
        drawn: list[list[int]] = torch.randint(3, geometry["vocab_size"], (count, length)).tolist()
        return drawn

    found: dict[str, Any] = {
        "weights_bytes": weights, "position_bytes": backend.page_bytes / 16, "load_s": loaded, "capture_s": captured,
        "rates": {}, "first_s": {}, "gap_ms": {}, "put_in_s": [],
    }  # fmt: skip

    def in_turns(streams: int, engines: dict[str, Write]) -> None:
        taken: dict[str, list[Written]] = {engine: [] for engine in engines}
        for engine, write in engines.items():
            try:
                write(draw(streams, PROMPT), 4)  # warm
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"[:300]
                found.setdefault("failed", {})[f"{engine}, {streams} streams"] = reason
                print(streams, engine, reason, flush=True)
                del taken[engine]
        for _ in range(rounds):
            for engine in taken:
                taken[engine].append(engines[engine](draw(streams, PROMPT), tokens))
        for engine, written in taken.items():
            rates, firsts = zip(*written, strict=True)
            found["rates"].setdefault(str(streams), {})[engine] = sorted(rates)
            if streams == 1:
                found["first_s"][engine] = sorted(firsts)
            rate, first = statistics.median(rates), 1e3 * statistics.median(firsts)
            print(f"{name}: {streams} streams, {engine}: {rate:.0f} tokens/s, {first:.1f} ms", flush=True)

    in_turns(16, {"ours": ours(cuda), "ours, sampled as usual": ours(cuda, sampling=USUAL)})
    found["gap_ms"]["ours"] = sorted(1e3 * gap(cuda, [None] * 16, draw) for _ in range(rounds))
    yield found
    files = [random_adapter(number, backend.linears) for number in range(ADAPTERS)]
    found["put_in_s"] = [put_in(cuda, each) for each in files]
    names: list[str | None] = [each.sha256 for each in files]
    for count in streams:
        in_turns(count, {
            "ours, in turns with adapters": ours(cuda),
            "ours, 16 adapters": ours(cuda, names),
            "ours, one adapter": ours(cuda, names[:1]),
        })  # fmt: skip
    found["gap_ms"]["ours, with 16 adapters"] = sorted(1e3 * gap(cuda, names, draw) for _ in range(rounds))
    yield found
    theirs, batching = (pretrained.load_network(folder, torch.bfloat16, device) for _ in range(2))
    peers: dict[str, Write] = {
        "transformers generate": generate(theirs),
        "transformers continuous batching": ContinuousBatching(batching),
    }
    for count in streams:
        in_turns(count, {"ours": ours(cuda)} | peers)
        yield found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--streams", type=int, nargs="+", default=STREAMS)
    parser.add_argument("--geometries", nargs="+", choices=GEOMETRIES, default=list(GEOMETRIES))
    options = parser.parse_args()
    card = torch.cuda.get_device_name()
    results: dict[str, Any] = {
        "card": card, "bandwidth": bandwidth(), "rounds": options.rounds, "tokens": options.tokens,
        "torch": torch.__version__, "transformers": transformers.__version__, "geometries": {},
    }  # fmt: skip
    for name in options.geometries:
        with tempfile.TemporaryDirectory() as folder:
            for found in measure(name, options.streams, options.rounds, options.tokens, Path(folder)):
                results["geometries"][name] = found
                (options.out / "engine-cuda.json").write_text(json.dumps(results, indent=1) + "\n")
                (options.out / "engine-cuda.md").write_text(report(results))
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
