"""How alike an answer is to a reference, and how well labels were told apart. Knows nothing of models or suites.

Every score of text is from 0 (nothing alike) to 1 (equal). Words are lower-case runs of letters and digits; Chinese,
Japanese and Korean signs are words of their own, because no spaces divide them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")
_CJK_SIGN = re.compile(rf"[{CJK}]")
_CHRF = CHRF()
# Sentences are short: without effective_order, one that shares no four words in a row would count nothing at all.
_BLEU = {language: BLEU(tokenize=tokenize, effective_order=True) for language, tokenize in (("", "13a"), ("zh", "zh"))}


def words(text: str) -> list[str]:
    """The words of `text` after NFKC, which makes wide and narrow forms equal."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def is_cjk(text: str) -> bool:
    """Whether at least a third of the words of `text` are Chinese, Japanese or Korean signs."""
    found = words(text)
    return bool(found) and 3 * sum(bool(_CJK_SIGN.match(word)) for word in found) >= len(found)


def exact_match(answer: str, reference: str) -> float:
    """1.0 when both have the same words in the same order."""
    return float(words(answer) == words(reference))


def token_f1(answer: str, reference: str) -> float:
    """F1 of the words as bags, as for SQuAD (arXiv:1606.05250 §6.1), though articles count."""
    answered, expected = words(answer), words(reference)
    shared = sum((Counter(answered) & Counter(expected)).values())
    return _f1(shared, len(answered), len(expected))


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, ROUGE: A Package for Automatic Evaluation, §3)."""
    answered, expected = words(answer), words(reference)
    lengths = [0] * (len(expected) + 1)
    for word in answered:
        diagonal = 0
        for i, other in enumerate(expected, start=1):
            above = lengths[i]
            lengths[i] = diagonal + 1 if word == other else max(above, lengths[i - 1])
            diagonal = above
    return _f1(lengths[-1], len(answered), len(expected))


def chrf(answer: str, reference: str) -> float:
    """chrF2 of sacrebleu (Popović 2015, W15-3049): F2 of character n-grams up to 6."""
    return float(_CHRF.sentence_score(answer, [reference]).score) / 100


def bleu(answer: str, reference: str) -> float:
    """Sentence BLEU of sacrebleu with exponential smoothing; Chinese is cut into its signs."""
    return float(_BLEU["zh" if is_cjk(reference) else ""].sentence_score(answer, [reference]).score) / 100


def length_ratio(answer: str, reference: str) -> float:
    """Words of the answer per word of the reference; of nothing to nothing 1.0."""
    answered, expected = len(words(answer)), len(words(reference))
    return answered / expected if expected else float(answered == 0) or float(answered)


def _f1(shared: int, answered: int, expected: int) -> float:
    if answered == expected == 0:
        return 1.0
    return 2 * shared / (answered + expected)


@dataclass(frozen=True, slots=True)
class Classification:
    """Shares from 0 to 1. `macro_*` are means over the labels that occur; micro F1 of one label each is `accuracy`."""

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    labels: dict[str, tuple[float, float, float]]  # precision, recall, F1


def classification(predicted: Sequence[str], expected: Sequence[str]) -> Classification:
    """How well labels were told apart; what is undefined (a label never predicted) counts 0.

    Raises ValueError when there are none, or not as many of one as of the other.
    """
    if not expected or len(predicted) != len(expected):
        raise ValueError("There must be as many predicted labels as expected ones, and at least one.")
    hits = Counter(p for p, e in zip(predicted, expected, strict=True) if p == e)
    said, true = Counter(predicted), Counter(expected)
    labels = {}
    for label in sorted(said | true):
        hit = hits[label]
        labels[label] = (hit / max(1, said[label]), hit / max(1, true[label]), _f1(hit, said[label], true[label]))
    precision, recall, f1 = (sum(column) / len(labels) for column in zip(*labels.values(), strict=True))
    return Classification(hits.total() / len(expected), precision, recall, f1, labels)
