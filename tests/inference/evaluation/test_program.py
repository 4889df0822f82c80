"""The program says what it does in JSON lines and ends as its caller expects."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.evaluation.errors import InputError
from inference.evaluation.spec import read
from tests.inference.conftest import REPOSITORY
from tests.inference.evaluation.conftest import Evaluate, Spec
from tests.inference.evaluation.rows import correction, snapshot


def start(spec: Spec, folder: Path) -> subprocess.Popen[str]:
    path = folder / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-m", "inference.evaluation", str(path)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events_of(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_stopped_by_sigterm_it_can_go_on(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    program = start(spec, tmp_path)
    assert program.stdout is not None
    for line in program.stdout:
        if json.loads(line)["event"] == "step":
            program.send_signal(signal.SIGTERM)
            break
    program.communicate(timeout=60)
    assert program.returncode == 75
    assert not (Path(spec["output"]) / "result.json").exists()

    assert evaluate(spec)["verdict"] == "pass"


def leaking(spec: Spec, folder: Path) -> Spec:
    test = snapshot(folder / "leaking-test", test=[correction("t", "What about tea?", "Fine.")])
    training = snapshot(folder / "leaking", train=[correction("r", "what about tea", "Fine.")])
    return {**spec, "test_snapshot": str(test), "training_snapshot": str(training)}


def test_bad_input_is_said_in_one_line(spec: Spec, tmp_path: Path) -> None:
    program = start(leaking(spec, tmp_path), tmp_path)
    output, errors = program.communicate(timeout=60)
    assert program.returncode == 65, errors
    (event,) = events_of(output)
    assert (event["event"], event["code"]) == ("failed", "gate.leak")
    assert str(event["message"]).endswith(".")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"v": 2}, "spec.invalid"),
        ({"candidate": {"path": "somewhere"}}, "spec.invalid"),
        ({"answer_tokens": 0}, "spec.invalid"),
        ({"rules": {"luck": 1}}, "rules.invalid"),
        ({"engine": {"model": "/nowhere"}}, "model.unusable"),
        ({"test_snapshot": "/nowhere"}, "snapshot.invalid"),
    ],
)
def test_each_bad_input_has_its_code(spec: Spec, evaluate: Evaluate, change: Spec, code: str) -> None:
    with pytest.raises(InputError) as refused:
        evaluate({**spec, **change})
    assert refused.value.code == code


def test_a_torn_spec_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"v": 1, "engine":')
    with pytest.raises(InputError, match="cannot be used"):
        read(tmp_path / "spec.json")
