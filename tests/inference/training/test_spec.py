"""A spec is read strictly: what is unknown, missing or of a wrong type is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference.training.failure import TrainingFailure
from inference.training.spec import Batch, read_spec
from tests.inference.training.conftest import SpecWriter, sft
from tests.inference.training.running import run

LEAST = {"base_model": "m", "base_model_sha256": "0", "snapshot": "s", "output": "o", "cache": "c"}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path / "spec.json", {**LEAST, "lora": {"rank": 4}, "optimizer": {"learning_rate": 1}}))
    assert (spec.lora.rank, spec.lora.alpha, spec.epochs, spec.batch.rows) == (4, 16, 3, 8)
    assert isinstance(spec.optimizer.learning_rate, float)


def test_how_much_is_computed_at_a_time_suits_the_device_unless_it_is_said() -> None:
    assert (Batch().on("cpu").tokens, Batch().on("cuda").tokens) == (1024, 4096)
    assert Batch(tokens=90).on("cuda").tokens == 90


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "The spec must be an object"),
        ({"base_model": "m"}, "is missing"),
        ({**LEAST, "colour": 1}, "There is no setting colour"),
        ({**LEAST, "lora": {"rnk": 1}}, "There is no setting lora.rnk"),
        ({**LEAST, "lora": 8}, "Lora must be an object"),
        ({**LEAST, "lora": {"rank": 8.0}}, "lora.rank must be a whole number"),
        ({**LEAST, "lora": {"rank": True}}, "lora.rank must be a whole number"),
        ({**LEAST, "lora": {"rank": 0}}, "from 1 to 256"),
        ({**LEAST, "optimizer": {"learning_rate": "fast"}}, "must be a number"),
        ({**LEAST, "optimizer": {"learning_rate": float("nan")}}, "must be a number"),
        ({**LEAST, "objectives": {"label_flip": 0.5}}, "label_flip"),
        ({**LEAST, "dtype": "float16"}, "must be one of auto, float32, bfloat16"),
        ({**LEAST, "dry_run": 1}, "must be true or false"),
        ({**LEAST, "pause_file": 1}, "must be text or null"),
        ({**LEAST, "epochs": 0}, "epochs must be"),
        ({**LEAST, "v": 2}, "V must be 1"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(TrainingFailure) as caught:
        read_spec(write(tmp_path / "spec.json", content))
    assert (caught.value.code, caught.value.is_input) == ("spec.invalid", True)
    assert reason.lower() in str(caught.value).lower()


def test_the_hash_is_of_what_decides_the_result(tmp_path: Path) -> None:
    def sha256(**changes: Any) -> str:
        return read_spec(write(tmp_path / "spec.json", {**LEAST, **changes})).sha256

    assert sha256(output="elsewhere", pause_file="p", lora={"rank": 8}) == sha256()
    assert len({sha256(), sha256(seed=1), sha256(lora={"rank": 4}), sha256(epochs=2)}) == 4


@pytest.mark.parametrize(
    ("rows", "settings", "code"),
    [
        ([sft(1)], {"colour": 1}, "spec.invalid"),
        ([sft(1)], {"base_model_sha256": "0" * 64}, "training.base_unusable"),
        ([sft(1)], {"base_model": "/nowhere/at/all"}, "training.base_unusable"),
        ([sft(1)], {"max_length": 5000}, "training.base_unusable"),
        ([], {}, "snapshot.empty"),
        ([sft(1, weight=0)], {}, "snapshot.empty"),
        ([{"id": "x"}], {}, "snapshot.row_invalid"),
    ],
)
def test_a_run_on_bad_input_says_why_and_ends_with_65(
    write_spec: SpecWriter, rows: list[Any], settings: dict[str, Any], code: str
) -> None:
    status, events = run(write_spec(rows, **settings))
    assert status == 65
    assert events[-1]["event"] == "failed"
    assert events[-1]["code"] == code
    assert events[-1]["message"].endswith(".")
