"""The base model's own answers are those that it gives when served, and are written once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.interruption import Stopped
from inference.training.replay import ReplayCache, read_anchors, rows_of
from tests.inference.conftest import make_tokenizer
from tests.inference.listening import Listener, ask, ids_of

TEMPLATE = ChatTemplate(make_tokenizer())
TOKENS = 12


@pytest.fixture
def network(tiny_folder: Path) -> Any:
    return pretrained.load_network(tiny_folder, torch.float32, torch.device("cpu"))


def make_cache(folder: Path, base: str = "0" * 64) -> ReplayCache:
    return ReplayCache(folder, base, TEMPLATE, torch.float32, TOKENS)


def test_the_answers_are_those_of_the_engine(network: Any, tmp_path: Path, tiny: Listener) -> None:
    ends = pretrained.end_ids(network.generation_config, make_tokenizer())
    answers = make_cache(tmp_path).answers(network, ends, lambda done, of: None)
    served = tiny.run(*(ask(text, max_tokens=TOKENS) for text in read_anchors()))
    assert [turn.answer_ids for turn in answers] == [ids_of(events) for events in served]


def test_a_run_that_was_stopped_goes_on_where_it_was(network: Any, tmp_path: Path) -> None:
    ends = pretrained.end_ids(network.generation_config, make_tokenizer())

    def stop_after_some(done: int, of: int) -> None:
        if done > of / 2:
            raise Stopped

    cache = make_cache(tmp_path)
    with pytest.raises(Stopped):
        cache.answers(network, ends, stop_after_some)
    assert 0 < cache.missing < len(read_anchors())
    heard: list[int] = []
    resumed = cache.answers(network, ends, lambda done, of: heard.append(done))
    assert heard[0] > len(read_anchors()) / 2
    assert resumed == make_cache(tmp_path / "fresh").answers(network, ends, lambda done, of: None)
    assert cache.answers(None, ends, stop_after_some) == resumed, "nothing is left to write"
    assert make_cache(tmp_path, base="1" * 64).missing == len(read_anchors())


def test_the_anchors_differ_and_some_are_held_out(network: Any, tmp_path: Path) -> None:
    anchors = read_anchors()
    assert len(anchors) == len(set(anchors)) == 60
    assert sum(any("\u4e00" <= letter <= "\u9fff" for letter in anchor) for anchor in anchors) >= 12
    ends = pretrained.end_ids(network.generation_config, make_tokenizer())
    replayed, held_out = rows_of(make_cache(tmp_path).answers(network, ends, lambda done, of: None))
    assert (len(replayed), len(held_out)) == (48, 12)
    assert not {row.turns[0].prompt_ids for row in replayed} & {row.turns[0].prompt_ids for row in held_out}
