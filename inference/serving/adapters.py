"""LoRA adapters of one loaded model: read, checked, put in and taken out while rows with other adapters run.

Knows nothing of who may use which adapter. An adapter's files come from outside, so nothing in them is trusted:
no pickle, no code, no paths, no weights but those of LoRA pairs whose shapes fit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference.contract import AdapterRef

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


class AdapterError(Exception):
    """The adapter cannot be used; the message is a sentence."""


class Adapters:
    """The adapters loaded into `network`, at most `MAX_LOADED` that no row uses; named by their sha256."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._loaded: dict[str, None] = {}  # least recently used first
        self._rows: list[str] = []
        self._tuner: Any = None
        self._named: set[Any] = set()  # layers that are told which adapter each row has

    def load(self, ref: AdapterRef, in_use: Collection[str]) -> str:
        """Make the adapter ready and return its name for `use`. Raises AdapterError with a sentence."""
        if ref.sha256 not in self._loaded:
            self._make_room(in_use)
            self._add(ref)
        self._loaded[ref.sha256] = self._loaded.pop(ref.sha256, None)
        return ref.sha256

    def use(self, rows: Sequence[str | None]) -> None:
        """Say which adapter each row of the next forward has."""
        self._rows = [row or BASE for row in rows]

    def _make_room(self, in_use: Collection[str]) -> None:
        for name in [name for name in self._loaded if name not in in_use]:
            if len(self._loaded) < MAX_LOADED:
                break
            self._remove(name)
            del self._loaded[name]

    def _add(self, ref: AdapterRef) -> None:
        # Heavy, and not needed before the first adapter.
        from peft import LoraConfig, LoraModel, set_peft_model_state_dict

        config = _read_config(Path(ref.path) / CONFIG)
        weights = _read_weights(Path(ref.path) / WEIGHTS, ref.sha256)
        lora = LoraConfig(
            r=config["r"],
            lora_alpha=config.get("lora_alpha", 8),
            use_rslora=config.get("use_rslora", False),
            target_modules=self._check(weights, config["r"]),
            inference_mode=True,
        )
        try:
            if self._tuner is None:
                self._tuner = LoraModel(self._network, lora, ref.sha256)
            else:
                self._tuner.peft_config[ref.sha256] = lora
                self._tuner.inject_adapter(self._network, ref.sha256)
            set_peft_model_state_dict(self._network, weights, ref.sha256)
        except Exception as error:
            self._remove(ref.sha256)
            raise AdapterError(f"The adapter does not fit the model: {error}") from error
        self._deactivate()
        self._network.eval()
        for layer in self._layers():
            if layer not in self._named:
                # peft's own way to mix adapters in a batch, which it arms anew for each forward; ours stays armed.
                layer.register_forward_pre_hook(self._name_rows, with_kwargs=True)
                self._named.add(layer)

    def _layers(self) -> list[Any]:
        from peft.tuners.lora import LoraLayer

        return [layer for layer in self._network.modules() if isinstance(layer, LoraLayer)]

    def _deactivate(self) -> None:
        """peft keeps one adapter active for all rows, which must not be one that is taken out; rows name their own."""
        for layer in self._layers():
            layer.set_adapter([])
        if self._tuner is not None:
            self._tuner.active_adapter = []

    def _remove(self, name: str) -> None:
        self._deactivate()
        for layer in self._layers():
            layer.delete_adapter(name)
        if self._tuner is not None:
            self._tuner.peft_config.pop(name, None)

    def _name_rows(self, _layer: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, "adapter_names": self._rows}

    def _check(self, weights: dict[str, Tensor], rank: int) -> list[str]:
        """The full names of the modules that `weights` adapt. Any other key could overwrite the base model."""
        shapes: dict[str, dict[str, torch.Size]] = {}
        for key, weight in weights.items():
            match = LORA_KEY.fullmatch(key)
            if not match:
                raise AdapterError(f"The adapter holds {key}, which is no LoRA weight.")
            if not torch.isfinite(weight).all():
                raise AdapterError(f"The adapter's weight {key} is not finite.")
            shapes.setdefault(match["module"], {})[match["side"]] = weight.shape
        linears = {
            name.replace(".base_layer", ""): module
            for name, module in self._network.named_modules()
            if isinstance(module, torch.nn.Linear) and ".lora_" not in name
        }
        for name, sides in shapes.items():
            linear = linears.get(name)
            if linear is None:
                raise AdapterError(f"The adapter changes {name}, and the model has no such layer.")
            if sides != {"A": (rank, linear.in_features), "B": (linear.out_features, rank)}:
                raise AdapterError(f"The adapter's weights for {name} do not fit the layer or the rank {rank}.")
        if not shapes:
            raise AdapterError("The adapter is empty.")
        return list(shapes)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"{CONFIG} cannot be read: {error}") from error
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
