"""Which approved answers are found for questions in other words, how surely, and how fast.

503 questions of a real support FAQ (zaragoza-construction-faq by Zaragoza AB, CC-BY-4.0, DOI 10.5281/zenodo.19630803)
are the approved answers; bench/data/faq_paraphrases.jsonl asks some of them in other words, and some that no answer
fits. Half of it is for choosing thresholds, half for reporting. The hardest are questions whose answer has been taken
out: all that is nearest to them is about the same thing, and wrong.

    python -m bench.retrieval --embedder FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.words import normalised
from inference.contract import IndexedPassage, PassageMatch
from inference.serving import packages, prepare_embedder
from inference.serving.embedding import Embedder, Vector
from inference.serving.passage_index import WORDS_SHARE, PassageIndex
from inference.serving.retrieval import ANSWER_CHARS

FAQ = "zaragoza-construction-faq==1.2.1"
PARAPHRASES = Path(__file__).parent / "data" / "faq_paraphrases.jsonl"
SURE, MAYBE = 0.65, 0.4  # the defaults of APPROVED_ANSWER_SURE and APPROVED_ANSWER_MAYBE
SIZES = (500, 10_000, 100_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """`right`: the ids of all answers that hold the facts which a right answer must hold."""

    text: str
    words: str
    right: frozenset[str]
    use: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to find: which vectors passages have, and how much words count."""

    name: str
    index: PassageIndex
    has_vectors: bool

    def find(self, asked: Asked, vector: Vector | None) -> list[PassageMatch]:
        return self.index.find(asked.words, vector if self.has_vectors else None, 3 + len(asked.right))


def read_faq() -> dict[str, tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        wheel = packages.fetch(FAQ, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read("zaragoza_construction_faq/data/faq-en.jsonl").decode()
    return {row["id"]: (row["q"], row["a"]) for row in map(json.loads, text.strip().split("\n"))}


def read_asked(faq: dict[str, tuple[str, str]]) -> list[Asked]:
    found = []
    for row in map(json.loads, PARAPHRASES.read_text(encoding="utf-8").strip().split("\n")):
        for asked in row["asked"]:
            facts = asked["facts"]
            same = [id_ for id_, (_, answer) in faq.items() if facts and _holds(answer, facts)]
            right = frozenset([*same, row["id"]] if row["id"] else [])
            found.append(Asked(asked["text"], normalised(asked["text"]), right, row["use"]))
    return found


def _holds(answer: str, facts: Sequence[str]) -> bool:
    return all(re.search(fact, answer, re.IGNORECASE) for fact in facts)


def ways(faq: dict[str, tuple[str, str]], embedder: Embedder) -> list[Way]:
    questions = embedder.embed([question for question, _ in faq.values()])
    whole = embedder.embed([f"{question} {answer[:ANSWER_CHARS]}" for question, answer in faq.values()])
    none = [None] * len(faq)
    tried: list[tuple[str, Sequence[Vector | None], float]] = [
        ("words alone", none, 1.0),
        ("vector of the question", questions, 0.0),
        ("vector of question and answer", whole, 0.0),
        ("that vector, and words", whole, WORDS_SHARE),
    ]
    made = []
    for name, vectors, share in tried:
        index = PassageIndex(share)
        index.put(
            [
                IndexedPassage(id_, normalised(question), normalised(answer), _bytes(vector))
                for (id_, (question, answer)), vector in zip(faq.items(), vectors, strict=True)
            ]
        )
        made.append(Way(name, index, share < 1))
    return made


def _bytes(vector: Any) -> bytes:
    return b"" if vector is None else vector.astype("<f4").tobytes()


@dataclass(frozen=True, slots=True)
class Found:
    """What one way found for one question: whether the best is right, one of three is, and the best score; and the best
    score without all right answers, where whatever is found is wrong."""

    first: bool
    third: bool
    score: float
    score_without: float


def look(way: Way, asked: Asked, vector: Vector | None) -> Found:
    matches = way.find(asked, vector)
    wrong = [match for match in matches if match.id not in asked.right]
    return Found(
        first=matches[0].id in asked.right,
        third=any(match.id in asked.right for match in matches[:3]),
        score=matches[0].score,
        score_without=wrong[0].score if wrong else 0.0,
    )


def line(name: str, found: dict[Asked, Found], use: str, sure: float) -> str:
    answerable = [found[asked] for asked in found if asked.right and asked.use == use]
    others = [found[asked] for asked in found if not asked.right and asked.use == use]
    given = [one for one in answerable if one.score >= sure]
    right = sum(one.first for one in given)
    near = [one for one in answerable if one.third and one.score >= MAYBE]
    cells = (
        f"{sum(one.first for one in answerable)}/{len(answerable)}",
        f"{sum(one.third for one in answerable)}/{len(answerable)}",
        f"{sure:.2f}",
        f"{right}/{len(given)}",
        f"{sum(one.score_without >= sure for one in answerable)}/{len(answerable)}",
        f"{sum(one.score >= sure for one in others)}/{len(others)}",
        f"{len(near)}/{len(answerable)}",
        f"{sum(one.score >= MAYBE for one in others)}/{len(others)}",
    )
    return f"| {name} | {use} | {' | '.join(cells)} |"


def lowest_safe(found: dict[Asked, Found]) -> float:
    """The lowest threshold at which no question of those for choosing gets a wrong answer, its own or any other."""
    wrong = [one.score for asked, one in found.items() if asked.use == "threshold" and not one.first]
    return round(max(wrong) + 0.005, 2)


def latencies(faq: dict[str, tuple[str, str]], asked: Sequence[Asked], dimensions: int) -> list[str]:
    """Milliseconds to compare a question with so many passages, its vector at hand; made up of the words of the FAQ."""
    draw, vectors = random.Random(0), np.random.default_rng(0)
    texts = [(normalised(question), normalised(answer)) for question, answer in faq.values()]
    vocabulary = sorted({word for _, answer in texts for word in answer.split()})
    rows = []
    for size in SIZES:
        index = PassageIndex()
        for begin in range(0, size, 500):
            drawn = vectors.standard_normal((500, dimensions), dtype=np.float32)
            drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
            index.put(
                [
                    IndexedPassage(
                        str(begin + at), " ".join(draw.choices(vocabulary, k=9)), draw.choice(texts)[1], _bytes(row)
                    )
                    for at, row in enumerate(drawn)
                ]
            )
        times = []
        for one in asked[:60]:
            began = time.perf_counter()
            index.find(one.words, drawn[0], 8)
            times.append((time.perf_counter() - began) * 1000)
        rows.append(f"| {size:,} | {statistics.median(times):.1f} | {statistics.quantiles(times, n=20)[-1]:.1f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", help="a folder or a hub id; the bundled one, if not said")
    parser.add_argument("--models-dir", type=Path, default=Path("data/models"))
    arguments = parser.parse_args()
    embedder = Embedder(arguments.embedder or str(prepare_embedder.prepare(arguments.models_dir)))
    faq = read_faq()
    asked = read_asked(faq)
    vectors = dict(zip(asked, embedder.embed([one.text for one in asked]), strict=True))
    print(
        f"{len(faq)} approved answers, {sum(bool(one.right) for one in asked)} questions in other words, "
        f"{sum(not one.right for one in asked)} that no answer fits; embedder {embedder.name}\n"
    )
    print(
        "| found by | rows | first | one of three | sure from | right of those given | given though the answer is "
        "missing | given though none fits | right one before the model | something before it though none fits |"
    )
    print("|---" * 10 + "|")
    for way in ways(faq, embedder):
        found = {one: look(way, one, vectors[one]) for one in asked}
        print(line(way.name, found, "threshold", lowest_safe(found)))
        print(line(way.name, found, "result", lowest_safe(found)))
        if way.name == "that vector, and words":
            print(line(f"{way.name}, as set", found, "result", SURE))
    times = []
    for one in asked[:60]:
        began = time.perf_counter()
        embedder.embed([one.text])
        times.append((time.perf_counter() - began) * 1000)
    print(f"\nReading a question takes {statistics.median(times):.1f} ms (median).\n")
    print("| passages | ms, median | ms, 95 % |\n|---|---|---|")
    for row in latencies(faq, asked, len(next(v for v in vectors.values() if v is not None))):
        print(row)


if __name__ == "__main__":
    main()
