"""A run from its spec to an adapter that the engine serves."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from inference.contract import AdapterRef
from tests.inference.listening import Listener, ask, ids_of
from tests.inference.training.conftest import SpecWriter, sft, some_rows
from tests.inference.training.running import run
from tests.product import ROOT


def test_a_run_writes_an_adapter_that_the_engine_serves_and_that_has_learned(
    write_spec: SpecWriter, tmp_path: Path, tiny: Listener
) -> None:
    spec = write_spec(some_rows(), [sft(100), sft(101)], epochs=4, optimizer={"learning_rate": 0.01})
    status, events = run(spec)
    assert status == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert events[-1] == {"event": "finished", **result}
    folder = tmp_path / "run" / "adapter"
    sha256 = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    assert sha256 == result["adapter_sha256"]
    assert result["best"]["dev_nll"] < result["checks"][0]["dev_nll"] - 0.5
    ref = AdapterRef(sha256, str(folder))
    assert tiny.engine.load_adapter(ref) == "", "it computes here what the run computed"
    base, adapted = tiny.run(ask("How are you today?"), ask("How are you today?", adapter=ref))
    assert adapted[-1].kind == "finished"
    assert ids_of(adapted) != ids_of(base)


def test_the_same_from_a_shell(write_spec: SpecWriter, tmp_path: Path) -> None:
    spec = write_spec(some_rows(), [sft(100), sft(101)], epochs=1)
    command = [sys.executable, "-m", "inference.training", str(spec)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    phases = [event["phase"] for event in events if event["event"] == "phase"]
    assert list(dict.fromkeys(phases)) == ["prepare", "replay", "reference", "train", "finish"]
    steps = [event for event in events if event["event"] == "step"]
    assert [event["step"] for event in steps] == list(range(1, steps[0]["steps"] + 1))
    assert {name for event in steps for name in event["loss"]} == {"sft", "preference", "unpaired", "replay"}
    assert all(event["lr"] >= 0 and event["tokens_per_s"] > 0 and event["rss_mb"] > 0 for event in steps)
    assert steps[0]["lr"] == pytest.approx(2.5e-4), "the rate rises from the first step on"
    assert steps[0]["eta_s"] > steps[-1]["eta_s"]
    assert [event["step"] for event in events if event["event"] == "dev"][:1] == [0]
    assert list((tmp_path / "run" / "logs").glob("events.*"))


def test_only_the_layers_named_are_adapted(write_spec: SpecWriter, tmp_path: Path) -> None:
    spec = write_spec(some_rows(4), epochs=1, lora={"targets": "q_proj, v_proj"})
    assert run(spec)[0] == 0
    weights = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    assert {name.split(".")[-3] for name in weights} == {"q_proj", "v_proj"}

    status, events = run(write_spec(some_rows(4), name="nowhere", lora={"targets": "mixer"}))
    assert (status, events[-1]["code"]) == (65, "training.no_such_layers")
    assert "mixer" in events[-1]["message"]


def test_how_rows_are_divided_and_remembered_does_not_matter(write_spec: SpecWriter, tmp_path: Path) -> None:
    def trained(name: str, **batch: object) -> dict[str, object]:
        assert run(write_spec(some_rows(), epochs=1, name=name, batch={"rows": 8, **batch}))[0] == 0
        return json.loads((tmp_path / name / "result.json").read_text())

    whole, checkpointed, divided = (
        trained("whole"), trained("checkpointed", gradient_checkpointing=True), trained("divided", tokens=60)
    )  # fmt: skip
    assert checkpointed["adapter_sha256"] == whole["adapter_sha256"]
    assert divided["adapter_sha256"] != whole["adapter_sha256"]
    assert divided["losses"] == pytest.approx(whole["losses"], rel=1e-3)
