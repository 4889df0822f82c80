"""How far one form of a model is from another. Both read the same text and neither writes (teacher forcing): where they
write, one early difference makes all that follows differ.

The text is what the shipped suites ask and the answers that they hold, as a conversation is read by the model. What the
chat template puts before all of it is read but does not count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
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

Read = Callable[[Sequence[int], int], Tensor]
"""Token ids and the position of the first one -> the logits after each of them, float32 [n, vocabulary]. What stands at
the positions before has been read before."""


@dataclass(frozen=True, slots=True)
class Passages:
    """`texts` by their token ids, each of which follows upon `head`, which is read once for all of them."""

    head: tuple[int, ...]
    texts: tuple[tuple[int, ...], ...]

    @property
    def positions(self) -> int:
        return sum(map(len, self.texts))

    def predictions(self, read: Read) -> Iterator[Tensor]:
        """For each text the log-probabilities for its tokens, [tokens, vocabulary]."""
        at_begin = read(self.head, 0)[-1:]
        for text in self.texts:
            after = read(text, len(self.head))
            yield torch.cat([at_begin, after[:-1]]).log_softmax(-1)

    def with_positions(self, positions: int) -> Passages:
        """As many texts from the first one on as have `positions` together, or all of them."""
        taken: list[tuple[int, ...]] = []
        for text in self.texts:
            if sum(map(len, taken)) >= positions:
                break
            taken.append(text)
        return Passages(self.head, tuple(taken))


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Over `positions` tokens: `kl` is the mean of KL(reference || other) in nats, `top1` the share where both find the
    same token the most likely; the perplexities are those of the text itself."""

    positions: int
    kl: float
    top1: float
    reference_perplexity: float
    perplexity: float


def passages(template: ChatTemplate) -> tuple[Passages, Passages]:
    """The text in two halves that share no item, one to choose by and one to report on, mixed and always in the same
    order. Raises PromptError where the template refuses messages."""
    items = [item for name in SUITES for item in suites.load(name).items]
    items.sort(key=lambda item: hashlib.sha256(item.id.encode()).digest())
    found = [template.encode(item.prompt) + (template.encode_answer(item.gold) if item.gold else ()) for item in items]
    shared = next(at for at, column in enumerate(zip(*found, strict=False)) if len(set(column)) > 1)
    head, texts = found[0][:shared], tuple(ids[shared:MAX_TOKENS] for ids in found)
    return Passages(head, texts[::2]), Passages(head, texts[1::2])


def divergence(reference: Tensor, other: Tensor) -> Tensor:
    """KL(reference || other) in nats of log-probabilities [n, vocabulary], [n]."""
    return (reference.exp() * (reference - other)).sum(-1)


@torch.inference_mode()
def compare(reference: Read, other: Read, over: Passages, tick: Callable[[], object]) -> Fidelity:
    """How far `other` is from `reference`; `tick` is called after each text."""
    kl, same, reference_loss, loss = 0.0, 0, 0.0, 0.0
    for text, expected, found in zip(over.texts, over.predictions(reference), over.predictions(other), strict=True):
        said = torch.tensor(text, device=expected.device)[:, None]
        kl += float(divergence(expected, found).sum())
        same += int((expected.argmax(-1) == found.argmax(-1)).sum())
        reference_loss -= float(expected.gather(1, said).sum())
        loss -= float(found.gather(1, said).sum())
        tick()
    n = over.positions
    return Fidelity(n, kl / n, same / n, math.exp(reference_loss / n), math.exp(loss / n))
