"""Answers and likelihoods of all arms, each found out once and kept in the journal.

Only one network is in memory at a time: the engine is stopped before likelihoods are scored, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from time import monotonic
from typing import TypeVar

from inference.chat_template import ChatTemplate, PromptError
from inference.contract import AdapterRef, ChatMessage, EngineConfig, GenerationRequest, SamplingParams
from inference.evaluation.asking import Answer, Asker
from inference.evaluation.journal import Journal
from inference.evaluation.scorer import Scorer
from inference.evaluation.scoring import Likelihood
from inference.evaluation.suites import Item, Suite
from inference.interruption import Interruption
from inference.serving.engine import TransformersEngine

Emit = Callable[[dict[str, object]], None]
EVENT_EVERY_S = 1.0
GREEDY = SamplingParams(seed=0, temperature=0.0)
Name = TypeVar("Name", bound=str)  # of an arm


class Evidence:
    """`adapters` are by arm, None is the base model; `scorer` is one that is loaded already."""

    def __init__(
        self,
        config: EngineConfig,
        adapters: Mapping[str, AdapterRef | None],
        journal: Journal,
        scorer: Scorer,
        emit: Emit,
        interruption: Interruption,
    ) -> None:
        self._config = config
        self._adapters = adapters
        self._journal = journal
        self._scorer: Scorer | None = scorer
        self._template = ChatTemplate(scorer.tokenizer)
        self._asker: Asker | None = None
        self._emit = emit
        self._interruption = interruption

    def answers(
        self, suite: Suite, arms: Sequence[Name], sampling: SamplingParams = GREEDY
    ) -> dict[Name, dict[str, Answer]]:
        """The answers to all items of `suite`, by arm and item id. Raises Stopped and EngineFailed."""
        return self._answers(suite, arms, [sampling])[0]

    def answers_again(self, suite: Suite, arms: Sequence[Name], times: int) -> list[dict[Name, dict[str, Answer]]]:
        """So many answers to each item, drawn as people are answered. Raises Stopped and EngineFailed."""
        return self._answers(suite, arms, [SamplingParams(seed=seed) for seed in range(1, times + 1)])

    def _answers(
        self, suite: Suite, arms: Sequence[Name], draws: Sequence[SamplingParams]
    ) -> list[dict[Name, dict[str, Answer]]]:
        requests = {
            (draw.seed, arm, item.id): GenerationRequest(
                f"{suite.name}/{item.id}/{arm}" + (f"/{draw.seed}" if draw.seed else ""),
                item.prompt,
                replace(draw, max_tokens=suite.max_tokens),
                self._adapters[arm],
                self._template.encode_beginning(item.begun) if item.begun else (),
            )
            for draw in draws
            for item in suite.items
            for arm in arms
        }
        missing = [request for request in requests.values() if request.generation_id not in self._journal]
        steps = Steps(self._emit, suite.name, len(requests), len(requests) - len(missing))
        if missing:
            for key, answer in self._loaded_asker().answers(missing):
                self._journal.put(key, asdict(answer))
                steps.took_one()

        def kept(draw: SamplingParams, arm: Name, item: Item) -> Answer:
            return Answer(**self._journal[requests[draw.seed, arm, item.id].generation_id])

        return [{arm: {item.id: kept(draw, arm, item) for item in suite.items} for arm in arms} for draw in draws]

    def likelihoods(
        self, name: str, cases: Mapping[str, tuple[Sequence[ChatMessage], str | list[int]]], arms: Sequence[str]
    ) -> dict[str, Likelihood]:
        """How likely each arm holds the completion of each case, a text or token ids; cases that the model cannot
        read are left out. Raises Stopped, and InputError when the template's answers cannot be scored."""
        steps = Steps(self._emit, name, len(cases), 0)
        for case, (prompt, completion) in cases.items():
            self._interruption.yield_to_others()
            if f"{name}/{case}" not in self._journal:
                self._journal.put(f"{name}/{case}", self._likelihood(prompt, completion, arms))
            steps.took_one()
        kept = {case: self._journal[f"{name}/{case}"] for case in cases}
        return {case: Likelihood(**value) for case, value in kept.items() if value}

    def close(self) -> None:
        if self._asker:
            self._asker.close()
        self._journal.close()

    def _likelihood(
        self, prompt: Sequence[ChatMessage], completion: str | list[int], arms: Sequence[str]
    ) -> dict[str, object] | None:
        scorer = self._loaded_scorer()
        try:
            ids = scorer.completion_ids(prompt, completion) if isinstance(completion, str) else completion
            nats = scorer.log_likelihoods(prompt, ids, [self._adapters[arm] for arm in arms])
        except PromptError:
            return None
        return {"nats": dict(zip(arms, nats, strict=True)), "tokens": len(ids)}

    def _loaded_asker(self) -> Asker:
        self._scorer = None
        if self._asker is None:
            self._asker = Asker(TransformersEngine(self._config), self._interruption)
        return self._asker

    def _loaded_scorer(self) -> Scorer:
        if self._asker:
            self._asker.close()
            self._asker = None
        if self._scorer is None:
            self._scorer = Scorer(self._config)
        return self._scorer


class Steps:
    """Tells how far a phase is, at most once a second and at its end."""

    def __init__(self, emit: Emit, phase: str, of: int, done: int) -> None:
        self._emit = emit
        self._phase = phase
        self._of = of
        self._done = done
        self._told_at = 0.0

    def took_one(self) -> None:
        self._done += 1
        if self._done == self._of or monotonic() - self._told_at >= EVENT_EVERY_S:
            self._told_at = monotonic()
            self._emit({"event": "step", "phase": self._phase, "step": self._done, "steps": self._of})
