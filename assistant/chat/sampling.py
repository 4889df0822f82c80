"""How tokens are drawn: the product's defaults, and what a conversation's owner changed of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from assistant.errors import AssistantError
from inference.contract import SamplingParams

# What an owner, or a program of theirs, may change; the ban on repeats is the product's own.
CHANGEABLE = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens", "seed", "stop")
# What a program may ask of one reply besides: its conversation does not keep it, so the page goes on as ever.
ONCE = ("min_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "format")


def defaults() -> SamplingParams:
    """A random seed each time: a regenerated reply shall differ, and each can be written again from its row.
    Small models fall into loops; a mild penalty and a ban on long repeats end them and leave quotations possible."""
    return SamplingParams(
        seed=secrets.randbits(32), max_tokens=settings.MAX_REPLY_TOKENS, repetition_penalty=1.05, no_repeat_ngram=12
    )


def with_changes(changes: Mapping[str, Any]) -> SamplingParams:
    """The defaults with the changes of a conversation, and of one reply, over them. The operator's limit on the length
    holds for what was chosen under an earlier one too; fields of another version are ignored."""
    base = defaults()
    chosen = {name: changes.get(name, getattr(base, name)) for name in CHANGEABLE + ONCE}
    chosen["max_tokens"] = min(chosen["max_tokens"], base.max_tokens)
    chosen["stop"] = tuple(chosen["stop"])  # JSON has lists
    return SamplingParams(**chosen, no_repeat_ngram=base.no_repeat_ngram)


def checked(changes: Mapping[str, Any], names: Sequence[str] = CHANGEABLE) -> dict[str, Any]:
    """Return those of the changes that are called `names`, as they will be stored; None takes one back. Raises
    sampling.invalid, sampling.too_long."""
    kept = {name: changes[name] for name in names if changes.get(name) is not None}
    if kept.get("max_tokens", 1) > settings.MAX_REPLY_TOKENS:
        raise AssistantError("sampling.too_long", limit=settings.MAX_REPLY_TOKENS)
    try:
        with_changes(kept)
    except ValueError as error:
        raise AssistantError("sampling.invalid", reason=str(error)) from error
    return kept
