"""Finds and loads a base model as serving and training both need it. Knows nothing of caches, requests or rows.

Supported are decoder-only models of transformers that attend to all earlier positions and take `position_ids`.
Not supported: sliding windows, linear or recurrent layers, ALiBi, encoders, and models with code of their own.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging

HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]


def local_folder(model: str) -> Path:
    """The folder of `model`, fetched first when it is a hub id. Raises OSError with a sentence."""
    folder = Path(model)
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith("."):
        raise OSError(f"There is no model in {model}. Run python -m inference.serving.prepare, or correct MODEL.")
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, allow_patterns=HUB_FILES))


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype_for(wanted: str, device: torch.device) -> torch.dtype:
    """The dtype named `wanted`; for `auto` the fastest that the device computes in."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    # Without its own instructions, bfloat16 is slower than float32.
    is_fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if is_fast else torch.float32


def load_network(folder: Path, dtype: torch.dtype, device: torch.device) -> Any:
    """The network in `folder`, on `device`, in evaluation mode. Raises OSError or ValueError with a sentence."""
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    _refuse_unsupported(AutoConfig.from_pretrained(folder))
    try:
        network: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation="sdpa", use_safetensors=True, trust_remote_code=False
        )
    except SafetensorError as error:
        raise ValueError(f"The weights of {folder.name} are damaged: {error}.") from error
    if "position_ids" not in inspect.signature(network.forward).parameters:
        raise ValueError(f"{folder.name} takes no position_ids, so its rows cannot be computed together.")
    return network.to(device).eval()


def load_tokenizer(folder: Path) -> Any:
    return AutoTokenizer.from_pretrained(folder)


def generation_config(folder: Path) -> Any:
    """What the model in `folder` says of generating, as its network has it in `generation_config`."""
    try:
        return GenerationConfig.from_pretrained(folder)
    except OSError:
        return GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder))


def end_ids(config: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens with which a model ends a reply; `config` is its generation config."""
    declared = config.eos_token_id
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(i for i in [*ids, tokenizer.eos_token_id] if i is not None)


def _refuse_unsupported(config: Any) -> None:
    text_config = config.get_text_config()
    kinds = set(getattr(text_config, "layer_types", None) or ["full_attention"])
    # Some configurations name a window that their own switch turns off.
    window = getattr(text_config, "sliding_window", None) if getattr(text_config, "use_sliding_window", True) else None
    if config.is_encoder_decoder or kinds != {"full_attention"} or window or getattr(text_config, "alibi", False):
        raise ValueError(f"{config.model_type} is not supported: only decoders with full attention in all layers are.")
