"""A base model as torch runs it: the network, where and in what it computes, and adapters beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inference import pretrained
from inference.serving.lora import LoraLayers


class BaseModel:
    """The network in `folder`, in `dtype` or for "auto" the fastest, adapters in `layers`. Raises OSError or ValueError
    with a sentence."""

    def __init__(self, folder: Path, dtype: str, layers: type[LoraLayers] = LoraLayers) -> None:
        self.folder = folder
        self.device = pretrained.best_device()
        self.dtype = pretrained.dtype_for(dtype, self.device)
        self.network: Any = pretrained.load_network(folder, self.dtype, self.device)
        self.lora = layers(self.network)
        self.vocabulary: int = self.network.get_input_embeddings().num_embeddings
        self.max_context: int = self.network.config.get_text_config().max_position_embeddings
