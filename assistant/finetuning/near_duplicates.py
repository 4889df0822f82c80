"""Which texts say nearly the same: Jaccard similarity of their sets of three characters in a row.

MinHash finds the candidates, the similarity itself decides, so that equal sets of texts give equal pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rensa import RMinHash, RMinHashLSH

from assistant.words import normalised

THRESHOLD = 0.8
# 32 bands of 4: a pair at the threshold is missed once in 20 million times, (1 - 0.8^4)^32.
_PERMUTATIONS, _BANDS, _SEED = 128, 32, 1

# What carries a fact that a few characters can change: numbers, and names in capitals.
_FACT = re.compile(r"\d+|\b[A-Z]{2,}\b")


def plain(text: str) -> str:
    """The words of a text; of one without words, like "?", what stands there."""
    return normalised(text) or text.strip()


def pairs(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The pairs of different texts that are near duplicates, each once."""
    distinct = sorted(set(texts))
    grams = [_grams(text) for text in distinct]
    lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=_PERMUTATIONS, num_bands=_BANDS)
    for index, text in enumerate(distinct):
        minhash = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        minhash.update(sorted(grams[index]))
        for other in sorted(lsh.query(minhash)):
            if _jaccard(grams[index], grams[other]) >= THRESHOLD:
                yield distinct[other], text
        lsh.insert(index, minhash)


def are_near(one: str, other: str) -> bool:
    """Whether two texts are near duplicates and none of the numbers and capitals differs: "RUT" is not "ROT"."""
    if sorted(_FACT.findall(one)) != sorted(_FACT.findall(other)):
        return False
    return _jaccard(_grams(plain(one)), _grams(plain(other))) >= THRESHOLD


def _grams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(max(1, len(text) - 2))}


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)
