"""The table: what must hold, what is aimed at, and by which measurements it is judged."""

from __future__ import annotations

from dataclasses import dataclass

from bench.engine.figures import Plain, Ratio, Share
from bench.engine.stages import adapters, neighbour, product, quality, responses
from bench.engine.stages.speeds import (
    CONTINUOUS,
    ENGINE,
    GENERATE,
    GUESSING_REQUANTISED,
    GUESSING_SAME_FILE,
    KERNEL,
    LLAMA_CPP,
    LONG,
    LONGER,
    OF_LONGER,
    SAME_FILE,
    name_of,
)  # fmt: skip

PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Row:
    """`must` and `aim` are in `unit`: what a value is at least, or at most where `is_limit`."""

    what: str
    measure: Plain | Ratio
    must: float | None
    aim: float | None
    unit: str
    is_limit: bool = False

    def holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.is_limit else value >= bound


def _against(names: tuple[str, ...], ours: str, prefix: str) -> Ratio:
    return Ratio(f"{prefix}: {ours}", tuple(f"{prefix}: {name}" for name in names))


ONE, SIXTEEN = name_of(1), name_of(16)
AT_LONG, FIRST = f"16 streams at {LONG}", f"first token after {LONG}"
TABLE = (
    Row(
        "one stream, tokens/s against llama.cpp, same file",
        _against((*SAME_FILE, GUESSING_SAME_FILE), ENGINE, ONE), 2.5, 3.5, "×",
    ),
    Row(
        "one stream, against llama.cpp, its best",
        _against((*LLAMA_CPP, GUESSING_SAME_FILE, GUESSING_REQUANTISED), ENGINE, ONE), 2.2, 3, "×",
    ),
    Row(
        f"one stream, replies of {LONGER} tokens, same file",
        _against((*SAME_FILE, GUESSING_SAME_FILE), ENGINE, OF_LONGER), None, None, "×",
    ),
    Row(
        f"one stream, replies of {LONGER} tokens, its best",
        _against((*LLAMA_CPP, GUESSING_SAME_FILE, GUESSING_REQUANTISED), ENGINE, OF_LONGER), None, None, "×",
    ),
    Row("one stream without guesses, same file", _against(SAME_FILE, KERNEL, ONE), None, None, "×"),
    Row("one stream without guesses, its best", _against(LLAMA_CPP, KERNEL, ONE), None, None, "×"),
    Row("16 streams, against llama.cpp, same file", _against(SAME_FILE, KERNEL, SIXTEEN), 6, 10, "×"),
    Row("16 streams, against llama.cpp, its best", _against(LLAMA_CPP, KERNEL, SIXTEEN), 2.5, 4.5, "×"),
    Row("16 streams at context 500, against llama.cpp, same file", _against(SAME_FILE, KERNEL, AT_LONG), 5, 10, "×"),
    Row("1 stream, against transformers continuous batching", _against((CONTINUOUS,), ENGINE, ONE), 12, 20, "×"),
    Row("8 streams, against the same", _against((CONTINUOUS,), ENGINE, name_of(8)), 12, 18, "×"),
    Row("16 streams, against the same", _against((CONTINUOUS,), ENGINE, SIXTEEN), 10, 17, "×"),
    Row(
        "time to first token, 500-token prompt, against llama.cpp, same file",
        Ratio(f"{FIRST}: {KERNEL}", tuple(f"{FIRST}: {name}" for name in SAME_FILE), "first_ms", True), 7, 12, "×",
    ),
    Row(
        "the same against transformers generate, bf16",
        Ratio(f"{FIRST}: {KERNEL}", (f"{FIRST}: {GENERATE}",), "first_ms", True), 1.8, 3, "×",
    ),
    Row(
        "16 different rank-16 adapters: share of the base's throughput",
        Ratio(adapters.MANY, (adapters.NONE,), scale=PERCENT), 70, 80, "%",
    ),
    Row("the same prompt again, 500 tokens", Plain(responses.KNOWN, "again_ms"), 15, 8, "ms", True),
    Row(
        "through Celery, Redis stream and WebSocket: share of in-process tokens/s",
        Ratio(product.BY_SOCKET, (product.IN_PROCESS,), scale=PERCENT), 85, 95, "%",
    ),
    Row(
        "longest gap between tokens of a running reply while a 2,000-token prompt arrives",
        Plain(responses.GAP, "longest_ms"), 60, 30, "ms", True,
    ),
    Row("cancel: steps until its pages are free", Plain(responses.CANCEL, "steps"), 2, 1, "steps", True),
    Row("one worker's resident memory", Plain(product.BY_SOCKET, "worker_mib"), 900, None, "MiB", True),
    Row("the same without what torch takes", Plain(product.BY_SOCKET, "beyond_torch_mib"), None, 500, "MiB", True),
    Row("quality: mean KL to float32", Plain(quality.NAME, "kl"), 0.004, 0.002, "nats", True),
    Row("quality: top-1 agreement with float32", Plain(quality.NAME, "top1", PERCENT), 96.5, None, "%"),
    Row(
        "kept throughput beside one busy process, 1 thread",
        Ratio(neighbour.BESIDE, (neighbour.ALONE,), scale=PERCENT), 90, 95, "%",
    ),
)  # fmt: skip

# Of the bundled model: parameters of its products (2 operations each), bytes of its weights as they are read in each
# step (layers in 4 bits, the head's common tokens in 8, its rare ones in 4: native/head.cpp), and of keys and values of
# one position (30 layers, 3 heads of 64, bfloat16).
LAYER_PARAMETERS, HEAD_PARAMETERS = 106_168_320, 28_311_552
PARAMETERS = LAYER_PARAMETERS + HEAD_PARAMETERS
WEIGHT_BYTES = 61_726_464 + 5_013_504 + 13_762_560
POSITION_BYTES = 30 * 3 * 64 * 2 * 2
GIGA = 1e-9
FLOORS = (
    ("one stream: memory read", Share(f"{ONE}: {KERNEL}", "tokens_per_s", WEIGHT_BYTES * GIGA, "reading", "gb_per_s")),
    (
        "16 streams: int8 operations",
        Share(f"{SIXTEEN}: {KERNEL}", "tokens_per_s", 2 * PARAMETERS * GIGA, "int8", "gop_per_s"),
    ),
    (
        f"16 streams at {LONG}: memory read, weights and keys and values",
        Share(
            f"{AT_LONG}: {KERNEL}", "tokens_per_s", (WEIGHT_BYTES / 16 + (LONG + 32) * POSITION_BYTES) * GIGA,
            "reading", "gb_per_s",
        ),
    ),
    (
        f"a prompt of {LONG}: int8 operations of the layers",
        Share(f"{FIRST}: {KERNEL}", "first_ms", 1000 * 2 * LONG * LAYER_PARAMETERS * GIGA, "int8", "gop_per_s", True),
    ),
)  # fmt: skip
