"""A turn in a pack has the log-probabilities that it has alone, and its neighbours cannot be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import pretrained
from inference.chat_template import Turn
from inference.training.packing import answer_log_probabilities, pack, use_packs
from inference.training.reference import measure

CPU = torch.device("cpu")
IDS = st.lists(st.integers(0, 399), min_size=1, max_size=12).map(tuple)
# Of three tokens alone many turns begin alike, and some are equal or the beginning of others.
FEW = st.lists(st.integers(0, 2), min_size=1, max_size=5).map(tuple)
TURNS = st.lists(st.builds(Turn, IDS, IDS) | st.builds(Turn, FEW, FEW), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def network(tiny_folder: Path):
    return pretrained.load_network(tiny_folder, torch.float32, CPU)


def alone(network, turn: Turn) -> torch.Tensor:
    """As transformers computes it: one row, all logits, its own attention."""
    network.set_attn_implementation("sdpa")
    with torch.no_grad():
        logits = network(torch.tensor([turn.token_ids])).logits[0].log_softmax(-1)
    first = len(turn.prompt_ids)
    return torch.stack([logits[first + at - 1, token_id] for at, token_id in enumerate(turn.answer_ids)])


@settings(max_examples=30, deadline=None)
@given(turns=TURNS)
def test_packed_as_alone(network, turns: list[Turn]) -> None:
    expected = [alone(network, turn) for turn in turns]
    use_packs(network)
    with torch.no_grad():
        found = answer_log_probabilities(network, pack(turns, CPU))
    for each, wanted in zip(found, expected, strict=True):
        assert torch.allclose(each, wanted, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(turns=TURNS, tokens=st.integers(1, 60))
def test_measured_in_the_order_in_which_they_were_given(network, turns: list[Turn], tokens: int) -> None:
    expected = [alone(network, turn) for turn in turns]
    use_packs(network)
    found = measure(network, turns, tokens, lambda done, of: None)
    assert all(torch.allclose(each, wanted, atol=1e-4) for each, wanted in zip(found, expected, strict=True))


def test_what_turns_have_in_common_at_their_beginning_is_computed_once() -> None:
    begun = (7, 8, 9)
    turns = [Turn((*begun, 1), (2, 3)), Turn((*begun, 1), (2, 4, 5)), Turn((*begun, 6), (2, 3))]
    packed = pack(turns, CPU)
    assert packed.token_ids.tolist() == [[7, 8, 9, 1, 2, 4, 6, 2]]
    assert packed.positions.tolist() == [[0, 1, 2, 3, 4, 5, 3, 4]]


def test_gradients_are_those_of_turns_alone(network) -> None:
    """Of the embeddings, through which each token's gradient goes on its own way."""
    turns = [Turn((1, 2, 3), (4, 5)), Turn((1, 2, 3), (4, 6)), Turn((1, 9), (4,))]
    embeddings = network.get_input_embeddings().weight

    def gradient(packs: list[list[Turn]]) -> torch.Tensor:
        embeddings.grad = None
        use_packs(network)
        for each in packs:
            sum(part.sum() for part in answer_log_probabilities(network, pack(each, CPU))).backward()
        found, embeddings.grad = embeddings.grad, None
        return found

    assert torch.allclose(gradient([turns]), gradient([[turn] for turn in turns]), atol=1e-4)
