"""How alike two texts are, without a library: workers that serve replies need no other."""

from __future__ import annotations

from collections import Counter

ORDER, BETA = 6, 2


def chrf(text: str, reference: str) -> float:
    """chrF of a text against a reference, in [0, 1]: the F-score, recall counting BETA times as much as precision, of
    their character n-grams up to ORDER without white space, averaged over the orders that both have (Popović, chrF,
    WMT 2015)."""
    text, reference = "".join(text.split()), "".join(reference.split())
    precisions, recalls = [], []
    for n in range(1, ORDER + 1):
        ours, theirs = _ngrams(text, n), _ngrams(reference, n)
        if ours and theirs:
            common = (ours & theirs).total()
            precisions.append(common / ours.total())
            recalls.append(common / theirs.total())
    if not sum(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def _ngrams(text: str, n: int) -> Counter[str]:
    return Counter(text[at : at + n] for at in range(len(text) - n + 1))
