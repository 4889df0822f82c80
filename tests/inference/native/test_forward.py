"""A forward of the kernel says what the network says in float32, of any shape, whatever else is in the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from inference.serving.native.verification import divergence
from tests.inference.native.conftest import SHAPES, MakeModel, Open, network_logits, read, tokens

# Activations in 8 bits and keys and values in bfloat16, on random networks that are more sensitive than trained ones.
NATS = 0.02


@pytest.mark.parametrize("form", ["Q4_0", "Q4_1", "Q8_0"])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_it_says_what_the_network_says(make_model: MakeModel, open_backend: Open, shape: str, form: str) -> None:
    model = make_model(shape, form)
    backend, ids = open_backend(model), tokens(75)
    backend.set_pages(0, [7, 2, 9, 4, 0])
    logits = read(backend, [(token, 0, position) for position, token in enumerate(ids)], list(range(75)))
    expected = network_logits(model, ids)
    assert backend.dtype == form.lower().replace("q4_0", "q4_1")
    assert divergence(expected, logits) < NATS
    assert (expected.argmax(-1) == logits.argmax(-1)).float().mean() > 0.8


def test_every_instruction_set_says_the_same(make_model: MakeModel, open_backend: Open, level: str) -> None:
    for shape, form in (("odd heads", "Q4_1"), ("many share", "Q8_0")):
        model, ids = make_model(shape, form), tokens(45)
        backend = open_backend(model, level)
        backend.set_pages(3, [1, 2, 3])
        logits = read(backend, [(token, 3, position) for position, token in enumerate(ids)], list(range(45)))
        assert divergence(network_logits(model, ids), logits) < NATS


@pytest.mark.parametrize("shape", list(SHAPES))
def test_rows_read_together_say_what_they_say_alone(make_model: MakeModel, open_backend: Open, shape: str) -> None:
    """Bit by bit: pieces of prompts of several slots and single tokens, in one forward or one after the other."""
    backend = open_backend(make_model(shape, "Q4_1"))
    texts = [tokens(length, seed) for seed, length in enumerate((40, 17, 33, 2))]
    alone = []
    for slot, ids in enumerate(texts):
        backend.set_pages(slot, range(4 * slot, 4 * slot + 4))
        for position, token in enumerate(ids):
            logits = read(backend, [(token, slot, position)], [0])
        alone.append(logits[0])
    for slot in range(4):
        backend.set_pages(slot, range(31 - 4 * slot, 27 - 4 * slot, -1))
    first = [
        (token, slot, position) for slot, ids in enumerate(texts) for position, token in enumerate(ids[: 10 - slot])
    ]
    read(backend, first, [])
    rest = [
        (token, slot, position)
        for slot, ids in enumerate(texts)
        for position, token in enumerate(ids)
        if position >= 10 - slot
    ]
    ends = [max(i for i, row in enumerate(rest) if row[1] == slot) for slot in range(3)]
    together = read(backend, rest, ends)
    assert torch.equal(together, torch.stack(alone[:3]))


@pytest.mark.parametrize("outputs", [[0, 127, 128, 199, 289], [289, 128, 0], []], ids=["in order", "not", "none"])
def test_more_rows_than_are_taken_at_once_say_the_same(
    make_model: MakeModel, open_backend: Open, outputs: list[int]
) -> None:
    """Bit by bit, whichever of them are asked for."""
    backend = open_backend(make_model("grouped", "Q4_1"))
    backend.set_pages(0, range(13))
    backend.set_pages(1, range(13, 19))
    rows = [(token, 0, position) for position, token in enumerate(tokens(200))]
    rows += [(token, 1, position) for position, token in enumerate(tokens(90, 1))]
    few = torch.cat([read(backend, rows[at : at + 29], list(range(29))) for at in range(0, 290, 29)])
    assert torch.equal(read(backend, rows, outputs), few[outputs])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(make_model: MakeModel, open_backend: Open, threads: int) -> None:
    """Bit by bit: a long prompt, of which all crews have rows; many slots, some or none of them with rows of two crews;
    few rows, which one crew has."""
    ids = tokens(50)
    prompt = [(token, 0, position) for position, token in enumerate(ids)]
    many = [(token, slot, position) for slot in range(1, 8) for position, token in enumerate(ids[: 2 + slot])]
    pairs = [(ids[i], slot, (2 + slot if slot else 50) + i) for slot in range(8) for i in (0, 1)]
    said = []
    for backend in (open_backend(make_model("many share", "Q4_1"), threads=count) for count in (1, threads)):
        for slot in range(8):
            backend.set_pages(slot, range(4 * slot, 4 * slot + 4))
        said.append([
            read(backend, prompt, [49, 0, 7]),
            read(backend, many, list(range(0, len(many), 2))),
            read(backend, pairs, [1, 8, 15]),
            read(backend, pairs[3:9], list(range(6))),
            read(backend, pairs[:1], [0]),
        ])  # fmt: skip
    for alone, together in zip(*said, strict=True):
        assert torch.equal(alone, together)


def test_slots_that_share_pages_read_the_same_beginning(make_model: MakeModel, open_backend: Open) -> None:
    backend = open_backend(make_model())
    beginning, ends = tokens(32), [tokens(3, 1), tokens(3, 2)]
    backend.set_pages(0, [5, 6])
    read(backend, [(token, 0, position) for position, token in enumerate(beginning)], [])
    for slot, page in ((1, 7), (2, 8)):
        backend.set_pages(slot, [5, 6, page])
    rows = [(token, slot, 32 + i) for slot, end in zip((1, 2), ends, strict=True) for i, token in enumerate(end)]
    shared = read(backend, rows, [2, 5])
    for slot, end in enumerate(ends):
        backend.set_pages(3, [20, 21, 22])
        whole = [(token, 3, position) for position, token in enumerate(beginning + end)]
        assert torch.equal(read(backend, whole, [34])[0], shared[slot])


def test_what_an_earlier_row_left_in_a_page_does_not_matter(make_model: MakeModel, open_backend: Open) -> None:
    backend = open_backend(make_model())
    rows = [(token, 0, position) for position, token in enumerate(tokens(21))]
    backend.set_pages(0, [0, 1])
    fresh = read(backend, rows, [20])
    backend.set_pages(1, [0, 1])
    read(backend, [(token, 1, position) for position, token in enumerate(tokens(32, 9))], [])
    assert torch.equal(read(backend, rows, [20]), fresh)


def test_weights_in_float32_are_quantised_to_8_bits(make_model: MakeModel, open_backend: Open) -> None:
    model, ids = make_model("grouped", ""), tokens(40)
    backend = open_backend(model)
    backend.set_pages(0, range(3))
    logits = read(backend, [(token, 0, position) for position, token in enumerate(ids)], list(range(40)))
    assert backend.dtype == "q8_0"
    assert divergence(network_logits(model, ids), logits) < NATS


@pytest.mark.model
def test_the_real_model_is_computed_from_the_blocks_of_its_file(real_folder: Path, open_backend: Open) -> None:
    from transformers import AutoTokenizer

    text = "Rain is water that falls from clouds. It forms when warm air rises, cools, and can hold no more vapour. "
    ids = AutoTokenizer.from_pretrained(real_folder)(text * 3)["input_ids"]
    backend = open_backend(real_folder)
    backend.set_pages(0, range(8))
    logits = read(backend, [(token, 0, position) for position, token in enumerate(ids)], list(range(len(ids))))
    assert backend.dtype == "q4_1/q8_0"
    assert divergence(network_logits(real_folder, ids), logits) < 0.01
