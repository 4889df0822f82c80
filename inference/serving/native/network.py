"""What the kernel must know of a model: its sizes and where its weights stand. Knows nothing of how they are packed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from inference.serving.native import NativeUnavailable

GROUP = 32  # quantised.h
LANES = 16  # lanes.h
# Angles that do not change with the length of what is read.
ROTATIONS = {"default", "linear", "llama3"}
LINEARS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
           "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip
EMBEDDING = "model.embed_tokens"
HEAD = "lm_head"


@dataclass(frozen=True)
class Network:
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    max_context: int
    epsilon: float
    is_tied: bool  # the embedding is the head too
    rotary: NDArray[np.float32]  # [head_size / 2], the angle per position
    rotary_scale: float

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) by full name, in the order of their numbers in model.h."""
        heads, kv = self.heads * self.head_size, self.kv_heads * self.head_size
        hidden, wide = self.hidden, self.intermediate
        shapes = ((hidden, heads), (hidden, kv), (hidden, kv), (heads, hidden),
                  (hidden, wide), (hidden, wide), (wide, hidden))  # fmt: skip
        names = {
            f"model.layers.{layer}.{name}": shape
            for layer in range(self.layers)
            for name, shape in zip(LINEARS, shapes, strict=True)
        }
        return {**names, HEAD: (hidden, self.vocabulary)}

    @property
    def tensors(self) -> list[str]:
        """The names of all weights, in the order in which the kernel takes them (api.cpp); the head last if it has its
        own."""
        names = []
        for layer in range(self.layers):
            parts = ["input_layernorm", *LINEARS[:4], "post_attention_layernorm", *LINEARS[4:]]
            names += [f"model.layers.{layer}.{part}.weight" for part in parts]
        names += ["model.norm.weight", f"{EMBEDDING}.weight"]
        return names if self.is_tied else [*names, f"{HEAD}.weight"]


def read_network(folder: Path) -> Network:
    """Raises NativeUnavailable with a sentence for models that the kernel does not know."""
    config: Any = AutoConfig.from_pretrained(folder)
    if config.model_type != "llama" or config.hidden_act != "silu" or config.attention_bias or config.mlp_bias:
        raise NativeUnavailable("It knows models of the type llama without biases alone.")
    head_size = config.head_dim or config.hidden_size // config.num_attention_heads
    kind = config.rope_parameters.get("rope_type", "default")
    if kind not in ROTATIONS or config.rope_parameters.get("partial_rotary_factor", 1) != 1:
        raise NativeUnavailable(f"It does not know how this model tells positions apart ({kind}).")
    heads = config.num_attention_heads * head_size
    if config.hidden_size % GROUP or config.intermediate_size % GROUP or heads % GROUP or head_size % LANES:
        raise NativeUnavailable(
            f"Its widths ({config.hidden_size}, {config.intermediate_size}, {heads}) must be multiples of {GROUP}, "
            f"and the size of a head ({head_size}) of {LANES}."
        )
    rotary, rotary_scale = _rotary(config, kind, head_size)
    return Network(
        config.num_hidden_layers,
        config.hidden_size,
        config.intermediate_size,
        config.num_attention_heads,
        config.num_key_value_heads,
        head_size,
        config.vocab_size,
        config.max_position_embeddings,
        config.rms_norm_eps,
        config.tie_word_embeddings,
        rotary,
        rotary_scale,
    )


def _rotary(config: Any, kind: str, head_size: int) -> tuple[NDArray[np.float32], float]:
    """[head_size / 2] angles per position, and what cosines and sines are multiplied with; as transformers has them."""
    if kind == "default":
        powers = np.arange(0, head_size, 2, dtype=np.float32) / np.float32(head_size)
        return (1.0 / np.float32(config.rope_parameters["rope_theta"]) ** powers).astype(np.float32), 1.0
    angles, scale = ROPE_INIT_FUNCTIONS[kind](config, device=None)
    return angles.float().numpy(), float(scale)
