"""How far a form of a model is from another, against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from inference.chat_template import ChatTemplate
from inference.evaluation.fidelity import Passages, Read, compare, passages

TEXT = Passages(head=(0, 1), texts=((1, 0),))
TEXTS = Passages(head=(0, 1), texts=((1, 0), (0, 1, 1)))


def always(*shares: float) -> Read:
    """A model that says the same of a vocabulary of two after each token."""
    return lambda token_ids, _: torch.tensor([[math.log(share) for share in shares]] * len(token_ids))


def test_a_model_is_not_far_from_itself() -> None:
    found = compare(always(0.8, 0.2), always(0.8, 0.2), TEXT, lambda: None)
    assert (found.positions, found.kl, found.top1) == (2, pytest.approx(0, abs=1e-7), 1.0)
    # One of the two tokens has 0.2, the other 0.8: the inverse of their geometric mean.
    assert found.perplexity == found.reference_perplexity == pytest.approx(1 / math.sqrt(0.16))


def test_the_distance_of_another_is_the_mean_divergence_from_the_reference() -> None:
    found = compare(always(0.8, 0.2), always(0.4, 0.6), TEXTS, lambda: None)
    assert found.positions == 5
    assert found.kl == pytest.approx(0.8 * math.log(0.8 / 0.4) + 0.2 * math.log(0.2 / 0.6))
    assert found.top1 == 0.0
    assert found.perplexity == pytest.approx(math.exp(-(2 * math.log(0.4) + 3 * math.log(0.6)) / 5))


def test_a_token_is_foretold_by_what_stands_before_it() -> None:
    """One that sees the next token knows everything but how each text begins, of which it only has heard the head."""

    def knows(token_ids: Sequence[int], begin: int) -> Tensor:
        logits = torch.full((len(token_ids), 2), -50.0)
        logits[range(len(token_ids)), [*token_ids[1:], 0]] = 50.0
        if begin == 0:
            logits[-1] = 0.0
        return logits

    assert compare(knows, knows, TEXTS, lambda: None).perplexity == pytest.approx(2 ** (2 / 5))


def test_the_halves_share_no_text_and_leave_out_what_all_texts_begin_with(tokenizer: PreTrainedTokenizerFast) -> None:
    to_choose, to_report = passages(ChatTemplate(tokenizer))
    assert not set(to_choose.texts) & set(to_report.texts)
    assert to_choose.head == to_report.head
    assert tokenizer.decode(to_choose.head) == "<|im_start|>user\n"
    assert to_report.positions > 1200


def test_so_many_texts_are_taken_as_are_needed() -> None:
    assert TEXTS.with_positions(2) == TEXT
    assert TEXTS.with_positions(3) == TEXTS.with_positions(100) == TEXTS
