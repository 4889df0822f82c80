"""How honest the gate is: promotions of candidates that are no better, and of those better by the effect printed.

Candidates are simulated (tests/inference/evaluation/simulated.py), the judges are the product's own with all their
draws. `flips` is the share of items judged by rules that turn out otherwise, either way, without a reason.

    python -m bench.gate --candidates 2000
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tqdm import tqdm

from inference.evaluation.gate import decide
from tests.inference.evaluation.simulated import Candidate, findings, printed_effect


@dataclass
class Line:
    name: str
    candidate: Candidate
    verdicts: Counter[str]
    stopped_by: Counter[str]


def judge(case: tuple[Candidate, int]) -> tuple[str, list[str]]:
    """The verdict on one candidate, and what kept it from being promoted."""
    candidate, seed = case
    found = findings(candidate, seed)
    stops = [f"{f.suite}/{f.metric}" for f in found if f.role != "report" and f.verdict != "pass"]
    return decide(found), stops


def lines(clusters: list[int], flips: list[float]) -> list[Line]:
    made = []
    for count in clusters:
        effect = printed_effect(count)
        for share in flips:
            for name, times in (("no better", 0.0), ("printed effect", 1.0)):
                candidate = Candidate(count, effect * times, flips=share)
                made.append(Line(name, candidate, Counter(), Counter()))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=2000)
    parser.add_argument("--clusters", type=int, nargs="+", default=[20, 40, 100])
    parser.add_argument("--flips", type=float, nargs="+", default=[0.0, 0.02])
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    heads = (
        "corrections",
        "candidates",
        "true effect (chrF)",
        "flips",
        "pass",
        "fail",
        "not enough evidence",
        "stopped by",
    )
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    with ProcessPoolExecutor(arguments.processes) as pool:
        for line in lines(arguments.clusters, arguments.flips):
            cases = [(line.candidate, seed) for seed in range(arguments.candidates)]
            judged = pool.map(judge, cases, chunksize=20)
            for verdict, stops in tqdm(judged, total=len(cases), disable=None, leave=False):
                line.verdicts[verdict] += 1
                line.stopped_by.update(stops)
            show(line, arguments.candidates)


def show(line: Line, total: int) -> None:
    shares = " | ".join(f"{line.verdicts[v] / total:.1%}" for v in ("pass", "fail", "not_enough_evidence"))
    candidate = line.candidate
    stops = ", ".join(f"{name} {count / total:.1%}" for name, count in line.stopped_by.most_common(3))
    print(
        f"| {candidate.clusters} | {line.name} | {candidate.effect:.3f} | {candidate.flips:.0%} | {shares} | {stops} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
