"""What a run would cost: everything but the optimiser, and three micro-batches timed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch

from inference import pretrained
from inference.chat_template import Turn
from inference.contract import ChatMessage
from inference.training import adapter, replay
from inference.training.objectives import Packed, row_losses
from inference.training.packing import pack, use_packs
from inference.training.plan import Plan, make_plan
from inference.training.rows import Row
from inference.training.run import Run

SAMPLE_TOKENS = 8
# Of the work of a forward and a backward, a forward alone is a third: each product has two in the backward, but the
# frozen weights need only one of them, so that it is nearer to a half.
FORWARD_SHARE = 0.5


def estimate(run: Run) -> dict[str, Any]:
    """Count, time, and write what was found as the result; seconds are for this machine as busy as it is now."""
    spec = run.spec
    run.progress.phase("replay")
    missing = run.cache.missing
    replay_s = missing * _seconds_per_answer(run) if missing else 0.0
    # Answers that are not yet written are counted at their full length.
    answer = (0,) * spec.replay.max_tokens
    prompts = [Turn(run.template.encode([_user(text)]), answer) for text in replay.read_anchors()]
    replayed, anchors = replay.rows_of(prompts)
    rows = [_with_any_reference(row) for row in run.train.rows]
    plan = make_plan(rows, replayed, spec)
    run.progress.phase("train")
    use_packs(run.network)
    model = adapter.add_adapter(run.network, spec.lora, spec.seed)
    seconds_per_token = _seconds_per_token(run, model, plan)
    compared = sum(row.tokens for row in rows if row.objective in ("preference", "unpaired"))
    checked = sum(row.tokens for row in [*run.dev_rows, *anchors]) * len(plan.checks)
    trained_s = plan.tokens * seconds_per_token * spec.seeds / run.processes.count
    forward_s = (compared + checked) * seconds_per_token * FORWARD_SHARE * spec.seeds
    facts = run.facts()
    adapter_bytes = sum(p.numel() * 4 for p in model.parameters() if p.requires_grad)
    result = {
        **facts,
        "dry_run": True,
        "steps_planned": len(plan.steps),
        "tokens": plan.tokens * spec.seeds,
        "estimate": {
            "seconds": round(trained_s + forward_s + replay_s, 1),
            "train_s": round(trained_s, 1),
            "reference_and_dev_s": round(forward_s, 1),
            "replay_s": round(replay_s, 1),
            # AdamW keeps two numbers for each weight of the adapter.
            "memory_mb": round((facts["peak_gpu_mb"] or facts["peak_rss_mb"]) + 2 * adapter_bytes / 1e6),
        },
    }
    run.progress.phase("finish")
    run.write_result(result)
    return result


def _user(text: str) -> ChatMessage:
    return ChatMessage("user", text)


def _with_any_reference(row: Row) -> Row:
    return replace(row, reference=(0.0,) * len(row.turns))


def _seconds_per_answer(run: Run) -> float:
    prompts = [run.template.encode([_user(text)]) for text in replay.read_anchors()[: replay.TOGETHER]]
    ends = pretrained.end_ids(run.network.generation_config, run.tokenizer)
    began = time.monotonic()
    replay.write_answers(run.network, prompts, ends, SAMPLE_TOKENS)
    return (time.monotonic() - began) / len(prompts) * run.spec.replay.max_tokens / SAMPLE_TOKENS


def _seconds_per_token(run: Run, model: Any, plan: Plan) -> float:
    """The first is not timed, because kernels are chosen then; the largest is, because memory shows there."""
    batches = [batch for step in plan.steps for batch in step.micro_batches]
    largest = max(batches, key=lambda batch: sum(row.tokens for row in batch.rows))
    tokens, seconds = 0, 0.0
    for at, batch in enumerate([batches[0], largest, batches[len(batches) // 2], batches[-1]]):
        run.interruption.yield_to_others()
        packed = Packed(batch, pack([turn for row in batch.rows for turn in row.turns], run.network.device))
        began = time.monotonic()
        torch.autograd.backward(row_losses(model, packed, run.spec.objectives).sum())
        if run.network.device.type == "cuda":
            torch.cuda.synchronize()
        if at:
            tokens += sum(row.tokens for row in batch.rows)
            seconds += time.monotonic() - began
    return seconds / tokens
