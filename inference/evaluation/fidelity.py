"""How far one form of a model is from another. Both read the same text and neither writes (teacher forcing): where they
write, one early difference makes all that follows differ.

The text is what the shipped suites ask and the answers that they hold, as a conversation is read by the model. What the
chat template puts before all of it is read but does not count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.chat_template import ChatTemplate
from inference.evaluation import suites

# Those whose items are not variants of one another.
SUITES = (
    "anchors", "classification", "code", "format", "over_refusal", "question_answering", "sentiment", "summary",
    "translation",
)  # fmt: skip
MAX_TOKENS = 256

Read = Callable[[Sequence[int]], Tensor]
"""Token ids -> the logits after each of them, float32 [n, vocabulary]."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text; its tokens count from `first` on, which is not the first of all."""

    token_ids: tuple[int, ...]
    first: int

    @property
    def positions(self) -> int:
        return len(self.token_ids) - self.first

    def predictions(self, read: Read) -> Tensor:
        """The log-probabilities for each token that counts, [positions, vocabulary]."""
        return read(self.token_ids)[self.first - 1 : -1].log_softmax(-1)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Over `positions` tokens: `kl` is the mean of KL(reference || other) in nats, `top1` the share where both find the
    same token the most likely; the perplexities are those of the text itself."""

    positions: int
    kl: float
    top1: float
    reference_perplexity: float
    perplexity: float


def passages(template: ChatTemplate) -> tuple[list[Passage], list[Passage]]:
    """The text in two halves that share no item, one to choose by and one to report on, mixed and always in the same
    order. Raises PromptError where the template refuses messages."""
    items = [item for name in SUITES for item in suites.load(name).items]
    items.sort(key=lambda item: hashlib.sha256(item.id.encode()).digest())
    texts = [template.encode(item.prompt) + (template.encode_answer(item.gold) if item.gold else ()) for item in items]
    first = max(1, next((at for at, column in enumerate(zip(*texts, strict=False)) if len(set(column)) > 1), 1))
    found = [Passage(text[:MAX_TOKENS], first) for text in texts]
    return found[::2], found[1::2]


def with_positions(found: Sequence[Passage], positions: int) -> list[Passage]:
    """As many passages from the beginning as have `positions` together, or all of them."""
    taken: list[Passage] = []
    for passage in found:
        if sum(one.positions for one in taken) >= positions:
            break
        taken.append(passage)
    return taken


def divergence(reference: Tensor, other: Tensor) -> Tensor:
    """KL(reference || other) in nats of log-probabilities [n, vocabulary], [n]."""
    return (reference.exp() * (reference - other)).sum(-1)


@torch.inference_mode()
def compare(reference: Read, other: Read, over: Sequence[Passage], tick: Callable[[], object]) -> Fidelity:
    """How far `other` is from `reference`; `tick` is called after each passage."""
    positions, kl, same, reference_loss, loss = 0, 0.0, 0, 0.0, 0.0
    for passage in over:
        expected, found = passage.predictions(reference), passage.predictions(other)
        said = torch.tensor(passage.token_ids[passage.first :], device=expected.device)[:, None]
        positions += passage.positions
        kl += float(divergence(expected, found).sum())
        same += int((expected.argmax(-1) == found.argmax(-1)).sum())
        reference_loss -= float(expected.gather(1, said).sum())
        loss -= float(found.gather(1, said).sum())
        tick()
    return Fidelity(
        positions, kl / positions, same / positions, math.exp(reference_loss / positions), math.exp(loss / positions)
    )
