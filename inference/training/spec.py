"""What a training run is told: one JSON file, read strictly. Knows nothing of torch.

The defaults are for LoRA on little data and a small model: all linear layers, small batches, about ten times the
learning rate of full finetuning (https://thinkingmachines.ai/blog/lora/).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from inference.training.failure import TrainingFailure

SPEC_VERSION = 1


@dataclass(frozen=True, slots=True)
class Lora:
    """`targets`: all linear layers but the head, or names with commas between them, such as q_proj,v_proj."""

    rank: int = 8
    alpha: int = 16
    targets: str = "all-linear"
    dropout: float = 0.0  # on few steps it slows learning and regularises little

    def __post_init__(self) -> None:
        _require(1 <= self.rank <= 256, "lora.rank must be from 1 to 256")
        _require(self.alpha >= 1, "lora.alpha must be at least 1")
        _require(bool(self.targets.strip(" ,")), "lora.targets must name a layer")
        _require(0.0 <= self.dropout < 1.0, "lora.dropout must be from 0 up to, but not including, 1")


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW with a rate that rises over the share `warmup` of the steps and then falls to 0 in a line."""

    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    warmup: float = 0.05
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        _require(0.0 < self.learning_rate <= 1.0, "optimizer.learning_rate must be above 0 and at most 1")
        _require(0.0 <= self.weight_decay <= 1.0, "optimizer.weight_decay must be from 0 to 1")
        _require(0.0 <= self.warmup <= 1.0, "optimizer.warmup must be from 0 to 1")
        _require(self.max_grad_norm > 0.0, "optimizer.max_grad_norm must be above 0")


@dataclass(frozen=True, slots=True)
class Batch:
    """`rows` make a step. They are computed `tokens` at a time, which decides memory and never the result's meaning."""

    rows: int = 8
    tokens: int = 0  # 0 = what suits the device
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        _require(1 <= self.rows <= 4096, "batch.rows must be from 1 to 4096")
        _require(self.tokens >= 0, "batch.tokens must be at least 0")

    def on(self, device: str) -> Batch:
        """With `tokens` for a device of this torch type. Measured: docs/decisions/0007-training.md."""
        return dataclasses.replace(self, tokens=self.tokens or (4096 if device == "cuda" else 1024))


@dataclass(frozen=True, slots=True)
class Objectives:
    """How much each kind of row counts, and the constants of their losses (losses.py)."""

    sft: float = 1.0
    preference: float = 0.5
    unpaired: float = 0.2
    replay: float = 1.0
    beta: float = 0.1
    # How often a pair is the wrong way round; about 0.1 for pairs that strangers chose. Above 0 the loss has no lower
    # bound, so that it goes on pulling good pairs apart.
    label_flip: float = 0.0
    chosen_sft: float = 0.2  # the chosen answer's own likelihood beside the comparison

    def __post_init__(self) -> None:
        for name in ("sft", "preference", "unpaired", "replay", "chosen_sft"):
            _require(getattr(self, name) >= 0.0, f"objectives.{name} must not be negative")
        _require(self.beta > 0.0, "objectives.beta must be above 0")
        _require(0.0 <= self.label_flip < 0.5, "objectives.label_flip must be from 0 up to, but not including, 0.5")


@dataclass(frozen=True, slots=True)
class Ratings:
    """Single ratings are learned from when the snapshot has so many rows of so many people; fewer say more about these
    people than about the answers."""

    min_rows: int = 100
    min_people: int = 10

    def __post_init__(self) -> None:
        _require(self.min_rows >= 0, "ratings.min_rows must not be negative")
        _require(self.min_people >= 0, "ratings.min_people must not be negative")


@dataclass(frozen=True, slots=True)
class Replay:
    """The base model's own answers as `share` of all rows of an epoch, so that it does not forget; 0 = none."""

    share: float = 0.2
    max_tokens: int = 96

    def __post_init__(self) -> None:
        _require(0.0 <= self.share < 1.0, "replay.share must be from 0 up to, but not including, 1")
        _require(1 <= self.max_tokens <= 4096, "replay.max_tokens must be from 1 to 4096")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Rows made of the snapshot's own, so that a fact is known however it is asked for (augmentation/).

    For every question `wordings` others by rule, `near_words` in words of near meaning (where there is an embedder) and
    `written` tries by the base model; of the share `reading` of them one row with `passages` found answers before the
    question. Each counts `weight` of its origin. All 0: none are made.
    """

    wordings: int = 0
    near_words: int = 0
    written: int = 0
    reading: float = 0.0
    passages: int = 3
    weight: float = 1.0

    def __post_init__(self) -> None:
        _require(0 <= self.wordings <= 50, "augmentation.wordings must be from 0 to 50")
        _require(0 <= self.near_words <= 50, "augmentation.near_words must be from 0 to 50")
        _require(0 <= self.written <= 50, "augmentation.written must be from 0 to 50")
        _require(0.0 <= self.reading <= 1.0, "augmentation.reading must be from 0 to 1")
        _require(1 <= self.passages <= 10, "augmentation.passages must be from 1 to 10")
        _require(0.0 < self.weight <= 1.0, "augmentation.weight must be above 0 and at most 1")

    @property
    def is_wanted(self) -> bool:
        return bool(self.wordings or self.near_words or self.written or self.reading)


@dataclass(frozen=True, slots=True)
class Stopping:
    """When to stop early: after `patience` checks without a lower dev loss, or beyond `drift_budget` nats per token."""

    checks_per_epoch: int = 3
    patience: int = 2
    drift_budget: float = 0.15

    def __post_init__(self) -> None:
        _require(1 <= self.checks_per_epoch <= 100, "stopping.checks_per_epoch must be from 1 to 100")
        _require(self.patience >= 1, "stopping.patience must be at least 1")
        _require(self.drift_budget > 0.0, "stopping.drift_budget must be above 0")


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """`snapshot` is a folder with train.jsonl and perhaps dev.jsonl; everything is written below `output`; `cache`
    keeps what later runs on the same base model need again. While `pause_file` exists, the run waits. Of `seeds`
    adapters, trained from `seed` on, the median is kept (seeds.py)."""

    base_model: str
    base_model_sha256: str
    snapshot: str
    output: str
    cache: str
    v: int = SPEC_VERSION
    pause_file: str | None = None
    dry_run: bool = False
    seed: int = 0
    seeds: int = 1
    threads: int = 0  # 0 = all cores but one
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    epochs: int = 3
    max_length: int = 512  # tokens of a prompt and its answer
    lora: Lora = field(default_factory=Lora)
    optimizer: Optimizer = field(default_factory=Optimizer)
    batch: Batch = field(default_factory=Batch)
    objectives: Objectives = field(default_factory=Objectives)
    ratings: Ratings = field(default_factory=Ratings)
    replay: Replay = field(default_factory=Replay)
    stopping: Stopping = field(default_factory=Stopping)
    augmentation: Augmentation = field(default_factory=Augmentation)
    embedder: str | None = None  # a folder; without it, made questions are not checked by their meaning
    refused: str | None = None  # a file of made questions that people refused (augmentation/filtering.py)

    def __post_init__(self) -> None:
        _require(self.v == SPEC_VERSION, f"v must be {SPEC_VERSION}")
        _require(0 <= self.seed < 2**63, "seed must be between 0 and 2^63-1")
        _require(1 <= self.seeds <= 9, "seeds must be from 1 to 9")
        _require(0 <= self.threads <= 1024, "threads must be from 0 to 1024")
        _require(1 <= self.epochs <= 100, "epochs must be from 1 to 100")
        _require(8 <= self.max_length <= 1_000_000, "max_length must be at least 8")

    @property
    def sha256(self) -> str:
        """The hash of all that decides an adapter: every setting but where things lie, when to wait, how many more."""
        settings = dataclasses.asdict(self)
        for place in ("base_model", "snapshot", "output", "cache", "pause_file", "dry_run", "seeds", "refused"):
            del settings[place]
        settings["embedder"] = self.embedder is not None
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def read_spec(path: Path) -> TrainingSpec:
    """Raises TrainingFailure (`spec.invalid`) with a sentence for whatever is unknown, missing or of a wrong type."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        spec: TrainingSpec = _build(TrainingSpec, content, "")
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _invalid(f"{path.name}: {error}") from error
    return spec


def _build(kind: type[Any], content: object, where: str) -> Any:
    if not isinstance(content, dict):
        raise ValueError(f"{where.rstrip('.') or 'the spec'} must be an object")
    fields = {each.name: each for each in dataclasses.fields(kind)}
    unknown = sorted(content.keys() - fields.keys())
    if unknown:
        raise ValueError(f"there is no setting {where}{unknown[0]}; there are {', '.join(fields)}")
    is_required = (dataclasses.MISSING, dataclasses.MISSING)
    for name, each in fields.items():
        if name not in content and (each.default, each.default_factory) == is_required:
            raise ValueError(f"{where}{name} is missing")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value, where + name) for name, value in content.items()})


def _value(hint: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        kind: Any = hint
        return _build(kind, value, f"{where}.")
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{where} must be one of {', '.join(get_args(hint))}")
        return value
    allowed = get_args(hint) if get_origin(hint) in (types.UnionType, Union) else (hint,)
    # JSON does not tell 1 from 1.0, and Python takes true for 1.
    if type(value) is int and int not in allowed and float in allowed:
        value = float(value)
    if type(value) not in allowed or (isinstance(value, float) and not math.isfinite(value)):
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
        raise ValueError(f"{where} must be {' or '.join(names[each] for each in allowed)}")
    return value


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


def _invalid(sentence: str) -> TrainingFailure:
    return TrainingFailure("spec.invalid", f"{sentence[0].upper()}{sentence[1:]}.", is_input=True)
