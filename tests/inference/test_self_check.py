"""An adapter that computes something else than where it was made is not used, and a machine that only rounds is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference import self_check
from inference.contract import AdapterError, AdapterRef, EngineConfig
from inference.serving.checking import self_check_of
from inference.serving.engine import TransformersEngine
from inference.serving.loading import UNCHECKED
from tests.inference.conftest import Make
from tests.inference.listening import Listener, ask, ids_of

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


def checked(ref: AdapterRef, model: Path, **changes: object) -> AdapterRef:
    """With what was computed for it beside it, changed as asked."""
    check = json.loads(self_check_of(EngineConfig(str(model), dtype="float32"), Path(ref.path)))
    (Path(ref.path) / self_check.FILE).write_text(json.dumps({**check, **changes}))
    return ref


def test_what_computes_the_same_is_ready(tiny: Listener, tiny_folder: Path, make: Make) -> None:
    assert tiny.engine.load_adapter(checked(make(1), tiny_folder)) == ""


def test_what_has_nothing_to_compare_with_is_ready_and_says_so(tiny: Listener, make: Make) -> None:
    assert tiny.engine.load_adapter(make(1)) == UNCHECKED


def test_another_type_is_no_reason_to_refuse(tiny_folder: Path, make: Make) -> None:
    ref = checked(make(1), tiny_folder)
    engine = TransformersEngine(EngineConfig(str(tiny_folder), dtype="bfloat16"))
    listener = Listener(engine)
    try:
        assert engine.load_adapter(ref) == ""
        assert ids_of(listener.run(ask(adapter=ref))[0])
    finally:
        engine.stop()


def test_an_adapter_that_is_not_in_place_is_refused_and_nobody_notices(
    tiny: Listener, tiny_folder: Path, make: Make
) -> None:
    """As when its layers were found but its numbers were not applied: here they are those of the bare model."""
    before = ids_of(tiny.run(ask())[0])
    ref = make(1)
    check = json.loads(self_check_of(EngineConfig(str(tiny_folder), dtype="float32"), Path(ref.path)))
    (Path(ref.path) / self_check.FILE).write_text(json.dumps({**check, "adapted": check["base"]}))

    with pytest.raises(AdapterError, match="something else here than where it was made"):
        tiny.engine.load_adapter(ref)
    refused, beside = tiny.run(ask(adapter=ref), ask())
    assert refused[-1].failure is not None
    assert refused[-1].failure.code == "adapter.unusable"
    assert ids_of(beside) == before


def test_another_base_model_is_found_out(tiny: Listener, tiny_folder: Path, make: Make) -> None:
    ref = make(1)
    check = json.loads(self_check_of(EngineConfig(str(tiny_folder), dtype="float32"), Path(ref.path)))
    other = [value - 3 * (place % 2) for place, value in enumerate(check["base"])]
    with pytest.raises(AdapterError, match="base model itself"):
        tiny.engine.load_adapter(checked(ref, tiny_folder, base=other))


@pytest.mark.parametrize(
    "content",
    [
        "not JSON",
        "{}",
        json.dumps({"token_ids": [1], "top_ids": [1], "adapted": [0.0], "base": [], "dtype": ""}),
        json.dumps({"token_ids": [], "top_ids": [], "adapted": [], "base": [], "dtype": ""}),
        '{"token_ids": [1], "top_ids": [1], "adapted": [NaN], "base": [0], "dtype": ""}',
        json.dumps({"token_ids": [10**9], "top_ids": [1], "adapted": [0.0], "base": [0.0], "dtype": ""}),
        json.dumps({"token_ids": [1], "top_ids": [10**9], "adapted": [0.0], "base": [0.0], "dtype": ""}),
        json.dumps({"token_ids": [1] * 1000, "top_ids": [1], "adapted": [0.0], "base": [0.0], "dtype": ""}),
        "[" * 100_000,
    ],
)
def test_a_file_that_says_nothing_sensible_refuses_the_adapter_and_no_more(
    tiny: Listener, make: Make, content: str
) -> None:
    ref = make(1)
    (Path(ref.path) / self_check.FILE).write_text(content)

    with pytest.raises(AdapterError):
        tiny.engine.load_adapter(ref)
    assert ids_of(tiny.run(ask())[0])


def test_a_config_that_was_changed_since_is_refused(tiny: Listener, make: Make) -> None:
    ref = make(1)
    with pytest.raises(AdapterError, match=r"adapter_config\.json is not the file"):
        tiny.engine.load_adapter(AdapterRef(ref.sha256, ref.path, config_sha256="0" * 64))
