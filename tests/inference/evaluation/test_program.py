"""The program says what it does in JSON lines and ends as its caller expects."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.evaluation.__main__ import main
from inference.evaluation.errors import InputError
from inference.evaluation.journal import Journal
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


def test_while_the_pause_file_is_there_it_says_that_it_waits(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    program = start({**spec, "pause_file": str(pause)}, tmp_path)
    assert program.stdout is not None
    phases: list[object] = []
    for line in program.stdout:
        event = json.loads(line)
        phases.append(event.get("phase"))
        if event["event"] == "step" and not pause.exists():
            pause.touch()
        if phases[-1] == "paused":
            answers = Path(spec["output"]) / "answers.jsonl"
            before = answers.read_bytes()
            time.sleep(0.5)
            assert answers.read_bytes() == before
            pause.unlink()
            break
    rest, errors = program.communicate(timeout=60)
    assert program.returncode == 0, errors
    assert events_of(rest)[0] == {"event": "phase", "phase": phases[-2]}, "it goes on where it was"
    assert events_of(rest)[-1]["verdict"] == "pass"
    keys = [json.loads(line)["key"] for line in answers.read_text().splitlines()[1:]]
    assert len(keys) == len(set(keys)), "no answer was lost and asked again"


def test_a_full_disk_is_said_and_what_was_answered_is_kept(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["evaluation", str(path)])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    write, lines = Journal._write, []

    def filling(journal: Journal, line: dict[str, object]) -> None:
        if len(lines) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        lines.append(line)
        write(journal, line)

    monkeypatch.setattr(Journal, "_write", filling)
    assert main() == 1
    failed = events_of(capsys.readouterr().out)[-1]
    assert (failed["event"], failed["code"]) == ("failed", "evaluation.no_space")
    assert len((Path(spec["output"]) / "answers.jsonl").read_text().splitlines()) == 6


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
