"""How fast adapters are trained, beside TRL's SFTTrainer: the same rows, model, LoRA, batch and dtype, in turns.

TRL gets what helps it: no gradient checkpointing, and rows of like length together, so that it pads little. Tokens are
those of the rows, without padding, for both. What is timed is the training itself, without loading or tokenising.

    python -m bench.train --model data/models/smollm2-135m-instruct --rows 64 --repeats 3
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.interruption import Interruption
from inference.training import adapter
from inference.training.checkpoints import Checkpoints, History
from inference.training.packing import use_packs
from inference.training.plan import Plan, make_plan
from inference.training.processes import Processes
from inference.training.progress import Progress
from inference.training.rows import Row, read_rows
from inference.training.spec import Batch, Lora, TrainingSpec
from inference.training.trainer import AdapterTrainer

WORDS = Path(__file__).read_text(encoding="utf-8").split()


class Silent(Progress):
    def _emit(self, event: str, **values: Any) -> None:
        pass


def make_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Questions and answers as long as those of a support desk: median 12 and 40 words, some several times that."""
    draw = random.Random(seed)

    def text(median: int) -> str:
        return " ".join(draw.choices(WORDS, k=max(3, min(4 * median, round(draw.lognormvariate(0, 0.6) * median)))))

    return [
        {
            "id": str(number),
            "kind": "sft",
            "prompt": [{"role": "user", "content": text(12)}],
            "completion": [{"role": "assistant", "content": text(40)}],
        }
        for number in range(count)
    ]


def train_ours(folder: Path, dtype: torch.dtype, rows: list[Row], spec: TrainingSpec, scratch: Path) -> float:
    network = pretrained.load_network(folder, dtype, pretrained.best_device())
    use_packs(network)
    plan = make_plan(rows, [], spec)
    plan = Plan(plan.steps, plan.steps_per_epoch, frozenset())  # TRL evaluates nothing either
    trainer = AdapterTrainer(
        adapter.add_adapter(network, spec.lora, spec.seed), plan, [], [], spec,
        history=History(), checkpoints=Checkpoints(scratch / "ours"), base_name="base",
        progress=Silent(), interruption=Interruption(), processes=Processes(),
    )  # fmt: skip
    return _timed(trainer.train)


def train_trl(folder: Path, dtype: torch.dtype, rows: list[dict[str, Any]], spec: TrainingSpec, scratch: Path) -> float:
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    network = pretrained.load_network(folder, dtype, pretrained.best_device())
    trainer = SFTTrainer(
        network,
        SFTConfig(
            output_dir=str(scratch / "trl"),
            per_device_train_batch_size=spec.batch.rows,
            num_train_epochs=spec.epochs,
            learning_rate=spec.optimizer.learning_rate,
            lr_scheduler_type="linear",
            max_length=spec.max_length,
            gradient_checkpointing=False,
            bf16=False,  # no autocast: the network is in its dtype already, as ours is
            train_sampling_strategy="group_by_length",
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows]),
        processing_class=AutoTokenizer.from_pretrained(folder),
        peft_config=LoraConfig(
            r=spec.lora.rank, lora_alpha=spec.lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    return _timed(trainer.train)


def _timed(train: Callable[[], object]) -> float:
    began = time.monotonic()
    train()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/models/smollm2-135m-instruct"))
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtype = pretrained.dtype_for(options.dtype, pretrained.best_device())
    spec = TrainingSpec("", "", "", "", "", epochs=1, batch=Batch(rows=8).on("cpu"), lora=Lora())
    written = make_rows(options.rows, seed=1)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        path = scratch / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in written))
        template = ChatTemplate(AutoTokenizer.from_pretrained(options.model))
        rows = list(read_rows(path, template, spec.max_length).rows)
        tokens = sum(row.tokens for row in rows)
        print(f"{len(rows)} rows, {tokens} tokens, {dtype}, {options.threads} threads, batches of {spec.batch.rows}")
        ours: list[float] = []
        trl: list[float] = []
        for repeat in range(options.repeats):
            ours.append(tokens / train_ours(options.model, dtype, rows, spec, scratch))
            trl.append(tokens / train_trl(options.model, dtype, written, spec, scratch))
            print(f"run {repeat + 1}: ours {ours[-1]:.0f} tokens/s, TRL {trl[-1]:.0f} tokens/s", flush=True)
        ratio = statistics.median(ours) / statistics.median(trl)
        print(
            f"medians: ours {statistics.median(ours):.0f}, TRL {statistics.median(trl):.0f} tokens/s; ratio {ratio:.2f}"
        )


if __name__ == "__main__":
    main()
