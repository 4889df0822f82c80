"""A cut model is the whole one without the layers that it misses least, and says what that cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference import model_files
from inference.contract import AdapterError, Engine, EngineConfig
from inference.cutting.run import cut
from inference.evaluation.integrity import refusal
from inference.serving.engine import TransformersEngine
from tests.inference.conftest import ref_of
from tests.inference.cutting.conftest import USELESS, make_whole
from tests.inference.listening import Listener, ask, text_of

TEXT = "How are you today? 你好"


def logits(folder: Path) -> torch.Tensor:
    ids = AutoTokenizer.from_pretrained(folder)(TEXT, return_tensors="pt").input_ids
    with torch.inference_mode():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits


def test_the_layers_that_do_nothing_are_left_out_and_nothing_else_changes(whole: Path, smaller: Path) -> None:
    report = json.loads((smaller / "cutting.json").read_text())
    assert sorted(removal["layer"] for removal in report["removals"]) == list(USELESS)
    assert report["layers"] == [4, 2]
    torch.testing.assert_close(logits(smaller), logits(whole), rtol=1e-4, atol=1e-4)
    assert report["fidelity"]["positions"] >= 1000
    assert report["fidelity"]["kl"] == pytest.approx(0, abs=1e-4)
    assert report["fidelity"]["top1"] > 0.99


def test_the_report_counts_what_is_there(whole: Path, smaller: Path) -> None:
    report = json.loads((smaller / "cutting.json").read_text())
    networks = [AutoModelForCausalLM.from_pretrained(folder) for folder in (whole, smaller)]
    assert report["parameters"] == [sum(one.numel() for one in network.parameters()) for network in networks]
    assert report["bytes"][0] > report["bytes"][1] == sum(path.stat().st_size for path in smaller.glob("*.safetensors"))
    assert min(report["tokens_per_s"]) > 0


def test_a_layer_that_does_something_costs_something(whole: Path, tmp_path: Path) -> None:
    report = cut(str(whole), 3, tmp_path / "cut", "float32")
    first, second, third = report["removals"]
    assert {first["layer"], second["layer"]} == set(USELESS)
    assert third["layer"] in (0, 3)
    assert third["kl"] > 0.1 > second["kl"]
    assert report["fidelity"]["kl"] > 0.1
    assert report["fidelity"]["top1"] < 1


def test_an_engine_writes_with_it_what_it_writes_with_the_whole(
    whole: Path, smaller: Path, start: Callable[[Engine], Listener]
) -> None:
    said = []
    for folder in (whole, smaller):
        listener = start(TransformersEngine(EngineConfig(str(folder), dtype="float32")))
        said += [text_of(events) for events in listener.run(ask("How are you?"))]
    assert said[0] == said[1] != ""


def test_weights_stay_as_they_are_stored(whole: Path, tmp_path: Path) -> None:
    AutoModelForCausalLM.from_pretrained(whole, dtype=torch.bfloat16).save_pretrained(tmp_path / "stored")
    AutoTokenizer.from_pretrained(whole).save_pretrained(tmp_path / "stored")
    cut(str(tmp_path / "stored"), 1, tmp_path / "cut", "float32")
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "cut", dtype="auto")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("kind", ["mistral", "qwen2", "qwen3"])
def test_other_architectures_are_cut_alike(kind: str, tmp_path: Path) -> None:
    report = cut(str(make_whole(tmp_path / kind, kind)), 2, tmp_path / "cut", "float32")
    assert sorted(removal["layer"] for removal in report["removals"]) == list(USELESS)
    torch.testing.assert_close(logits(tmp_path / "cut"), logits(tmp_path / kind), rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_an_adapter_of_the_whole_model_is_refused(
    whole: Path, smaller: Path, tmp_path: Path, start: Callable[[Engine], Listener]
) -> None:
    config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(whole), config).save_pretrained(tmp_path / "adapter")
    adapter = ref_of(tmp_path / "adapter")
    of_whole, of_smaller = (model_files.base_model_sha256(folder) for folder in (whole, smaller))
    assert of_smaller == json.loads((smaller / "cutting.json").read_text())["base_model_sha256"]

    scorer: Any = None  # the hashes are compared before anything is loaded
    assert "was trained for another base model" in str(refusal(scorer, adapter, of_whole, of_smaller, max_norm=1.0))
    engine = start(TransformersEngine(EngineConfig(str(smaller), dtype="float32"))).engine
    with pytest.raises(AdapterError, match=r"The adapter changes model\.layers\.[23]\.\S+, and the model has no such"):
        engine.load_adapter(adapter)
