"""Many turns in one forward without padding: laid end to end as one row, each attending to itself alone.

Only the positions that predict an answer's tokens reach the head, whose product is as large as many layers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from inference.chat_template import Turn
from inference.training.losses import token_log_probabilities

PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Pack:
    """`token_ids` and `positions` are [1, tokens]; `kept` and `targets` [answer tokens]: where in the pack an answer's
    token is predicted, and which it is. `lengths` and `answers` count each turn's tokens in the pack and its answer's.
    """

    token_ids: Tensor
    positions: Tensor
    kept: Tensor
    targets: Tensor
    lengths: tuple[int, ...]
    answers: tuple[int, ...]


def pack(turns: Sequence[Turn], device: torch.device) -> Pack:
    """Lay `turns` end to end. The last token of each predicts nothing and is left out."""
    token_ids: list[int] = []
    positions: list[int] = []
    kept: list[int] = []
    targets: list[int] = []
    for turn in turns:
        first = len(token_ids) + len(turn.prompt_ids) - 1
        token_ids += turn.token_ids[:-1]
        positions += range(len(turn.token_ids) - 1)
        kept += range(first, first + len(turn.answer_ids))
        targets += turn.answer_ids
    return Pack(
        torch.tensor([token_ids], device=device),
        torch.tensor([positions], device=device),
        torch.tensor(kept, device=device),
        torch.tensor(targets, device=device),
        tuple(len(turn.token_ids) - 1 for turn in turns),
        tuple(len(turn.answer_ids) for turn in turns),
    )


def answer_log_probabilities(network: Any, pack: Pack) -> tuple[Tensor, ...]:
    """For each turn of `pack` the log-probability of each token of its answer, [answer tokens], float32, in nats."""
    output = network(
        input_ids=pack.token_ids,
        position_ids=pack.positions,
        logits_to_keep=pack.kept,
        use_cache=False,
        pack_lengths=pack.lengths,
    )
    return torch.split(token_log_probabilities(output.logits[0], pack.targets), list(pack.answers))


def attend_within_turns(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Causal attention of each turn to itself; `query`, `key` and `value` are [1, heads, tokens, width].

    One call for each turn costs less than one with a mask over all tokens, which hides most of what it computes.
    """
    lengths = options.pop("pack_lengths")
    parts = zip(*(torch.split(each, lengths, dim=2) for each in (query, key, value)), strict=True)
    outputs = [sdpa_attention_forward(module, q, k, v, None, is_causal=True, **options)[0] for q, k, v in parts]
    return torch.cat(outputs, dim=1), None


AttentionInterface.register(PACKED, attend_within_turns)


def use_packs(network: Any) -> None:
    """Let `network` read packs from now on, and nothing else."""
    network.set_attn_implementation(PACKED)
