"""Questions in words of near meaning, which no rule of the surface finds: "pipes" as "tubes", "permit" as "licence".

Which words are near is what the embedder of the approved answers says of single words, so that there is no dictionary
of ours. A word that its list does not hold (a name, a term of one trade) stays as it is.
"""

from __future__ import annotations

import hashlib
import io
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.embedding import Embedder
from inference.training import durable
from inference.training.augmentation.filtering import Embed, Vector, matrix
from inference.training.augmentation.wording import STOP_WORDS, WORD, key_words

# Of this many frequent words of the embedder's vocabulary any may stand for another; reading them takes half a minute.
WORDS = 10_000
LEAST_ALIKE = 0.55  # cosine; below it words of all-MiniLM-L6-v2 share a subject and no meaning
NEAREST = 20
# Of words that begin alike (permit, permits) few, of others more: it is these that people use instead.
BEGINNING, BEGIN_ALIKE, BEGIN_OTHERWISE = 4, 2, 6
SHORTEST = 4  # letters; shorter words are mostly signs of a trade
# Where all questions of one fact have one form, the form is what is learned, and "how many years" brings the answer of
# another "how long". So a part of them says the words of the matter in forms that fit any.
FRAMES = (
    "I have a question about {} and {}. What goes for me?",
    "We have {} at home and {}. What about {}?",
    "My neighbour said something about {} and {}, is that right?",
    "We are planning something with {}. Do we have to think of {} or {}?",
    "Somebody asked me about {}, {}. What should I say?",
    "{} {} - what applies??",
    "I need to know this before we begin: {}, {}, {}.",
    "Last year we had {}. Now it is about {}, so what do we do?",
    "can you explain {} / {} to me",
    "It is my first time with {} and I am not sure about {}. Can you help?",
    "how is it with {} when there is {}",
    "What is the rule on {} for {}?",
)
REPLACED = 0.6  # the share of words that are replaced where they have near ones


class NearWords:
    """`words` are all that may stand for others, `vectors` [words, dimensions] their vectors of length 1."""

    def __init__(self, words: Sequence[str], vectors: Vector, embed: Embed) -> None:
        self.words, self._vectors, self._embed = list(words), vectors, embed
        self._known = frozenset(words)
        self._near: dict[str, tuple[str, ...]] = {}

    def questions(self, question: str, answer: str, count: int, draw: random.Random) -> list[str]:
        """At most `count` different ones: the question with other words in it, and key words of both."""
        self._learn([word for word in key_words(f"{question} {answer}") if len(word) >= SHORTEST])
        found: dict[str, None] = {}
        for turn in range(4 * count):
            made = _WAYS[turn % len(_WAYS)](self, question, answer, draw)
            made = made.lower() if draw.random() < 0.4 else made
            # A number that only the answer has would teach to repeat it.
            if made != question and set(re.findall(r"\d+", made)) <= set(re.findall(r"\d+", question)):
                found.setdefault(made)
            if len(found) == count:
                break
        return [text for text in found if text.strip(" ?")]

    def _reworded(self, question: str, answer: str, draw: random.Random) -> str:
        return WORD.sub(lambda match: self._other(match[0], draw), question)

    def _framed(self, question: str, answer: str, draw: random.Random) -> str:
        own, others = _matter(question, answer)
        count = 2 if draw.random() < 0.7 else 1
        chosen = draw.sample(own, min(count, len(own))) + draw.sample(others, min(3 - count, len(others)))
        if not chosen:
            return question
        draw.shuffle(chosen)
        words = [self._other(word, draw) for word in chosen]
        return draw.choice(FRAMES).format(*words, *[words[-1]] * (3 - len(words)))

    def _key_words(self, question: str, answer: str, draw: random.Random) -> str:
        own, others = _matter(question, answer)
        chosen = [word for word in own if draw.random() < 0.8]
        chosen += draw.sample(others, min(len(others), draw.randint(0, 2)))
        draw.shuffle(chosen)
        return " ".join(self._other(word, draw) for word in chosen) + draw.choice(("", "?"))

    def _other(self, word: str, draw: random.Random) -> str:
        near = self._near.get(word.lower(), ())
        return draw.choice(near) if near and draw.random() < REPLACED else word

    def _learn(self, words: Sequence[str]) -> None:
        new = [word for word in words if word in self._known and word not in self._near]
        for word, vector in zip(new, self._embed(new) if new else (), strict=True):
            likeness = self._vectors @ vector if vector is not None else np.zeros(0, dtype=np.float32)
            order = [at for at in np.argsort(-likeness, kind="stable")[:NEAREST] if likeness[at] >= LEAST_ALIKE]
            near = [self.words[at] for at in order if self.words[at] != word]
            otherwise = [other for other in near if other[:BEGINNING] != word[:BEGINNING]]
            alike = [other for other in near if other[:BEGINNING] == word[:BEGINNING]]
            self._near[word] = (*otherwise[:BEGIN_OTHERWISE], *alike[:BEGIN_ALIKE])


_WAYS = (NearWords._key_words, NearWords._framed, NearWords._reworded, NearWords._framed)


def _matter(question: str, answer: str) -> tuple[list[str], list[str]]:
    """The key words of the question, and those that only the answer has."""
    own = key_words(question)
    return own, [word for word in key_words(answer) if word not in own and word.isalpha() and len(word) >= SHORTEST]


def near_words(embedder: Embedder, cache: Path) -> NearWords:
    """With the words of `embedder`; their vectors are kept in `cache` for other runs. Raises OSError."""
    words = [word for word in embedder.words(WORDS) if word not in STOP_WORDS]
    path = cache / f"words-{hashlib.sha256(repr((embedder.sha256, words)).encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        file = io.BytesIO()
        np.save(file, matrix(embedder.embed(words)))
        durable.write_file(path, file.getvalue())
    return NearWords(words, np.load(path), embedder.embed)
