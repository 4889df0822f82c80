"""Many turns in one forward without padding: laid end to end as one row, each attending to itself alone.

What turns have in common from their beginning on, such as a system message or the prompt of two answers, is computed
once. Only the positions that predict an answer's tokens reach the head, whose product is as large as many layers'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from inference.chat_template import Turn
from inference.training.attention import attend
from inference.training.losses import token_log_probabilities

PACKED = "packed"


@dataclass(frozen=True, slots=True)
class Pack:
    """`token_ids` and `positions` are [1, tokens]; `kept` and `targets` [answer tokens]: where in the pack an answer's
    token is predicted, and which it is. `answers` counts the tokens of each turn's answer, `lengths` those that it adds
    to the pack. The pack is cut into `stretches` of so many tokens; those of `paths` make up each turn.
    """

    token_ids: Tensor
    positions: Tensor
    kept: Tensor
    targets: Tensor
    answers: tuple[int, ...]
    lengths: tuple[int, ...]
    stretches: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]


def pack(turns: Sequence[Turn], device: torch.device) -> Pack:
    """Lay `turns` end to end, of each what no earlier one begins with. The last token of each predicts nothing and is
    left out."""
    known: dict[tuple[int, int], int] = {}  # where a token stands that follows the one that stands there
    token_ids: list[int] = []
    positions: list[int] = []
    kept: list[int] = []
    targets: list[int] = []
    lengths: list[int] = []
    places: list[list[int]] = []  # of each turn's tokens
    for turn in turns:
        before, at = len(token_ids), -1
        place: list[int] = []
        for position, token_id in enumerate(turn.token_ids[:-1]):
            at = known.setdefault((at, token_id), len(token_ids))
            if at == len(token_ids):
                token_ids.append(token_id)
                positions.append(position)
            place.append(at)
        kept += place[len(turn.prompt_ids) - 1 :]
        targets += turn.answer_ids
        lengths.append(len(token_ids) - before)
        places.append(place)
    stretches, paths = _stretches(places)
    return Pack(
        torch.tensor([token_ids], device=device),
        torch.tensor([positions], device=device),
        torch.tensor(kept, device=device),
        torch.tensor(targets, device=device),
        tuple(len(turn.answer_ids) for turn in turns),
        tuple(lengths),
        stretches,
        paths,
    )


def _stretches(places: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """How long the longest pieces are of which each turn has all or nothing, and which ones each turn has."""
    cuts = {0}
    for place in places:
        cuts.add(place[-1] + 1)
        for before, after in pairwise(place):
            if after != before + 1:
                cuts |= {before + 1, after}
    begins = sorted(cuts)
    number = {begin: at for at, begin in enumerate(begins)}
    paths = tuple(tuple(number[at] for at in place if at in number) for place in places)
    return tuple(end - begin for begin, end in pairwise(begins)), paths


def answer_log_probabilities(network: Any, pack: Pack) -> tuple[Tensor, ...]:
    """For each turn of `pack` the log-probability of each token of its answer, [answer tokens], float32, in nats."""
    output = network(
        input_ids=pack.token_ids,
        position_ids=pack.positions,
        logits_to_keep=pack.kept,
        use_cache=False,
        pack=pack,
    )
    return torch.split(token_log_probabilities(output.logits[0], pack.targets), list(pack.answers))


def attend_within_turns(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Causal attention of each turn to itself; `query`, `key` and `value` are [1, heads, tokens, width].

    One call for each turn costs less than one with a mask over all tokens, which hides most of what it computes.
    """
    pack: Pack = options.pop("pack")
    keys, values = (torch.split(each, list(pack.stretches), dim=2) for each in (key, value))
    outputs = [
        attend(module, own, *(torch.cat([each[at] for at in path], dim=2) for each in (keys, values)), **options)
        for own, path in zip(torch.split(query, list(pack.lengths), dim=2), pack.paths, strict=True)
        if own.shape[2]  # else the turn is the beginning of another one
    ]
    return torch.cat(outputs, dim=1), None


AttentionInterface.register(PACKED, attend_within_turns)


def use_packs(network: Any) -> None:
    """Let `network` read packs from now on, and nothing else."""
    network.set_attn_implementation(PACKED)
