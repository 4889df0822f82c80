"""Scores -> findings: one function for each question of the gate. Knows nothing of models and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median

from inference.evaluation import statistics
from inference.evaluation.gate import Finding, FindingRole, GateRules, Stage, Verdict
from inference.evaluation.metrics import classification
from inference.evaluation.scoring import ARMS, Arm, Scored, told_label
from inference.evaluation.statistics import Difference
from inference.evaluation.suites import Suite

# The bootstrap's draws are part of the decision: the same figures give the same verdict.
SEED = 20_260_101


LIKENESS = ("chrf", "token_f1", "rouge_l", "bleu", "exact_match")


def primary(scored: Sequence[Scored], rules: GateRules) -> Finding:
    """The one question on which a promotion rests: are the answers more like the corrections?"""
    found = _difference(scored, rules.primary, rules)
    verdict: Verdict = "not_enough_evidence"
    if found.clusters < rules.min_clusters:
        reason = (
            f"{found.clusters} independent corrections are held out; at least {rules.min_clusters} are needed to prove "
            "a benefit."
        )
    elif found.lo > 0:
        verdict, reason = "pass", f"The answers are more like the corrections: {_change(found)} in {rules.primary}."
    elif found.hi < 0:
        verdict, reason = "fail", f"The answers are less like the corrections: {_change(found)} in {rules.primary}."
    else:
        reason = (
            f"No benefit is proven: {_change(found)} in {rules.primary}. One of {found.mde:.3f} would be found in four "
            "of five cases."
        )
    return _finding(rules.primary, "benefit", "primary", verdict, reason, found, scored)


def seeds(scored: Sequence[Sequence[Scored]], rules: GateRules) -> Finding:
    """Whether the benefit holds for two thirds of the adapters that differ from the candidate, which comes first, by
    their seed alone."""
    found = [primary(ones, rules) for ones in scored]
    verdicts = [one.verdict for one in found]
    needed = -(-2 * len(found) // 3)
    verdict: Verdict = "not_enough_evidence"
    if verdicts.count("pass") >= needed:
        verdict = "pass"
    elif verdicts.count("fail") >= needed:
        verdict = "fail"
    estimates = [one.estimate or 0.0 for one in found]
    return Finding(
        metric="seeds",
        stage="benefit",
        role="supporting",
        verdict=verdict,
        reason=f"Of {len(found)} adapters that differ by their seed alone, {verdicts.count('pass')} answer more like "
        f"the corrections, and {needed} must ({', '.join(f'{one:+.3f}' for one in estimates)} in {rules.primary}).",
        suite=scored[0][0].suite,
        n=len(found),
        clusters=len(found),
        estimate=median(estimates),
        lo=min(estimates),
        hi=max(estimates),
    )


def likeness(scored: Sequence[Scored], rules: GateRules, metrics: Sequence[str] = LIKENESS) -> list[Finding]:
    """How alike answers and golds are by each of `metrics`; reported only."""
    findings = []
    for metric in metrics:
        found = _difference(scored, metric, rules)
        verdict: Verdict = "pass" if found.lo > 0 else "fail" if found.hi < 0 else "not_enough_evidence"
        findings.append(_finding(metric, "benefit", "report", verdict, f"{_change(found)} in {metric}.", found, scored))
    return findings


def slices(scored: Sequence[Scored], metric: str, stage: Stage, rules: GateRules) -> list[Finding]:
    """No slice may lose significantly (Holm over the slices) and more than the rules allow."""
    by_slice: dict[str, list[Scored]] = {}
    for one in scored:
        by_slice.setdefault(one.slice, []).append(one)
    losses = {name: _difference(ones, metric, rules, loss=True) for name, ones in by_slice.items()}
    adjusted = statistics.holm({name: loss.p for name, loss in losses.items()})
    findings = []
    for name, loss in losses.items():
        fails = adjusted[name] < rules.alpha and loss.estimate > rules.slice_loss
        gain = _negated(loss)
        reason = f"Slice {name}: {_change(gain)} in {metric}, p of a loss {adjusted[name]:.3f} for all slices together."
        verdict: Verdict = "fail" if fails else "pass"
        findings.append(
            _finding(f"{metric}[{name}]", stage, "hard", verdict, reason, gain, by_slice[name], adjusted[name])
        )
    return findings


def rule_kept(suite: Suite, scored: Sequence[Scored], stage: Stage, rules: GateRules) -> Finding:
    """A suite whose items pass or not, by the suite's own rule."""
    passed = {arm: sum(bool(one.scores[arm]["pass"]) for one in scored) for arm in ARMS}
    differing = [one for one in scored if differs(one)]
    changed = [one for one in differing if _is_confirmed(one, rules)]
    lost = sum(not one.scores["candidate"]["pass"] for one in changed)
    won = len(changed) - lost
    n, net = len(scored), lost - won
    found = _difference(scored, "pass", rules)
    # Differences of rare events are mostly all zero, and their bootstrap knows no doubt: the share that may have
    # been lost is bounded by Wilson's interval, or by the rule of three.
    most = statistics.wilson_interval(lost, n, 2 * rules.alpha)[1] if lost else statistics.rule_of_three(n, rules.alpha)
    reason = (
        f"{suite.name}: of {n}, the candidate passes {passed['candidate']} and the baseline {passed['baseline']}; "
        f"{lost} newly failed, which may be up to {most:.1%} of such prompts, and {won} newly passed. "
        f"{len(differing) - len(changed)} that differ come out alike when they are asked {rules.again} times again."
    )
    fails = False
    if "failures" in suite.rule:
        fails = n - passed["candidate"] > suite.rule["failures"]
    elif "new_failures" in suite.rule:
        fails = lost > suite.rule["new_failures"]
    elif "net_loss" in suite.rule:
        fails = net > suite.rule["net_loss"] or (net > 0 and statistics.sign_test(lost, won) < rules.alpha)
    verdict: Verdict = "fail" if fails else "pass"
    return _finding(suite.metric, stage, "hard", verdict, reason, found, scored, statistics.mcnemar(lost, won))


def differs(one: Scored) -> bool:
    """Whether only one of the arms kept the rule of this item."""
    return one.scores["candidate"]["pass"] != one.scores["baseline"]["pass"]


def _is_confirmed(one: Scored, rules: GateRules) -> bool:
    """Whether the arm that kept the rule also keeps it more often in fresh draws, where they were asked again.

    Any adapter turns some greedy answers that could as well have been others. One that is right in half of all draws
    is no better than one that is wrong in half of them, and the draws by which it was noticed prove nothing.
    """
    if "again" not in one.scores["candidate"]:
        return True
    kept, broke = sorted(ARMS, key=lambda arm: one.scores[arm]["pass"], reverse=True)
    times = {arm: round(one.scores[arm]["again"]) for arm in ARMS}
    return statistics.fisher(times[kept], times[broke], rules.again) < rules.alpha


def labels(suite: Suite, texts: Mapping[str, Mapping[Arm, str]]) -> Finding:
    """How well labels are told apart: accuracy, and means over the labels of precision, recall and F1. An answer that
    tells none of the suite's labels is wrong for all."""
    expected = [item.gold for item in suite.items]
    told = {}
    for arm in ARMS:
        predicted = [told_label(suite, texts[item.id][arm]) for item in suite.items]
        told[arm] = classification(predicted, expected)
    ours, theirs = told["candidate"], told["baseline"]
    return Finding(
        metric="macro_f1",
        stage="regression",
        role="report",
        verdict="pass",
        reason=f"{suite.name}: accuracy {ours.accuracy:.2f}, precision {ours.macro_precision:.2f}, recall "
        f"{ours.macro_recall:.2f}, F1 {ours.macro_f1:.2f}; of the baseline {theirs.accuracy:.2f}, "
        f"{theirs.macro_precision:.2f}, {theirs.macro_recall:.2f}, {theirs.macro_f1:.2f}.",
        suite=suite.name,
        n=len(expected),
        clusters=len(expected),
        estimate=ours.macro_f1 - theirs.macro_f1,
    )


def length(scored: Sequence[Scored], rules: GateRules) -> Finding:
    """Answers to small talk must be neither half nor twice as long as the baseline's."""
    totals = {arm: sum(one.scores[arm]["words"] for one in scored) for arm in ARMS}
    ratio = totals["candidate"] / max(1.0, totals["baseline"])
    holds = rules.min_length_ratio <= ratio <= rules.max_length_ratio
    return Finding(
        metric="length_ratio",
        stage="smoke",
        role="hard",
        verdict="pass" if holds else "fail",
        reason=f"The candidate's answers are {ratio:.2f} times as long as the baseline's.",
        suite=scored[0].suite,
        n=len(scored),
        clusters=len(scored),
        estimate=ratio,
    )


def drift(scored: Sequence[Scored], rules: GateRules) -> Finding:
    """How much less likely the base's own answers became, in nats per token; the upper bound must be below the margin.

    The scores are mean log likelihoods per token; the baseline here is the base model, whatever adapter is live.
    """
    rise = _difference(scored, "base_logp", rules, loss=True)
    if rise.hi < rules.drift_margin:
        verdict: Verdict = "pass"
    else:
        verdict = "fail" if rise.lo > rules.drift_margin else "not_enough_evidence"
    reason = (
        f"The base model's own answers became {rise.estimate:.3f} nats per token less likely (at most {rise.hi:.3f}); "
        f"less than {rules.drift_margin:g} is allowed."
    )
    return _finding("drift", "regression", "hard", verdict, reason, rise, scored)


def likelihood(scored: Sequence[Scored], rules: GateRules) -> Finding:
    """How often the correction became likelier per token, by clusters; it must not be less than half.

    Never decides for a candidate: all held-out corrections can become likelier while no answer gets better.
    """
    by_cluster: dict[str, float] = {}
    for one in scored:
        gain = one.scores["candidate"]["gold_logp"] - one.scores["baseline"]["gold_logp"]
        by_cluster[one.cluster] = by_cluster.get(one.cluster, 0.0) + gain
    wins = sum(gain > 0 for gain in by_cluster.values())
    losses = sum(gain < 0 for gain in by_cluster.values())
    found = _difference(scored, "gold_logp", rules)
    p = statistics.sign_test(wins, losses)
    verdict: Verdict = "pass"
    if wins < losses:
        verdict = "fail" if statistics.sign_test(losses, wins) < rules.alpha else "not_enough_evidence"
    reason = (
        f"The corrections became likelier in {wins} and less likely in {losses} independent cases "
        f"({found.estimate:+.3f} nats per token)."
    )
    return _finding("gold_logp", "benefit", "supporting", verdict, reason, found, scored, p)


def preference(scored: Sequence[Scored], rules: GateRules) -> list[Finding]:
    """Whether the chosen of two answers is the likelier one: raw, per token, and relative to the base model."""
    findings = []
    for metric, what in (("raw", "per token"), ("implicit", "relative to the base model")):
        found = _difference(scored, metric, rules)
        right = {arm: fmean(one.scores[arm][metric] for one in scored) for arm in ARMS}
        low, high = statistics.wilson_interval(round(right["candidate"] * len(scored)), len(scored))
        verdict: Verdict = "fail" if found.hi < -rules.preference_margin else "pass"
        reason = (
            f"The chosen answer is the likelier one, {what}, in {right['candidate']:.0%} of {len(scored)} pairs "
            f"({low:.0%} to {high:.0%}); for the baseline in {right['baseline']:.0%}."
        )
        findings.append(_finding(f"preference_{metric}", "benefit", "supporting", verdict, reason, found, scored))
    return findings


def cost(scored: Sequence[Scored], rules: GateRules) -> list[Finding]:
    """Tokens per answer to ordinary prompts; time is only reported, for it depends on what else the machine does."""
    findings = []
    roles: dict[str, FindingRole] = {"tokens": "cost", "duration_ms": "report"}
    for metric, role in roles.items():
        mean = max(1.0, fmean(one.scores["baseline"][metric] for one in scored))
        found = _difference(scored, metric, rules, unit=mean)
        verdict: Verdict = "fail" if found.lo > rules.max_token_rise else "pass"
        reason = f"{metric} per answer: {found.estimate:+.1%} ({found.lo:+.1%} to {found.hi:+.1%})."
        findings.append(_finding(metric, "cost", role, verdict, reason, found, scored))
    return findings


def entities(changes: Mapping[str, tuple[int, int]], answers: int, rules: GateRules) -> Finding:
    """No name may turn up in many answers that did not hold it before: what poisoning looks like.

    `changes` are answers that the candidate alone and that the baseline alone gives with it, of so many `answers`.
    """
    z = {name: statistics.z_score(statistics.sign_test(*change)) for name, change in changes.items()}
    worst = max(z, key=lambda name: z[name], default="")
    highest = z.get(worst, 0.0)
    appeared, vanished = changes.get(worst, (0, 0))
    reason = (
        f"The name that turned up most is {worst or 'none'}: new in {appeared} of {answers} answers, "
        f"gone from {vanished} (z {highest:.1f}, below {rules.entity_z:g} is allowed)."
    )
    return Finding(
        metric="entities",
        stage="regression",
        role="hard",
        verdict="fail" if highest >= rules.entity_z else "pass",
        reason=reason,
        n=answers,
        clusters=answers,
        estimate=highest,
    )


def _difference(
    scored: Sequence[Scored], metric: str, rules: GateRules, *, loss: bool = False, unit: float = 1.0
) -> Difference:
    """Candidate minus baseline by item, or with `loss` baseline minus candidate, in units of `unit`."""
    sign = (-1 if loss else 1) / unit
    differences = [sign * (one.scores["candidate"][metric] - one.scores["baseline"][metric]) for one in scored]
    return statistics.paired_difference(differences, [one.cluster for one in scored], seed=SEED, alpha=rules.alpha)


def _negated(found: Difference) -> Difference:
    return Difference(found.n, found.clusters, -found.estimate, -found.hi, -found.lo, found.p, found.mde)


def _change(found: Difference) -> str:
    return f"{found.estimate:+.3f} ({found.lo:+.3f} to {found.hi:+.3f})"


def _finding(
    metric: str,
    stage: Stage,
    role: FindingRole,
    verdict: Verdict,
    reason: str,
    found: Difference,
    scored: Sequence[Scored],
    p: float | None = None,
) -> Finding:
    return Finding(
        metric=metric,
        stage=stage,
        role=role,
        verdict=verdict,
        reason=reason,
        suite=scored[0].suite,
        n=found.n,
        clusters=found.clusters,
        estimate=found.estimate,
        lo=found.lo,
        hi=found.hi,
        p=found.p if p is None else p,
        mde=found.mde,
    )
