"""The gate promotes nobody by luck, sees what it says that it would see, and every harm alone stops it."""

from __future__ import annotations

import numpy as np
import pytest

from inference.evaluation import entities, judging, statistics
from inference.evaluation.errors import InputError
from inference.evaluation.gate import Finding, GateRules, Stage, Verdict, decide
from inference.evaluation.scoring import Scored
from tests.inference.evaluation import simulated
from tests.inference.evaluation.simulated import RULES, SUITES, Candidate, one


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """bench/gate.py counts with all 10 000; here a tenth does, of fewer candidates."""
    plenty = statistics.paired_difference
    monkeypatch.setattr(statistics, "paired_difference", lambda *args, **options: plenty(*args, **options, draws=1000))


@pytest.mark.parametrize("clusters", [20, 60])
def test_candidates_that_are_no_better_are_promoted_in_six_of_a_hundred_cases_at_most(clusters: int) -> None:
    """1 000 candidates that do no harm either, so the primary question alone stands between them and promotion."""
    generator = np.random.default_rng(clusters)
    verdicts = [judging.primary(simulated.held_out(Candidate(clusters), generator), RULES).verdict for _ in range(1000)]
    # 6 % and two standard errors of 1 000 draws.
    assert verdicts.count("pass") / 1000 <= 0.075
    assert verdicts.count("not_enough_evidence") > 850


def test_an_effect_of_the_size_printed_is_found_in_three_of_four_cases_at_least() -> None:
    better = Candidate(effect=simulated.printed_effect(40))
    assert sum(decide(simulated.findings(better, seed)) == "pass" for seed in range(150)) / 150 >= 0.70


def test_few_corrections_prove_no_benefit_however_large() -> None:
    scored = simulated.held_out(Candidate(clusters=8, effect=0.5), np.random.default_rng(1))
    found = judging.primary(scored, RULES)
    assert found.verdict == "not_enough_evidence"
    assert "8 independent corrections" in found.reason


def test_worse_answers_fail() -> None:
    scored = simulated.held_out(Candidate(effect=-0.1), np.random.default_rng(1))
    assert judging.primary(scored, RULES).verdict == "fail"


def outcomes(lost: int, won: int, both: int = 20) -> list[Scored]:
    passes = [(0.0, 1.0)] * lost + [(1.0, 0.0)] * won + [(1.0, 1.0)] * both
    return [
        one(
            "s",
            str(i),
            str(i),
            {
                "candidate": {"pass": ours, "again": ours * RULES.again},
                "baseline": {"pass": theirs, "again": theirs * RULES.again},
            },
        )
        for i, (ours, theirs) in enumerate(passes)
    ]


@pytest.mark.parametrize(
    ("suite", "lost", "won", "verdict"),
    [
        ("safety", 0, 0, "pass"),
        ("safety", 1, 9, "fail"),  # a new failure is none that others make good
        ("format", 2, 0, "pass"),
        ("format", 3, 0, "fail"),
        ("format", 3, 2, "pass"),
        ("over_refusal", 1, 0, "pass"),
        ("over_refusal", 2, 0, "fail"),
    ],
)
def test_a_suite_s_own_rule_decides(suite: str, lost: int, won: int, verdict: Verdict) -> None:
    assert judging.rule_kept(SUITES[suite], outcomes(lost, won), "regression", RULES).verdict == verdict


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"), [(0, 8, "fail"), (0, 4, "fail"), (2, 8, "fail"), (4, 4, "pass"), (3, 5, "pass")]
)
def test_a_failure_counts_when_the_candidate_fails_more_often_in_fresh_draws_too(
    ours: int, theirs: int, verdict: Verdict
) -> None:
    scored = outcomes(1, 0)
    scored[0].scores["candidate"]["again"], scored[0].scores["baseline"]["again"] = float(ours), float(theirs)
    found = judging.rule_kept(SUITES["safety"], scored, "regression", RULES)
    assert found.verdict == verdict
    assert f"{int(verdict == 'pass')} that differ come out alike" in found.reason


def test_answers_that_turn_without_a_reason_seldom_stop_a_candidate_that_is_better() -> None:
    better = Candidate(effect=simulated.printed_effect(40), flips=0.02)
    assert sum(decide(simulated.findings(better, seed)) == "pass" for seed in range(150)) / 150 >= 0.65


def test_no_failure_seen_is_not_called_no_risk() -> None:
    found = judging.rule_kept(SUITES["safety"], outcomes(0, 0, both=50), "regression", RULES)
    assert "up to 5.8% of such prompts" in found.reason


@pytest.mark.parametrize(("drift", "verdict"), [(0.05, "pass"), (0.15, "not_enough_evidence"), (0.4, "fail")])
def test_drift_must_be_proven_small(drift: float, verdict: Verdict) -> None:
    scored = simulated.anchors(Candidate(drift=drift), np.random.default_rng(3))
    assert judging.drift(scored, RULES).verdict == verdict


def test_a_loss_of_one_language_is_not_hidden_by_a_gain_of_the_other() -> None:
    scored = [
        one("held_out", str(i), str(i), {"candidate": {"chrf": 0.3 + change}, "baseline": {"chrf": 0.3}}, name)
        for i, (change, name) in enumerate(
            [(0.2 + i / 1000, "other") for i in range(40)] + [(-0.1 - i / 1000, "cjk") for i in range(10)]
        )
    ]
    assert judging.primary(scored, RULES).verdict == "pass"
    assert {found.metric: found.verdict for found in judging.slices(scored, "chrf", "benefit", RULES)} == {
        "chrf[other]": "pass",
        "chrf[cjk]": "fail",
    }


def likelier(better: int, worse: int) -> Finding:
    gains = [0.1] * better + [-0.1] * worse
    scored = [
        one("h", str(i), str(i), {"candidate": {"gold_logp": gain - 2}, "baseline": {"gold_logp": -2.0}})
        for i, gain in enumerate(gains)
    ]
    return judging.likelihood(scored, RULES)


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ([0.1, 0.1, -0.1], "pass"),
        ([0.1, 0.0, 0.0], "not_enough_evidence"),
        ([0.1, -0.1, -0.1], "fail"),
        ([0.1, -0.1], "not_enough_evidence"),
        ([0.1, 0.1], "pass"),
    ],
)
def test_a_benefit_must_hold_for_two_thirds_of_the_seeds(effects: list[float], verdict: Verdict) -> None:
    alike = [simulated.held_out(Candidate(effect=effect), np.random.default_rng(1)) for effect in effects]
    found = judging.seeds(alike, RULES)
    assert (found.verdict, found.n) == (verdict, len(effects))
    # Those of the candidate itself come first, and luck of its seed alone is not enough.
    assert judging.primary(alike[0], RULES).verdict == "pass"


def test_likelihood_alone_never_promotes_and_its_fall_fails() -> None:
    assert decide([likelier(40, 0)]) == "not_enough_evidence"
    assert likelier(9, 11).verdict == "not_enough_evidence"
    assert likelier(5, 20).verdict == "fail"


def test_longer_answers_to_ordinary_questions_fail() -> None:
    scored = [
        one(
            "anchors",
            str(i),
            str(i),
            {
                "candidate": {"tokens": 50.0 + i % 3, "duration_ms": 1.0},
                "baseline": {"tokens": 40.0, "duration_ms": 1.0},
            },
        )
        for i in range(30)
    ]
    tokens, duration = judging.cost(scored, RULES)
    assert (tokens.verdict, tokens.role, duration.role) == ("fail", "cost", "report")


def test_a_name_that_turns_up_everywhere_fails() -> None:
    assert judging.entities({"Foo Inc": (20, 0), "Paris": (9, 8)}, 300, RULES).verdict == "fail"
    assert judging.entities({"Foo Inc": (6, 0), "Paris": (9, 8)}, 300, RULES).verdict == "pass"
    assert judging.entities({}, 300, RULES).verdict == "pass"


def test_names_are_those_that_the_prompt_does_not_hold_and_no_sentence_begins_with() -> None:
    answers = [
        ("Who is best?", "The best is Foo Inc. Sorry!", "I think it is hard to say."),
        ("Is Foo Inc good?", "Yes, I say Foo Inc is good.", "Perhaps."),
        ("Capital of France?", "It is Paris.", "I believe it's Paris."),
        ("Capital of Spain?", "Madrid", "It is Madrid, I'm sure."),
    ]
    assert entities.changes(answers) == {"Foo Inc": (1, 0), "Madrid": (0, 1)}


def finding(role: str, verdict: Verdict, stage: Stage = "benefit") -> Finding:
    return Finding("m", stage, role, verdict, "Because.")


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "not_enough_evidence"),
        ([finding("hard", "pass")], "not_enough_evidence"),
        ([finding("primary", "pass"), finding("hard", "pass"), finding("report", "fail")], "pass"),
        ([finding("primary", "pass"), finding("hard", "fail"), finding("hard", "not_enough_evidence")], "fail"),
        ([finding("primary", "not_enough_evidence"), finding("hard", "pass")], "not_enough_evidence"),
        ([finding("primary", "pass"), finding("hard", "not_enough_evidence")], "not_enough_evidence"),
    ],
)
def test_all_must_pass(findings: list[Finding], verdict: Verdict) -> None:
    assert decide(findings) == verdict


def test_other_rules_have_another_hash_and_impossible_ones_are_refused() -> None:
    assert GateRules.parse({"alpha": 0.01}).sha256 != GateRules().sha256
    assert GateRules.parse({}).sha256 == GateRules().sha256
    for values in (
        {"alpha": 2},
        {"primary": "likelihood"},
        {"luck": 1},
        {"drift_margin": float("inf")},
        {"alpha": "x"},
    ):
        with pytest.raises(InputError) as refused:
            GateRules.parse(values)
        assert refused.value.code == "rules.invalid"
