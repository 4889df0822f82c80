"""LoRA adapters of one loaded model: read, checked, put in and taken out while rows with other adapters run.

Knows nothing of who may use which adapter. An adapter's files come from outside, so nothing in them is trusted:
no pickle, no code, no paths, no weights but those of LoRA pairs whose shapes fit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference import self_check
from inference.contract import AdapterError, AdapterRef
from inference.self_check import SelfCheck

BASE = "__base__"  # peft's word for a row without adapter
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
    """The adapters loaded into `network`, at most `MAX_LOADED` that no row uses; named by their sha256."""

    def __init__(self, network: Any) -> None:
        self._network = network
        # As it was before the first adapter, so that files can be checked while another thread changes the network.
        self._linears = {
            name: (module.in_features, module.out_features)
            for name, module in network.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        self._loaded: dict[str, None] = {}  # least recently used first
        self._rows: list[str] = []

    @property
    def loaded(self) -> frozenset[str]:
        return frozenset(self._loaded)

    def load(self, ref: AdapterRef, in_use: Collection[str]) -> str:
        """Make the adapter ready and return its name for `use`. Raises AdapterError with a sentence."""
        if ref.sha256 not in self._loaded:
            for _ in self.put_in(self.read(ref), in_use):
                pass
        self.touch(ref.sha256)
        return ref.sha256

    def touch(self, name: str) -> None:
        """Note that a loaded adapter is used now."""
        self._loaded[name] = self._loaded.pop(name)

    def use(self, rows: Sequence[str | None]) -> None:
        """Say which adapter each row of the next forward has."""
        self._rows = [row or BASE for row in rows]

    def read(self, ref: AdapterRef) -> AdapterFiles:
        """Read and check an adapter's files, from any thread. Raises AdapterError with a sentence."""
        # Heavy: not before the first adapter, and not on the thread that writes.
        import peft.tuners.lora  # noqa: F401 - so that putting the adapter in finds it loaded

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
        try:
            for module in files.weights:
                self._put_into(module, files)
                yield
        except Exception as error:
            self._take_out(files.sha256)
            raise AdapterError(f"The adapter does not fit the model: {error}") from error
        self._loaded[files.sha256] = None

    def drop(self, name: str) -> None:
        """Take a loaded adapter out; the others stay as they are."""
        self._take_out(name)
        del self._loaded[name]

    def _make_room(self, in_use: Collection[str]) -> None:
        for name in [name for name in self._loaded if name not in in_use]:
            if len(self._loaded) < MAX_LOADED:
                break
            self.drop(name)

    def _put_into(self, module: str, files: AdapterFiles) -> None:
        from peft import LoraConfig
        from peft.tuners.lora import Linear, LoraLayer

        # Weights are set below, so that none are drawn.
        config = LoraConfig(use_rslora=files.use_rslora, init_lora_weights=False, inference_mode=True)
        layer = self._network.get_submodule(module)
        if isinstance(layer, LoraLayer):
            layer.update_layer(files.sha256, files.rank, lora_alpha=files.alpha, config=config)
        else:
            layer = Linear(layer, files.sha256, config, r=files.rank, lora_alpha=files.alpha)
            # peft's own way to mix adapters in a batch, which it arms anew for each forward; ours stays armed.
            layer.register_forward_pre_hook(self._name_rows, with_kwargs=True)
            layer.eval()
            self._network.set_submodule(module, layer)
        # peft keeps one adapter active for all rows, which must not be one that is taken out; rows name their own.
        layer.set_adapter([])
        for side, parts in (("A", layer.lora_A), ("B", layer.lora_B)):
            weight = parts[files.sha256].weight
            weight.requires_grad_(False)
            weight.copy_(files.weights[module][side])

    def _take_out(self, name: str) -> None:
        from peft.tuners.lora import LoraLayer

        for layer in self._network.modules():
            if isinstance(layer, LoraLayer):
                layer.delete_adapter(name)

    def _name_rows(self, _layer: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, "adapter_names": self._rows}

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
            if name not in self._linears:
                raise AdapterError(f"The adapter changes {name}, and the model has no such layer.")
            inputs, outputs = self._linears[name]
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
