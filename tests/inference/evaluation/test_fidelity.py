"""How far a form of a model is from another, against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from inference.chat_template import ChatTemplate
from inference.evaluation.fidelity import Passage, compare, passages, with_positions

TEXT = Passage((0, 1, 1, 0), first=2)


def always(*shares: float) -> Tensor:
    """What a model says of a vocabulary of two after each of four tokens."""
    return torch.tensor([[math.log(share) for share in shares]] * 4)


def test_a_model_is_not_far_from_itself() -> None:
    found = compare(lambda _: always(0.8, 0.2), lambda _: always(0.8, 0.2), [TEXT], lambda: None)
    assert (found.positions, found.kl, found.top1) == (2, pytest.approx(0, abs=1e-7), 1.0)
    # One of the two tokens that count has 0.2, the other 0.8: the inverse of their geometric mean.
    assert found.perplexity == found.reference_perplexity == pytest.approx(1 / math.sqrt(0.16))


def test_the_distance_of_another_is_the_mean_divergence_from_the_reference() -> None:
    found = compare(lambda _: always(0.8, 0.2), lambda _: always(0.4, 0.6), [TEXT, TEXT], lambda: None)
    assert found.positions == 4
    assert found.kl == pytest.approx(0.8 * math.log(0.8 / 0.4) + 0.2 * math.log(0.2 / 0.6))
    assert found.top1 == 0.0
    assert found.perplexity == pytest.approx(1 / math.sqrt(0.24))


def test_a_token_is_foretold_by_what_stands_before_it() -> None:
    """One that reads the next token off the text knows everything; the last logits foretell nothing that is there."""

    def knows(token_ids: Sequence[int]) -> Tensor:
        logits = torch.full((len(token_ids), 2), -50.0)
        logits[range(len(token_ids)), [*token_ids[1:], 0]] = 50.0
        return logits

    assert compare(knows, knows, [TEXT], lambda: None).perplexity == pytest.approx(1.0)


def test_the_halves_share_no_text_and_leave_out_what_all_texts_begin_with(tokenizer: PreTrainedTokenizerFast) -> None:
    to_choose, to_report = passages(ChatTemplate(tokenizer))
    assert not {one.token_ids for one in to_choose} & {one.token_ids for one in to_report}
    heads = {one.token_ids[: one.first] for one in [*to_choose, *to_report]}
    assert [tokenizer.decode(head) for head in heads] == ["<|im_start|>user\n"]
    assert sum(one.positions for one in to_report) > 1200


def test_so_many_passages_are_taken_as_are_needed() -> None:
    assert with_positions([TEXT] * 5, 3) == [TEXT] * 2
    assert with_positions([TEXT] * 5, 100) == [TEXT] * 5
