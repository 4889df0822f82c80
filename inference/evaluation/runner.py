"""One evaluation: the stages of the gate in their order, until one fails. Knows nothing of processes and signals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace

from inference import model_files
from inference.contract import AdapterRef, SamplingParams
from inference.evaluation import entities, held_out, integrity, judging, memorisation, scoring, suites
from inference.evaluation.errors import InputError
from inference.evaluation.evidence import GREEDY, Emit, Evidence
from inference.evaluation.gate import Finding, Stage
from inference.evaluation.held_out import Pair
from inference.evaluation.journal import Journal
from inference.evaluation.scorer import Scorer
from inference.evaluation.scoring import ARMS, Scored
from inference.evaluation.spec import EvaluationSpec
from inference.evaluation.suites import Suite
from inference.interruption import Interruption

ANSWERS = "answers.jsonl"
# As people are answered by default: what is better in the greedy answers alone is better for nobody.
SAMPLED = SamplingParams(seed=1)


class Runner:
    """Reads all that is to be asked; raises InputError when it may not be. `emit` takes progress events."""

    def __init__(self, spec: EvaluationSpec, emit: Emit, interruption: Interruption) -> None:
        further = [suites.load(path) for path in spec.further_suites]
        held_out.refuse_leaks(spec.test_snapshot, spec.training_snapshot, further)
        self.spec = spec
        test = held_out.read(spec.test_snapshot, spec.answer_tokens)
        trained = memorisation.probes(spec.training_snapshot)

        def under(asked: Suite) -> Suite:
            items = (replace(item, prompt=suites.under(spec.system_message, item.prompt)) for item in asked.items)
            return replace(asked, items=tuple(items))

        asked = [*map(suites.load, spec.suites), *further, test.suite, *filter(None, [trained])]
        self.suites = [under(suite) for suite in asked]
        self.pairs = [replace(pair, prompt=suites.under(spec.system_message, pair.prompt)) for pair in test.pairs]
        if len({suite.name for suite in self.suites}) < len(self.suites):
            raise InputError("suite.invalid", "Two suites have the same name.")
        self.adapters: dict[str, AdapterRef | None] = {
            "candidate": spec.candidate,
            "baseline": spec.baseline,
            "base": None,
        }
        self._seeds = [f"seed {number}" for number in range(2, len(spec.seeds) + 2)]
        self.adapters.update(zip(self._seeds, spec.seeds, strict=True))
        self.findings: list[Finding] = []
        self.scored: list[Scored] = []
        self.asked: dict[str, Suite] = {}  # by name; one may be asked twice, under two names
        self.texts: dict[str, dict[str, dict[scoring.Arm, str]]] = {}  # by suite, item and arm
        self.base_model_sha256 = ""
        self._emit = emit
        self._interruption = interruption

    def run(self) -> None:
        """Fill `findings`, `scored` and `texts`. Raises InputError, Stopped and EngineFailed."""
        self._emit({"event": "phase", "phase": "integrity"})
        try:
            scorer = Scorer(self.spec.engine)
        except (OSError, ValueError) as error:
            raise InputError("model.unusable", str(error)) from error
        self.base_model_sha256 = model_files.base_model_sha256(scorer.model.folder)
        self.spec.output.mkdir(parents=True, exist_ok=True)
        # Opened before anything is judged: from here on the plan stands.
        journal = Journal(self.spec.output / ANSWERS, self.plan_sha256)
        self._evidence = Evidence(self.spec.engine, self.adapters, journal, scorer, self._emit, self._interruption)
        try:
            self._check_integrity(scorer)
            del scorer
            stages: dict[Stage, Callable[[], None]] = {
                "smoke": self._smoke,
                "regression": self._regression,
                "benefit": self._benefit,
                "cost": self._cost,
            }
            for stage, run in stages.items():
                if any(finding.verdict == "fail" and finding.role != "report" for finding in self.findings):
                    break
                self._emit({"event": "phase", "phase": stage})
                run()
        finally:
            self._evidence.close()

    @property
    def plan_sha256(self) -> str:
        """One hash for all that was decided before the first question: rules, suites, adapters, base model."""
        plan = {
            "rules": self.spec.rules.sha256,
            "suites": {suite.name: suite.sha256 for suite in self.suites},
            "adapters": {arm: adapter and adapter.sha256 for arm, adapter in self.adapters.items()},
            "base_model": self.base_model_sha256,
            # Neither changes what is asked, and a run may go on with more or fewer.
            "engine": asdict(replace(self.spec.engine, model="", threads=0, max_running=1, cache_mib=0)),
            "answer_tokens": self.spec.answer_tokens,
            "system_message": self.spec.system_message,
        }
        return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()

    def _check_integrity(self, scorer: Scorer) -> None:
        refusal = integrity.refusal(
            scorer,
            self.spec.candidate,
            self.spec.trained_on_sha256,
            self.base_model_sha256,
            self.spec.rules.max_adapter_norm,
        )
        reason = refusal or "The adapter is whole and fits its base model."
        self.findings.append(Finding("integrity", "integrity", "hard", "fail" if refusal else "pass", reason))

    def _smoke(self) -> None:
        for suite in self._of_metric("sound"):
            scored = self._ask(suite)
            self._find(suite, judging.rule_kept(suite, scored, "smoke", self.spec.rules))
            self._find(suite, judging.length(scored, self.spec.rules))

    def _regression(self) -> None:
        rules = self.spec.rules
        general = self._of_metric("refuses", "answers", "format", "flip", "swap", "drift", "label")
        for suite in general:
            scored = self._ask(suite)
            if suite.metric == "swap":
                self._find(suite, *judging.slices(scored, "agreement", "regression", rules))
            elif suite.metric != "drift":
                self._find(suite, judging.rule_kept(suite, scored, "regression", rules))
            if suite.metric == "label":
                self._find(suite, judging.labels(suite, self.texts[suite.name]))
        triples = [
            ("\n".join(message.text for message in item.prompt), texts["candidate"], texts["baseline"])
            for suite in general
            for item in suite.items
            for texts in [self.texts[suite.name][item.id]]
        ]
        if triples:
            self.findings.append(judging.entities(entities.changes(triples), len(triples), rules))
        probes = self._of_metric("memory")
        for suite in probes:
            self._find(suite, judging.rule_kept(suite, self._ask(suite), "regression", rules))
        if not probes:
            reason = "No trained answer holds what could point to a person, so none can be learned by heart."
            self.findings.append(Finding("memory", "regression", "hard", "pass", reason))
        for suite in self._of_metric("drift"):
            drifted = self._drift(suite)
            if drifted:
                self._find(suite, judging.drift(drifted, rules))

    def _benefit(self) -> None:
        rules = self.spec.rules
        for suite in self._of_metric("gold"):
            scored = self._ask(suite)
            if suite.name != held_out.NAME:
                self.findings += judging.likeness(scored, rules)
                continue
            others = [metric for metric in judging.LIKENESS if metric != rules.primary]
            self.findings += [
                judging.primary(scored, rules),
                *judging.likeness(scored, rules, others),
                *judging.slices(scored, rules.primary, "benefit", rules),
            ]
            again = self._ask(replace(suite, name=f"{suite.name}_sampled"), SAMPLED)
            (found,) = judging.likeness(again, rules, [rules.primary])
            self.findings.append(replace(found, metric=f"{rules.primary}[sampled]"))
            if self._seeds:
                alike = [scored, *(self._ask_seed(suite, seed) for seed in self._seeds)]
                self.findings.append(judging.seeds(alike, rules))
            likely = self._gold_likelihoods(suite, scored)
            if likely:
                self.findings.append(judging.likelihood(likely, rules))
        preferred = self._preferences(self.pairs)
        if preferred:
            self.findings += judging.preference(preferred, rules)

    def _cost(self) -> None:
        for suite in self._of_metric("drift"):
            scored = [one for one in self.scored if one.suite == suite.name]
            self._find(suite, *judging.cost(scored, self.spec.rules))

    def _find(self, suite: Suite, *findings: Finding) -> None:
        """Keep what was found with `suite`; one that is only reported decides nothing."""
        reported = suite.role == "report"
        self.findings += [replace(found, role="report") if reported else found for found in findings]

    def _of_metric(self, *names: str) -> list[Suite]:
        return [suite for suite in self.suites if suite.metric in names]

    def _ask(self, suite: Suite, sampling: SamplingParams = GREEDY) -> list[Scored]:
        answers = self._evidence.answers(suite, ARMS, sampling)
        self.asked[suite.name] = suite
        self.texts[suite.name] = {item.id: {arm: answers[arm][item.id].text for arm in ARMS} for item in suite.items}
        scored = scoring.score(suite, answers)
        # What was said word for word once is known by heart.
        if suite.metric in suites.PASSING - {"memory"}:
            self._ask_again(suite, [one for one in scored if judging.differs(one)])
        self.scored += scored
        return scored

    def _ask_again(self, suite: Suite, differing: list[Scored]) -> None:
        """Score how often either arm keeps the rule of the items on which their greedy answers differ."""
        asked = {item_id for one in differing for item_id in one.items}
        some = replace(suite, name=f"{suite.name} again", items=tuple(item for item in suite.items if item.id in asked))
        draws = self._evidence.answers_again(some, ARMS, self.spec.rules.again) if asked else []
        again = [{one.id: one for one in scoring.score(some, answers)} for answers in draws]
        for one in differing:
            for arm in ARMS:
                one.scores[arm]["again"] = sum(draw[one.id].scores[arm]["pass"] for draw in again)

    def _ask_seed(self, suite: Suite, seed: str) -> list[Scored]:
        answers = self._evidence.answers(suite, [seed, "baseline"])
        return scoring.score(suite, {"candidate": answers[seed], "baseline": answers["baseline"]})

    def _drift(self, suite: Suite) -> list[Scored]:
        """The items of `suite` with the mean likelihood of the base model's own answers: the base's is "baseline"."""
        said = self._evidence.answers(suite, ["base" if self.spec.baseline else "baseline"])
        (answers,) = said.values()
        cases = {
            item.id: (item.prompt, answers[item.id].token_ids) for item in suite.items if answers[item.id].token_ids
        }
        likelihoods = self._evidence.likelihoods(f"{suite.name} likelihoods", cases, ("candidate", "base"))
        drifted = [one for one in self.scored if one.suite == suite.name and one.id in likelihoods]
        for one in drifted:
            one.scores["candidate"]["base_logp"] = likelihoods[one.id].per_token("candidate")
            one.scores["baseline"]["base_logp"] = likelihoods[one.id].per_token("base")
        return drifted

    def _gold_likelihoods(self, suite: Suite, scored: list[Scored]) -> list[Scored]:
        cases = {item.id: (item.prompt, item.gold) for item in suite.items}
        likelihoods = self._evidence.likelihoods(f"{suite.name} likelihoods", cases, ARMS)
        likely = [one for one in scored if one.id in likelihoods]
        for one in likely:
            for arm in ARMS:
                one.scores[arm]["gold_logp"] = likelihoods[one.id].per_token(arm)
        return likely

    def _preferences(self, pairs: list[Pair]) -> list[Scored]:
        cases = {
            f"{pair.id}/{which}": (pair.prompt, text)
            for pair in pairs
            for which, text in (("chosen", pair.chosen), ("rejected", pair.rejected))
        }
        found = self._evidence.likelihoods("preferences", cases, (*ARMS, "base"))
        scored = [
            Scored(
                "preferences",
                pair.id,
                (),
                pair.group,
                "",
                {
                    arm: scoring.preference(found[f"{pair.id}/chosen"], found[f"{pair.id}/rejected"], arm)
                    for arm in ARMS
                },
            )
            for pair in pairs
            if f"{pair.id}/chosen" in found and f"{pair.id}/rejected" in found
        ]
        self.scored += scored
        return scored
