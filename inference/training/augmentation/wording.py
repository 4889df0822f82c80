"""A question in other words, by rule. Knows nothing of models, of answers to be learned only that facts stand in them.

The rules are of the surface and take no dictionary: as people type (without capitals and marks, with slips), in key
words, with a beginning of politeness or haste, with words of the answer in place of those of the question. A question
in Chinese, Japanese or Korean has no spaces, so that only the beginnings and ends change.
"""

from __future__ import annotations

import random
import re

WORD = re.compile(r"\w+", re.UNICODE)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
# Words that carry no matter in a question or an answer: what is left are its key words.
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been before but by can could did do does for from had has have
    he her here his how i if in into is it its just may me might more most must my need no not of often on one only or
    our shall she should so some than that the their them then there these they this to under up us use usually was we
    were what when where which while who whom why will with without would yes you your""".split()  # noqa: SIM905  # one a line would be most of this file
)
BEGINNINGS = ("Hi, {}", "Quick question: {}", "I was wondering, {}", "Please tell me: {}", "A friend asked me: {}")
CJK_BEGINNINGS = ("请问，{}", "你好，{}", "想问一下：{}")


def wordings(question: str, answer: str, count: int, draw: random.Random) -> list[str]:
    """At most `count` different wordings, none of which is the question or holds a number that only the answer has."""
    rules = _CJK_RULES if _CJK.search(question) else _RULES
    found: dict[str, None] = {}
    for turn in range(4 * count):
        made = rules[turn % len(rules)](question, answer, draw).strip()
        if made and made != question and not _gives_away(made, question):
            found.setdefault(made)
        if len(found) == count:
            break
    return list(found)


def key_words(text: str) -> list[str]:
    """The words of a text without those that carry no matter, each once, in their order."""
    return list(dict.fromkeys(word for word in WORD.findall(text.lower()) if word not in STOP_WORDS and len(word) > 1))


def _gives_away(made: str, question: str) -> bool:
    """A fact in the question would teach the model to repeat it, not to know it."""
    return not set(re.findall(r"\d+", made)) <= set(re.findall(r"\d+", question))


def _typed(question: str, answer: str, draw: random.Random) -> str:
    return question.lower().rstrip("?.! ")


def _key_words(question: str, answer: str, draw: random.Random) -> str:
    return " ".join(_thinned(key_words(question), draw))


def _with_words_of_the_answer(question: str, answer: str, draw: random.Random) -> str:
    """Some key words of both: what people ask is often worded like the answer."""
    own, others = key_words(question), [word for word in key_words(answer) if not word.isnumeric()]
    others = [word for word in others if word not in own]
    mixed = _thinned(own, draw) + draw.sample(others, min(len(others), draw.randint(1, 3)))
    draw.shuffle(mixed)
    return " ".join(mixed) + draw.choice(("", "?", " ?"))


def _begun(question: str, answer: str, draw: random.Random) -> str:
    return draw.choice(BEGINNINGS).format(question[:1].lower() + question[1:])


def _slipped(question: str, answer: str, draw: random.Random) -> str:
    """One or two slips of the finger."""
    letters = list(question)
    for _ in range(draw.randint(1, 2)):
        at = draw.randrange(1, max(2, len(letters) - 2))
        if at + 1 < len(letters) and letters[at].isalpha() and letters[at + 1].isalpha():
            letters[at : at + 2] = draw.choice(([letters[at + 1], letters[at]], [letters[at]]))
    return "".join(letters)


def _cjk_begun(question: str, answer: str, draw: random.Random) -> str:
    return draw.choice(CJK_BEGINNINGS).format(question)


def _cjk_typed(question: str, answer: str, draw: random.Random) -> str:
    return question.rstrip("？?。！!") + draw.choice(("", "呢", "吗"))


def _thinned(words: list[str], draw: random.Random) -> list[str]:
    """Most of the words; of few, all."""
    if len(words) <= 2:
        return words
    left_out = draw.randrange(len(words)) if draw.random() < 0.5 else None
    return [word for at, word in enumerate(words) if at != left_out]


_RULES = (_with_words_of_the_answer, _key_words, _begun, _with_words_of_the_answer, _typed, _slipped)
_CJK_RULES = (_cjk_begun, _cjk_typed)
