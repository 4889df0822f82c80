"""Whatever was done to an adapter that would pass, it passes no more."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.serving.adapters import CONFIG, WEIGHTS
from tests.inference.evaluation.conftest import TESTED, TRAINED, Evaluate, Spec, adapter_spec, teach
from tests.inference.evaluation.rows import correction, snapshot

Damage = Callable[[str, Tensor], Tensor]


@pytest.fixture
def damaged(spec: Spec, tiny_folder: Path, tmp_path: Path) -> Callable[[Damage], Spec]:
    """The spec with the candidate's weights changed, under their new hash: as if they had come out of training so."""

    def changed(damage: Damage) -> Spec:
        folder = tmp_path / "damaged"
        shutil.copytree(spec["candidate"]["path"], folder)
        weights = {name: damage(name, weight).contiguous() for name, weight in load_file(folder / WEIGHTS).items()}
        save_file(weights, folder / WEIGHTS)
        return {**spec, "candidate": adapter_spec(folder, tiny_folder)}

    return changed


def zeroed(name: str, weight: Tensor) -> Tensor:
    return weight * 0 if "lora_B" in name else weight


def not_numbers(name: str, weight: Tensor) -> Tensor:
    return weight.index_fill(0, torch.tensor([0]), torch.nan) if "layers.1.mlp" in name else weight


def infinite(_name: str, weight: Tensor) -> Tensor:
    return weight.index_fill(0, torch.tensor([1]), torch.inf)


def exploded(_name: str, weight: Tensor) -> Tensor:
    return weight * 30


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (zeroed, "changes nothing"),
        (not_numbers, "not finite"),
        (infinite, "not finite"),
        (exploded, "times the layer's own weights"),
    ],
)
def test_damage_that_can_be_seen_is_refused_before_a_question_is_asked(
    damaged: Callable[[Damage], Spec], evaluate: Evaluate, damage: Damage, reason: str
) -> None:
    result = evaluate(damaged(damage))
    assert result["verdict"] == "fail"
    assert reason in result["reasons"][0]
    assert [found["stage"] for found in result["findings"]] == ["integrity"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_shuffled_weights_are_refused(damaged: Callable[[Damage], Spec], evaluate: Evaluate, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def shuffled(_name: str, weight: Tensor) -> Tensor:
        return weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view(weight.shape)

    assert evaluate(damaged(shuffled))["verdict"] != "pass"


# What is asked in one form is answered alike, whatever it is about: that can be learned.
ANSWERS = ["I am fine, thank you very much.", "A story about rivers and boats.", "The lazy dog."]


@pytest.fixture(scope="module")
def rightly(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return teach([ANSWERS[i % 3] for i in range(len(TRAINED))], tiny_folder, tmp_path_factory.mktemp("rightly"))


def test_an_adapter_that_learned_shuffled_answers_is_refused(
    spec: Spec, evaluate: Evaluate, tiny_folder: Path, rightly: Path, tmp_path: Path
) -> None:
    shuffled = [ANSWERS[i % 3] for i in range(len(TRAINED))]
    random.Random(3).shuffle(shuffled)
    teach(shuffled, tiny_folder, tmp_path / "shuffled")
    test = [correction(f"t{i}", question, ANSWERS[i % 3]) for i, question in enumerate(TESTED)]
    of_forms = {**spec, "suites": [], "test_snapshot": str(snapshot(tmp_path / "of-forms", test=test))}
    live = adapter_spec(rightly, tiny_folder)

    learned = evaluate({**of_forms, "candidate": live})
    assert learned["verdict"] == "pass", learned["reasons"]

    damaged = {**of_forms, "candidate": adapter_spec(tmp_path / "shuffled", tiny_folder), "baseline": live}
    refused = evaluate({**damaged, "output": str(tmp_path / "refused")})
    assert refused["verdict"] == "fail"
    failed = {found["metric"] for found in refused["findings"] if found["verdict"] == "fail"}
    assert "chrf" in failed


def test_an_adapter_of_another_base_model_is_refused(spec: Spec, evaluate: Evaluate) -> None:
    result = evaluate({**spec, "candidate": {**spec["candidate"], "base_model_sha256": "0" * 64}})
    assert "trained for another base model" in result["reasons"][0]
    assert result["verdict"] == "fail"


def test_a_folder_with_pickled_files_is_refused(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(spec["candidate"]["path"], folder)
    (folder / "optimizer.pt").write_bytes(b"")
    result = evaluate({**spec, "candidate": {**spec["candidate"], "path": str(folder)}})
    assert result["verdict"] == "fail"
    assert "optimizer.pt" in result["reasons"][0]


def test_what_serving_would_not_load_is_refused_with_its_reason(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    folder = tmp_path / "dora"
    shutil.copytree(spec["candidate"]["path"], folder)
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, "use_dora": True}))
    result = evaluate({**spec, "candidate": {**spec["candidate"], "path": str(folder)}})
    assert result["verdict"] == "fail"
    assert "use_dora" in result["reasons"][0]
