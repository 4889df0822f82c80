"""Puts a fresh LoRA adapter into a network, and its weights into PEFT's files and back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load, save

from inference.training.failure import TrainingFailure
from inference.training.fused import use_fused_layers
from inference.training.spec import Lora

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def add_adapter(network: Any, lora: Lora, seed: int) -> Any:
    """`network` with an adapter, which changes nothing yet; seeded by `seed`. Raises TrainingFailure when the network
    has none of the layers named."""
    torch.manual_seed(seed)
    names = [name for name in map(str.strip, lora.targets.split(",")) if name]
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets if lora.targets == "all-linear" else names,
        task_type="CAUSAL_LM",
    )
    use_fused_layers(config)
    try:
        return get_peft_model(network, config)
    except ValueError as error:
        sentence = f"The base model has no layers named {lora.targets}."
        raise TrainingFailure("training.no_such_layers", sentence, is_input=True) from error


def adapter_files(model: Any, base_model: str) -> dict[str, bytes]:
    """The adapter in PEFT's form; the same weights give the same bytes."""
    config = model.peft_config["default"].to_dict()
    config |= {"target_modules": sorted(config["target_modules"]), "base_model_name_or_path": base_model}
    config["inference_mode"] = True
    weights = {name: weight.detach().cpu().contiguous() for name, weight in get_peft_model_state_dict(model).items()}
    return {
        WEIGHTS: save(weights, metadata={"format": "pt"}),
        CONFIG: (json.dumps(config, indent=2, sort_keys=True, default=str) + "\n").encode(),
    }


def load_weights(model: Any, folder: Path) -> None:
    """Take the weights that `adapter_files` wrote into `folder`."""
    set_peft_model_state_dict(model, load((folder / WEIGHTS).read_bytes()))


def adapter_sha256(folder: Path) -> str:
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
