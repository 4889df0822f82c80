"""A whole evaluation with a tiny model: what is better is promoted, with every figure and every answer behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.evaluation.errors import InputError
from inference.evaluation.evidence import Evidence
from inference.interruption import Stopped
from tests.inference.evaluation.conftest import ANSWER, TESTED, Evaluate, Spec, adapter_spec
from tests.inference.evaluation.rows import correction, snapshot


def test_an_adapter_that_learned_passes(spec: Spec, evaluate: Evaluate) -> None:
    result = evaluate(spec)
    assert result["verdict"] == "pass", result["reasons"]
    primary = next(found for found in result["findings"] if found["role"] == "primary")
    assert (primary["metric"], primary["n"], primary["clusters"]) == ("chrf", 30, 30)
    assert 0 < primary["lo"] < primary["estimate"] < primary["hi"]
    assert primary["p"] < 0.001
    assert {found["metric"] for found in result["findings"]} >= {
        "integrity", "sound", "length_ratio", "format", "entities", "memory", "drift", "chrf", "token_f1", "rouge_l",
        "bleu", "exact_match", "chrf[other]", "chrf[sampled]", "gold_logp", "preference_raw", "preference_implicit",
        "tokens", "duration_ms",
    }  # fmt: skip
    assert [event["phase"] for event in result["events"] if event["event"] == "phase"] == [
        "integrity", "smoke", "regression", "benefit", "cost",
    ]  # fmt: skip

    items = [json.loads(line) for line in (Path(spec["output"]) / "items.jsonl").read_text().splitlines()]
    tested = [item for item in items if item["suite"] == "held_out"]
    assert len(tested) == 30
    # Every estimate can be opened down to the answers that it was made of.
    mean = sum(item["scores"]["candidate"]["chrf"] - item["scores"]["baseline"]["chrf"] for item in tested) / 30
    assert mean == pytest.approx(primary["estimate"])
    assert sum(item["answers"][item["id"]]["candidate"] == ANSWER for item in tested) > 20
    assert all(item["answers"][item["id"]]["baseline"] != ANSWER for item in tested)
    # And read without the snapshot: what was asked, what was wanted, and of two answers which was not.
    asked = [item["questions"][item["id"]] for item in tested]
    assert {question["prompt"][-1]["content"] for question in asked} == set(TESTED)
    assert all(question["gold"] == ANSWER for question in asked)
    preferred = [item["questions"][item["id"]] for item in items if item["suite"] == "preferences"]
    assert {question["rejected"] for question in preferred} == {"The dog is lazy."}


def test_an_adapter_is_not_better_than_itself(spec: Spec, evaluate: Evaluate) -> None:
    result = evaluate({**spec, "baseline": spec["candidate"]})
    assert result["verdict"] == "not_enough_evidence"
    found = {found["metric"]: found for found in result["findings"]}
    assert found["chrf"]["estimate"] == found["gold_logp"]["estimate"] == 0.0
    # Drift is told from the base model's answers, whatever is live.
    assert found["drift"]["estimate"] > 0


def test_the_base_model_instead_of_an_adapter_that_learned_fails(
    spec: Spec, evaluate: Evaluate, tiny_folder: Path, tmp_path: Path
) -> None:
    other = nearly_nothing(Path(spec["candidate"]["path"]), tmp_path / "nearly-nothing")
    result = evaluate({**spec, "candidate": adapter_spec(other, tiny_folder), "baseline": spec["candidate"]})
    assert result["verdict"] == "fail"
    assert any("less like the corrections" in reason for reason in result["reasons"])


def test_what_one_seed_alone_has_learned_does_not_pass(
    spec: Spec, evaluate: Evaluate, tiny_folder: Path, tmp_path: Path
) -> None:
    trained = Path(spec["candidate"]["path"])
    weak = adapter_spec(nearly_nothing(trained, tmp_path / "weak"), tiny_folder)
    alike = adapter_spec(weakened(trained, tmp_path / "alike", 0.99), tiny_folder)
    for seeds, verdict in (([alike, weak], "pass"), ([weak, weak], "not_enough_evidence")):
        result = evaluate({**spec, "suites": [], "seeds": seeds, "output": str(tmp_path / verdict)})
        found = next(found for found in result["findings"] if found["metric"] == "seeds")
        assert (result["verdict"], found["verdict"], found["n"]) == (verdict, verdict, 3), result["reasons"]
        assert result["adapters"]["seed 2"] == seeds[0]["sha256"]


def nearly_nothing(trained: Path, folder: Path) -> Path:
    return weakened(trained, folder, 1e-6)


def weakened(trained: Path, folder: Path, factor: float) -> Path:
    """The trained adapter so much weaker."""
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(trained, folder)
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({k: w * factor if "lora_B" in k else w for k, w in weights.items()}, folder / "adapter_model.safetensors")
    return folder


def test_a_stopped_evaluation_asks_only_what_is_missing(
    spec: Spec, evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate({**spec, "output": str(tmp_path / "whole")})

    answers = Path(spec["output"]) / "answers.jsonl"
    with pytest.raises(Stopped):
        evaluate(spec, lambda: answers.exists() and len(answers.read_text().splitlines()) > 30)
    kept = answers.read_text()
    # A power cut in the middle of a line loses that line only.
    answers.write_text(kept + '{"key": "held_out/t1/cand')
    resumed = evaluate(spec)
    assert answers.read_text().startswith(kept)
    keys = [json.loads(line)["key"] for line in answers.read_text().splitlines()[1:]]
    assert len(keys) == len(set(keys))

    def untimed(result: dict[str, object]) -> list[object]:
        return [found for found in result["findings"] if found["metric"] != "duration_ms"]

    assert untimed(resumed) == untimed(whole)
    assert resumed["plan_sha256"] == whole["plan_sha256"]

    monkeypatch.setattr(Evidence, "_loaded_asker", lambda _self: pytest.fail("everything was answered already"))
    assert untimed(evaluate(spec)) == untimed(whole)


def test_rules_cannot_be_changed_after_the_first_question(spec: Spec, evaluate: Evaluate) -> None:
    evaluate(spec)
    with pytest.raises(InputError) as refused:
        evaluate({**spec, "rules": {**spec["rules"], "alpha": 0.2}})
    assert refused.value.code == "evaluation.other_output"


def test_a_prompt_that_the_model_cannot_read_counts_for_nobody(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    rows = [correction(f"t{i}", f"Tell me of {i}.", ANSWER) for i in range(3)]
    rows.append(correction("long", "boats and rivers " * 800, ANSWER))
    test = snapshot(tmp_path / "long", test=rows)
    result = evaluate({**spec, "test_snapshot": str(test), "suites": []})
    assert result["verdict"] == "not_enough_evidence"
    found = {found["metric"]: found for found in result["findings"]}
    assert (found["chrf"]["n"], found["gold_logp"]["n"]) == (4, 3)


def test_a_suite_that_is_only_reported_decides_nothing(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    """Nobody keeps this rule but the base model, so that a hard suite would fail."""
    header = {"suite": "long", "version": 1, "metric": "format", "licence": "", "max_tokens": 24}
    item = {"id": "1", "prompt": [{"role": "user", "content": "Say much."}], "wanted": {"must_not_contain": ["fine"]}}
    results = {}
    for role in ("hard", "report"):
        lines = ({**header, "role": role, "rule": {"new_failures": 0}}, item)
        (tmp_path / f"{role}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        results[role] = evaluate({**spec, "suites": [str(tmp_path / f"{role}.jsonl")], "output": str(tmp_path / role)})
    assert (results["hard"]["verdict"], results["report"]["verdict"]) == ("fail", "pass")


def test_a_further_suite_is_asked_beside_the_others(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    header = {"suite": "own", "version": 1, "role": "hard", "metric": "format", "licence": "", "max_tokens": 24}
    item = {"id": "1", "prompt": [{"role": "user", "content": "Say much."}], "wanted": {"must_not_contain": ["fine"]}}
    lines = ({**header, "rule": {"net_loss": 0}}, item)
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = evaluate({**spec, "further_suites": [str(tmp_path / "own.jsonl")]})
    assert [suite["name"] for suite in result["suites"]] == ["short", "calm", "plain", "own", "held_out"]
    assert result["verdict"] == "fail"
    assert any(reason.startswith("own: ") for reason in result["reasons"])


def test_prompts_are_asked_under_the_product_s_system_message(spec: Spec, evaluate: Evaluate, tmp_path: Path) -> None:
    small = {**spec, "suites": []}
    without = evaluate({**small, "output": str(tmp_path / "without")})
    under = evaluate({**small, "output": str(tmp_path / "under"), "system_message": "A story about rivers and boats."})
    assert under["plan_sha256"] != without["plan_sha256"]
    golds = [next(f for f in result["findings"] if f["metric"] == "gold_logp") for result in (without, under)]
    assert golds[0]["estimate"] != golds[1]["estimate"]


def test_equal_names_of_suites_are_refused(spec: Spec, evaluate: Evaluate) -> None:
    with pytest.raises(InputError, match="same name"):
        evaluate({**spec, "suites": ["smoke", "smoke"]})
