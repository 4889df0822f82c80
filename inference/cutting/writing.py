"""Writes a model's folder without some of its layers. The weights that stay are copied as they are stored."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from huggingface_hub import save_torch_state_dict
from safetensors import safe_open
from torch import Tensor

from inference import model_files
from inference.pretrained import HUB_FILES

# Their weights are named model.layers.N, all layers are alike, and none shares weights with another. A mixture of
# experts or a model that mixes kinds of layers says something else here.
CUTTABLE = ("llama", "mistral", "qwen2", "qwen3")
CONFIG = "config.json"
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")


def read_config(folder: Path) -> dict[str, Any]:
    """Raises OSError when there is none, and ValueError with a sentence when the model cannot be cut."""
    config: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if config.get("model_type") not in CUTTABLE:
        raise ValueError(
            f"Models of the type {config.get('model_type')} cannot be cut, only those of {', '.join(CUTTABLE)}."
        )
    if config.get("quantization_config"):
        raise ValueError("The weights are quantised already; cut the model that they were made from.")
    return config


def write(source: Path, dropped: Collection[int], target: Path) -> None:
    """Write the model in `source` without the layers `dropped` into `target`, which is empty. Raises OSError."""
    config = read_config(source)
    kept = [number for number in range(config["num_hidden_layers"]) if number not in dropped]
    # transformers loads what these names say; the files say nothing else about layers.
    config["num_hidden_layers"] = len(kept)
    if config.get("layer_types"):
        config["layer_types"] = [config["layer_types"][number] for number in kept]
    for path in source.iterdir():
        is_ours = path.name in (CONFIG, model_files.MANIFEST) or path.name.endswith(".index.json")
        if not is_ours and path.suffix != ".safetensors" and any(fnmatch(path.name, form) for form in HUB_FILES):
            shutil.copyfile(path, target / path.name)
    (target / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save_torch_state_dict(_weights(source, kept), target)
    model_files.write_manifest(target, model_files.base_model_sha256(source))


def _weights(source: Path, kept: list[int]) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for path in sorted(source.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 -- not a dict
                of_layer = _LAYER.fullmatch(name)
                if not of_layer:
                    weights[name] = file.get_tensor(name)
                elif int(of_layer[1]) in kept:
                    weights[f"model.layers.{kept.index(int(of_layer[1]))}.{of_layer[2]}"] = file.get_tensor(name)
    return weights
