"""A run from its spec to an adapter that the engine serves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from inference.contract import AdapterRef
from tests.inference.listening import Listener, ask, ids_of
from tests.inference.training.conftest import SpecWriter, sft, some_rows
from tests.inference.training.running import run


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
    base, adapted = tiny.run(
        ask("How are you today?"), ask("How are you today?", adapter=AdapterRef(sha256, str(folder)))
    )
    assert adapted[-1].kind == "finished"
    assert ids_of(adapted) != ids_of(base)
