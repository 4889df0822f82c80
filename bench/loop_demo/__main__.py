"""`python -m bench.loop_demo`: runs inside the demo's own DATA_DIR, which `manage.py loop demo` sets.

Goes on where it was stopped: what has been collected stays in the demo's database, every line of the table in a file.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
from pathlib import Path
from typing import Any

RESULT, PAGE = "loop-demo.json", "loop-demo.md"
EVIDENCE = Path("docs/evidence")
SIMULATED = (
    "all people. Who asks rates by how alike an answer is to the company's own (token F1 from 0.35 on is liked), is "
    "wrong in 15 % of the cases, and writes the company's answer into 30 % of the bad ones; three are trolls; the "
    "reviewer accepts the company's answer, rejects others, and writes it where there is none."
)
# What a search with little time found: docs/decisions/0015-the-loop-demo.md. Nothing else runs beside the training, so
# that it may have all cores; drift is measured and stops nothing, for the gate judges the end of it.
RECIPE: dict[str, Any] = {
    "epochs": 6,
    "threads": os.cpu_count(),
    "lora": {"rank": 16, "alpha": 32},
    "optimizer": {"learning_rate": 1e-3},
    "stopping": {"checks_per_epoch": 1, "drift_budget": 5.0},
}
WORDED: dict[str, Any] = {
    "epochs": 2,
    "replay": {"share": 0.2},
    "augmentation": {"wordings": 2, "near_words": 28},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="manage.py loop demo", description=__doc__)
    parser.add_argument("--facts", type=int, default=14, help="questions whose answers are taught and asked again")
    parser.add_argument("--unseen", type=int, default=28, help="questions that are held out")
    parser.add_argument("--recipe", type=json.loads, default=RECIPE, metavar="JSON", help="settings of the trainer")
    parser.add_argument("--worded", type=json.loads, default=WORDED, metavar="JSON", help="what is changed of it")
    parser.add_argument("--quick", action="store_true", help="fewer lines and no gate: whether it works at all")
    parser.add_argument("--faq", type=Path, help="a file of questions and answers instead of the real ones")
    parser.add_argument("--paraphrases", type=Path, help="a file of other words for them")
    parser.add_argument("--output", type=Path, default=EVIDENCE)
    options = parser.parse_args()

    # Not at the top: Django reads its settings from the environment once.
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant.settings")
    django.setup()
    # One line for each question that is asked.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    from bench.loop_demo.demo import Demo
    from bench.loop_demo.table import rendered
    from tests.product import Product

    inherited = {
        name: os.environ[name] for name in ("DATA_DIR", "SECRET_KEY", "MODEL", "EMBEDDER") if name in os.environ
    }
    demo = Demo(options)
    for approved_answers, part in (
        ("serve", demo.collect),
        ("off", demo.train),
        ("serve", demo.combine),
        ("offer", demo.offer),
    ):
        with Product(None, **inherited, APPROVED_ANSWERS=approved_answers):
            part()
    result = demo.result | {
        "simulated": SIMULATED,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / RESULT).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (options.output / PAGE).write_text(rendered(result), encoding="utf-8")
    print(f"Written: {options.output / RESULT} and {options.output / PAGE}")


if __name__ == "__main__":
    main()
