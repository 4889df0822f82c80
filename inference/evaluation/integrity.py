"""Whether an adapter may be asked at all. Most is refused by serving/adapters.py, which also loads it in production;
here is what loads without complaint and is still wrong."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from inference.contract import AdapterError, AdapterRef
from inference.evaluation.scorer import Scorer
from inference.serving.lora import LoraLayers

# Files that are run when they are read, or may be. Nobody needs to open them for the adapter to be refused.
PICKLED = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}


def refusal(
    scorer: Scorer, adapter: AdapterRef, trained_on_sha256: str, base_model_sha256: str, max_norm: float
) -> str | None:
    """Why `adapter` must not be served, in a sentence, or None. `max_norm` bounds, for each layer, the Frobenius norm
    of what the adapter adds, relative to the layer's own weights."""
    if trained_on_sha256 != base_model_sha256:
        return (
            f"The adapter was trained for another base model ({trained_on_sha256[:12]}, not {base_model_sha256[:12]})."
        )
    pickled = sorted(path.name for path in Path(adapter.path).glob("*") if path.suffix in PICKLED)
    if pickled:
        return f"The adapter's folder holds {pickled[0]}; only safetensors are allowed."
    try:
        index = scorer.adapters.load(adapter, ())
    except AdapterError as error:
        return str(error)
    norms = relative_norms(scorer.model.lora, index)
    if max(norms.values()) == 0:
        return "The adapter changes nothing: all that it adds is zero."
    worst = max(norms, key=lambda layer: math.inf if math.isnan(norms[layer]) else norms[layer])
    if not norms[worst] <= max_norm:
        return (
            f"The adapter changes {worst} by {norms[worst]:.2f} times the layer's own weights; {max_norm:g} is allowed."
        )
    return None


@torch.inference_mode()
def relative_norms(lora: LoraLayers, index: int) -> dict[str, float]:
    """‖s·B·A‖ / ‖W‖ (Frobenius) of every layer that the adapter changes."""
    return {
        name: abs(pair.scale) * _product_norm(pair.b, pair.a) / float(weight.double().norm())
        for name, weight, pair in lora.pairs(index)
    }


def _product_norm(b: Tensor, a: Tensor) -> float:
    """‖B·A‖ from matrices of rank × rank: tr(AᵀBᵀBA) = tr(BᵀB · AAᵀ)."""
    a, b = a.double(), b.double()
    square = float(((b.T @ b) * (a @ a.T)).sum())
    return math.sqrt(square) if not square <= 0 else 0.0
