"""Several adapters from one spec that differ by their seed alone: what one has by luck, the others have not.

The median by the dev rows' loss is the run's adapter, chosen before the test split is looked at; the gate asks of the
others whether they too answer better (inference/evaluation/judging.py).
"""

from __future__ import annotations

import dataclasses
import gc
import json
from pathlib import Path
from typing import Any

from inference.interruption import Interruption
from inference.training import adapter, durable
from inference.training.failure import writing
from inference.training.processes import Processes
from inference.training.progress import Progress
from inference.training.run import RESULT, run
from inference.training.spec import TrainingSpec


def run_seeds(
    spec: TrainingSpec, progress: Progress, interruption: Interruption, processes: Processes
) -> dict[str, Any]:
    """Do what `spec` says and return the result that was written. Raises Stopped or TrainingFailure.

    Each seed is a run of its own in OUTPUT/seeds/SEED, so that one that is done is not done again.
    """
    if spec.dry_run or spec.seeds == 1:
        return run(spec, progress, interruption, processes)
    output = Path(spec.output)
    results: list[dict[str, Any]] = []
    for at in range(spec.seeds):
        progress.seed(at + 1, spec.seeds)
        seed = spec.seed + at
        alone = dataclasses.replace(spec, seed=seed, seeds=1, output=str(output / folder_of(seed)))
        results.append(run(alone, progress, interruption, processes))
        gc.collect()  # the network of a seed would stay in memory beside the next one's
    if not processes.is_first:
        return {}
    kept = results[median([result["best"]["dev_nll"] for result in results])]
    source = output / folder_of(kept["seed"]) / "adapter"
    result = kept | {
        "seeds": [_summary(one) for one in results],
        "tokens": sum(one["tokens"] for one in results),
        "seconds": round(sum(one["seconds"] for one in results), 3),
    }
    with writing(output):
        files = {name: (source / name).read_bytes() for name in (adapter.WEIGHTS, adapter.CONFIG)}
        durable.write_folder(output / "adapter", files)
        durable.write_file(output / RESULT, (json.dumps(result, indent=2) + "\n").encode())
    return result


def median(losses: list[float | None]) -> int:
    """Which of `losses` stands in the middle, the lower of two; without dev rows the first, since any would do."""
    known = [(loss, at) for at, loss in enumerate(losses) if loss is not None]
    return sorted(known)[(len(known) - 1) // 2][1] if known else 0


def folder_of(seed: int) -> str:
    return f"seeds/{seed}"


def _summary(result: dict[str, Any]) -> dict[str, Any]:
    best = result["best"]
    return {
        "seed": result["seed"],
        "adapter_sha256": result["adapter_sha256"],
        "adapter": f"{folder_of(result['seed'])}/adapter",
        "dev_nll": best["dev_nll"],
        "drift": best["drift"],
    }
