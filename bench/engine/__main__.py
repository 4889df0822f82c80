"""Measures the engine beside llama.cpp and transformers, and writes docs/evidence/engine.md and engine.json.

What has been measured is kept: stopped and started again it goes on, as long as commit, machine and options are the
same.

    python -m bench.engine --model data/models/smollm2-135m-instruct --rounds 5
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
import traceback
from pathlib import Path

import transformers

from bench.engine import machine, report
from bench.engine.prompts import Prompts
from bench.engine.record import Record
from bench.engine.stages import adapters, neighbour, product, quality, responses, speeds
from bench.engine.turns import Setting, Stage, in_order

STAGES = (
    Stage("speeds", speeds.prepared),
    Stage("adapters", adapters.prepared),
    Stage("neighbour", neighbour.prepared),
    Stage("responses", responses.prepared),
    Stage("product", product.prepared),
    Stage("quality", quality.prepared, max_rounds=1),  # always the same
)


def run(stage: Stage, setting: Setting, record: Record) -> None:
    """Measure what is not in `record` yet."""
    print(f"{stage.name}: loading", flush=True)
    began, others = time.monotonic(), machine.Others()
    rounds = min(setting.rounds, stage.max_rounds)
    with stage.prepare(setting, record.miss) as groups:
        for number in range(rounds):
            for turn in (turn for group in groups for turn in in_order(group, number)):
                if record.has(turn.name, number) or record.is_missed(turn.name):
                    continue
                asked_at = time.monotonic()
                try:
                    values = turn.measure(number)
                except (RuntimeError, ValueError, TimeoutError) as reason:
                    record.miss(turn.name, str(reason))
                    print(f"  {turn.name}: not measured: {reason}", flush=True)
                    continue
                record.add(turn.name, values)
                said = ", ".join(f"{key} {report.shown(value)}" for key, value in values.items())
                print(f"  {number + 1}/{rounds} {turn.name}: {said} ({time.monotonic() - asked_at:.1f} s)", flush=True)
    record.finish(stage.name, {"seconds": time.monotonic() - began, "others": others.share})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/models/smollm2-135m-instruct"))
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="of every engine; all cores by default"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64, help="that each reply has")
    parser.add_argument("--only", nargs="*", choices=[stage.name for stage in STAGES], help="stages; all by default")
    parser.add_argument(
        "--folder", type=Path, default=Path("data/bench-engine"), help="what is made once, and the record"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/evidence"), help="where engine.md and engine.json go")
    parser.add_argument("--render", action="store_true", help="only write engine.md anew from engine.json")
    options = parser.parse_args()
    page = options.out / "engine.md"
    if options.render:
        page.write_text(report.rendered(json.loads((options.out / "engine.json").read_text(encoding="utf-8"))))
        return
    transformers.logging.set_verbosity_error()
    logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
    options.folder.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        options.model, options.folder, options.threads, options.rounds, options.tokens, Prompts(options.model)
    )
    told = {name: getattr(options, name) for name in ("threads", "rounds", "tokens")}
    record = Record(
        options.folder / "record.json",
        {"commit": machine.commit(), "machine": machine.description(), "model": options.model.name, **told},
    )
    for stage in STAGES:
        if not record.is_done(stage.name) and (not options.only or stage.name in options.only):
            try:
                run(stage, setting, record)
            except Exception as reason:
                traceback.print_exc()
                record.miss(stage.name, f"{type(reason).__name__}: {str(reason)[:200]}")
    record.write(options.out / "engine.json")
    page.write_text(report.rendered(record.content), encoding="utf-8")
    print(f"Written: {page}")
    if all(record.is_done(stage.name) for stage in STAGES):
        record.forget()
    elif not options.only:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
