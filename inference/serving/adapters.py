"""LoRA adapters beside one loaded model: read, checked, put in and taken out while rows with other adapters run.

Knows nothing of who may use which adapter. An adapter's files come from outside, so nothing in them is trusted:
no pickle, no code, no paths, no weights but those of LoRA pairs whose shapes fit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference import self_check
from inference.contract import AdapterError, AdapterRef
from inference.self_check import SelfCheck
from inference.serving.backend import NO_ADAPTER, AdapterHost

MAX_LOADED = 8
MAX_RANK = 256
MAX_BYTES = 2 << 30
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
LORA_KEY = re.compile(r"base_model\.model\.(?P<module>[\w.]+)\.lora_(?P<side>[AB])\.weight")
# Settings that matter to training alone; every other key that is not read below must be off.
WITHOUT_EFFECT = {
    "base_model_name_or_path", "inference_mode", "init_lora_weights", "lora_dropout", "megatron_core",
    "peft_version", "qalora_group_size", "revision", "task_type",
}  # fmt: skip
OFF: tuple[object, ...] = (None, False, "none", {}, [])


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """What was read of an adapter and fits the model. `weights` are A and B of each layer by its full name."""

    sha256: str
    rank: int
    alpha: float
    use_rslora: bool
    weights: dict[str, dict[str, Tensor]]
    self_check: SelfCheck | None


class Adapters:
    """The adapters that `host` holds, at most `MAX_LOADED` that no row uses; named by their sha256."""

    def __init__(self, host: AdapterHost) -> None:
        self._host = host
        self._loaded: dict[str, int] = {}  # the host's index of each, least recently used first

    @property
    def loaded(self) -> frozenset[str]:
        return frozenset(self._loaded)

    def index_of(self, name: str | None) -> int:
        """The host's index of a loaded adapter; None is the base model."""
        return NO_ADAPTER if name is None else self._loaded[name]

    def load(self, ref: AdapterRef, in_use: Collection[str]) -> int:
        """Make the adapter ready and return the host's index of it. Raises AdapterError with a sentence."""
        if ref.sha256 not in self._loaded:
            for _ in self.put_in(self.read(ref), in_use):
                pass
        self.touch(ref.sha256)
        return self._loaded[ref.sha256]

    def touch(self, name: str) -> None:
        """Note that a loaded adapter is used now."""
        self._loaded[name] = self._loaded.pop(name)

    def read(self, ref: AdapterRef) -> AdapterFiles:
        """Read and check an adapter's files, from any thread. Raises AdapterError with a sentence."""
        folder = Path(ref.path)
        config = _read_config(folder / CONFIG, ref.config_sha256)
        weights = _read_weights(folder / WEIGHTS, ref.sha256)
        try:
            check = self_check.read(folder)
        except ValueError as error:
            raise AdapterError(str(error)) from error
        return AdapterFiles(
            ref.sha256,
            config["r"],
            config.get("lora_alpha", 8),
            config.get("use_rslora", False),
            self._fitting(weights, config["r"]),
            check,
        )

    def put_in(self, files: AdapterFiles, in_use: Collection[str]) -> Iterator[None]:
        """Put an adapter into one layer after the other; rows that have it may run when this has ended, others also in
        between. Raises AdapterError with a sentence."""
        self._make_room(in_use)
        index = next(i for i in range(len(self._loaded) + 1) if i not in self._loaded.values())
        try:
            yield from self._host.put_adapter(index, files)
        except ValueError as error:
            raise AdapterError(f"The adapter does not fit the model: {error}") from error
        self._loaded[files.sha256] = index

    def drop(self, name: str) -> None:
        """Take a loaded adapter out; the others stay as they are."""
        self._host.drop_adapter(self._loaded.pop(name))

    def _make_room(self, in_use: Collection[str]) -> None:
        for name in [name for name in self._loaded if name not in in_use]:
            if len(self._loaded) < MAX_LOADED:
                break
            self.drop(name)

    def _fitting(self, weights: dict[str, Tensor], rank: int) -> dict[str, dict[str, Tensor]]:
        """`weights` by the layers that they adapt. Any other key could overwrite the base model."""
        layers: dict[str, dict[str, Tensor]] = {}
        for key, weight in weights.items():
            match = LORA_KEY.fullmatch(key)
            if not match:
                raise AdapterError(f"The adapter holds {key}, which is no LoRA weight.")
            if not torch.isfinite(weight).all():
                raise AdapterError(f"The adapter's weight {key} is not finite.")
            layers.setdefault(match["module"], {})[match["side"]] = weight
        for name, sides in layers.items():
            if name not in self._host.linears:
                raise AdapterError(f"The adapter changes {name}, and the model has no such layer.")
            inputs, outputs = self._host.linears[name]
            if {side: tuple(weight.shape) for side, weight in sides.items()} != {
                "A": (rank, inputs),
                "B": (outputs, rank),
            }:
                raise AdapterError(f"The adapter's weights for {name} do not fit the layer or the rank {rank}.")
        if not layers:
            raise AdapterError("The adapter is empty.")
        return layers


def _read_config(path: Path, sha256: str) -> dict[str, Any]:
    """`sha256` "" where it was not written down when the adapter was taken in."""
    try:
        content = path.read_bytes()
        config = json.loads(content)
    except (OSError, ValueError) as error:
        raise AdapterError(f"{CONFIG} cannot be read: {error}") from error
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise AdapterError(f"{CONFIG} is not the file that was registered: its sha256 differs.")
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise AdapterError(f"{CONFIG} does not describe a LoRA adapter.")
    read: dict[str, Any] = {
        "peft_type": str,
        "r": int,
        "lora_alpha": (int, float),
        "use_rslora": bool,
        "target_modules": list,
    }
    for key, value in config.items():
        if key in read:
            if not isinstance(value, read[key]):
                raise AdapterError(f"{CONFIG}: {key} has the wrong type.")
        elif key not in WITHOUT_EFFECT and value not in OFF:
            raise AdapterError(f"{CONFIG}: {key}={value!r} is not supported.")
    if config.get("init_lora_weights", True) not in (True, False, "gaussian"):
        raise AdapterError(f"{CONFIG}: init_lora_weights other than the usual change the base model.")
    if not 1 <= config.get("r", 0) <= MAX_RANK:
        raise AdapterError(f"{CONFIG}: the rank r must be from 1 to {MAX_RANK}.")
    return config


def _read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The very bytes that were hashed are those that are parsed."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        if path.stat().st_size > MAX_BYTES:
            raise AdapterError(f"{WEIGHTS} is larger than {MAX_BYTES >> 30} GiB.")
        content = path.read_bytes()
    except OSError as error:
        raise AdapterError(f"{WEIGHTS} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AdapterError(f"{WEIGHTS} is not the file that was registered: its sha256 differs.")
    try:
        return load(content)
    except SafetensorError as error:
        raise AdapterError(f"{WEIGHTS} is damaged: {error}") from error
