"""One training run from its spec to its adapter, in phases, each of which is skipped when it has been done."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from transformers import AutoTokenizer

from inference import model_files, pretrained, self_check
from inference.chat_template import ChatTemplate
from inference.embedding import Embedder
from inference.interruption import Interruption, Stopped
from inference.training import adapter, durable, replay
from inference.training.augmentation.phase import ROWS, make_rows
from inference.training.checking import self_check_of
from inference.training.checkpoints import Checkpoints, History, read_history
from inference.training.failure import TrainingFailure, writing
from inference.training.memory import peak_rss_mb
from inference.training.packing import use_packs
from inference.training.plan import Plan, make_plan
from inference.training.processes import Processes
from inference.training.progress import Phase, Progress
from inference.training.reference import with_reference
from inference.training.rows import Objective, Row, Rows, balanced, read_rows, too_few_ratings
from inference.training.spec import TrainingSpec
from inference.training.trainer import STATE, AdapterTrainer, EnoughTrained

RESULT = "result.json"
IDENTITY = "run.json"


class Run:
    """The parts that the phases share. Raises TrainingFailure when the spec or the snapshot cannot be used."""

    def __init__(
        self, spec: TrainingSpec, progress: Progress, interruption: Interruption, processes: Processes
    ) -> None:
        self.spec = spec
        self.progress = progress
        self.interruption = interruption
        self.processes = processes
        self.output = Path(spec.output)
        self.checkpoints = Checkpoints(self.output / "checkpoints")
        try:
            self.base = pretrained.local_folder(spec.base_model)
            found = model_files.base_model_sha256(self.base)
            if found != spec.base_model_sha256:
                raise ValueError(f"The base model has the hash {found}, and the spec names {spec.base_model_sha256}.")
            self.tokenizer = AutoTokenizer.from_pretrained(self.base)
            self.template = ChatTemplate(self.tokenizer)
        except (OSError, ValueError) as error:
            raise TrainingFailure("training.base_unusable", str(error), is_input=True) from error
        self.train = self._rows("train.jsonl")
        self.left_out: dict[str, str] = {}
        if reason := too_few_ratings(self.train.rows, self._raters(), spec.ratings):
            self._leave_out("unpaired", reason)
        if not self.train.rows:
            sentence = "The snapshot has no rows that can be trained on."
            reasons = " ".join([sentence, *self.left_out.values()])
            raise TrainingFailure("snapshot.empty", reasons, is_input=True)
        self.dev = self._rows("dev.jsonl") if (Path(spec.snapshot) / "dev.jsonl").exists() else Rows((), (), 0)
        self.identity = {
            "spec_sha256": spec.sha256,
            "base_model_sha256": found,
            "train_sha256": model_files.sha256_of(Path(spec.snapshot) / "train.jsonl"),
            "dev_sha256": model_files.sha256_of(Path(spec.snapshot) / "dev.jsonl") if self.dev.rows else None,
        }
        if processes.is_first:
            self._claim_output()
        processes.wait()

    def _rows(self, name: str, folder: Path | None = None) -> Rows:
        read = read_rows((folder or Path(self.spec.snapshot)) / name, self.template, self.spec.max_length)
        wanted = tuple(row for row in read.rows if getattr(self.spec.objectives, row.objective) > 0)
        return dataclasses.replace(read, rows=balanced(wanted))

    def _raters(self) -> int | None:
        """How many people gave the single ratings, as the snapshot's manifest says."""
        path = Path(self.spec.snapshot) / "manifest.json"
        try:
            return int(json.loads(path.read_text(encoding="utf-8"))["people_by_kind"]["train"]["unpaired"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _leave_out(self, objective: Objective, reason: str) -> None:
        self.left_out[objective] = reason
        kept = tuple(row for row in self.train.rows if row.objective != objective)
        self.train = dataclasses.replace(self.train, rows=kept)
        self.progress.left_out(self.left_out)

    def _claim_output(self) -> None:
        """Refuse to mix this run with another one's files, or with those of itself in another process."""
        path = self.output / IDENTITY
        with writing(self.output):
            self.output.mkdir(parents=True, exist_ok=True)
            self._lock = (self.output / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingFailure("training.already_running", f"Another process trains in {self.output}.") from error
        if path.exists():
            if json.loads(path.read_text(encoding="utf-8")) != self.identity:
                raise TrainingFailure(
                    "training.output_in_use", f"{self.output} holds another run; name an empty folder.", is_input=True
                )
            return
        with writing(self.output):
            durable.write_file(path, json.dumps(self.identity, indent=2).encode())

    def load(self) -> None:
        """Load the network. Raises TrainingFailure with a sentence."""
        cores = max(1, (os.cpu_count() or 2) - 1)
        torch.set_num_threads(self.spec.threads or max(1, cores // self.processes.count))
        device = pretrained.best_device()
        self.spec = dataclasses.replace(self.spec, batch=self.spec.batch.on(device.type))
        self.dtype = pretrained.dtype_for(self.spec.dtype, device)
        try:
            self.network = pretrained.load_network(self.base, self.dtype, device)
            longest = self.network.config.get_text_config().max_position_embeddings
            if self.spec.max_length > longest:
                raise ValueError(f"The model reads {longest} tokens, and max_length is {self.spec.max_length}.")
        except (OSError, ValueError) as error:
            raise TrainingFailure("training.base_unusable", str(error), is_input=True) from error
        self.cache = replay.ReplayCache(
            Path(self.spec.cache), self.identity["base_model_sha256"] or "", self.template, self.dtype,
            self.spec.replay.max_tokens,
        )  # fmt: skip

    def augment(self) -> None:
        """Add the rows that are made of the snapshot's own, if any are wanted."""
        self.made: dict[str, Any] = {}
        if not self.spec.augmentation.is_wanted:
            return
        self.progress.phase("augment")
        try:
            embedder = Embedder(self.spec.embedder) if self.spec.embedder else None
        except (OSError, ValueError) as error:
            raise TrainingFailure("training.embedder_unusable", str(error), is_input=True) from error
        self.made = make_rows(self.spec, self.network, self.tokenizer, self.template, embedder, self._tick("augment"))
        own, made = self.train, self._rows(ROWS, self.output)
        too_long, cut = own.too_long + made.too_long, own.cut_prompts + made.cut_prompts
        self.train = Rows(own.rows + made.rows, too_long, cut)

    def answer_anchors(self) -> tuple[list[Row], list[Row]]:
        """The replay rows, and the rows that measure drift."""
        self.progress.phase("replay")
        ends = pretrained.end_ids(self.network.generation_config, self.tokenizer)
        with writing(Path(self.spec.cache)), self.processes.first_alone():
            return replay.rows_of(self.cache.answers(self.network, ends, self._tick("replay")))

    def compare_with_base(self) -> list[Row]:
        """The rows to train on, those that need it with their reference. From here on the network reads packs."""
        use_packs(self.network)
        self.progress.phase("reference")
        with writing(self.output), self.processes.first_alone():
            return with_reference(
                self.network, self.train.rows, self.spec.batch.tokens, self.output / "reference.json",
                self._tick("reference"),
            )  # fmt: skip

    def _tick(self, phase: Phase) -> Callable[[int, int], None]:
        def tick(done: int, of: int) -> None:
            self.progress.phase(phase, done=done, of=of)
            if self.processes.count == 1:
                self.interruption.yield_to_others()

        return tick

    @property
    def dev_rows(self) -> list[Row]:
        return [row for row in self.dev.rows if row.objective in ("sft", "preference")]

    def train_adapter(self, plan: Plan, anchors: list[Row]) -> History:
        """Train as far as the plan or the checks say, from the newest checkpoint on. Raises Stopped."""
        self.progress.phase("train")
        self.progress.log_to(self.output / "logs")
        model = adapter.add_adapter(self.network, self.spec.lora, self.spec.seed)
        newest = self.checkpoints.newest
        history = read_history(newest) if newest else History()
        self.processes.wait()  # before the first one writes a newer checkpoint
        stopping = self.spec.stopping
        if history.stopped_early(stopping.patience, stopping.drift_budget):
            return history
        trainer = AdapterTrainer(
            model, plan, self.dev_rows, anchors, self.spec,
            history=history, checkpoints=self.checkpoints, base_name=self.base.name,
            progress=self.progress, interruption=self.interruption, processes=self.processes,
        )  # fmt: skip
        try:
            trainer.train(resume_from_checkpoint=str(newest) if newest else None)
            trainer.check_if_due()
        except EnoughTrained:
            pass
        except Stopped:
            trainer.save()
            self.processes.wait()  # a launcher ends all when one ends
            raise
        return trainer.history

    def finish(self, history: History, plan: Plan) -> dict[str, Any]:
        """Put the best adapter and the result in place. Raises TrainingFailure when there is none to keep."""
        self.progress.phase("finish")
        stopping = self.spec.stopping
        best = history.best(stopping.drift_budget)
        if best is None:
            raise TrainingFailure(
                "training.drifted",
                f"At its first check the model had already drifted {history.checks[-1].drift:.2f} nats per token from "
                f"the base model's own answers, and {stopping.drift_budget:g} are allowed. A lower learning rate or "
                "more replay helps.",
            )
        source = self.checkpoints.folder / best.checkpoint
        files = {name: (source / name).read_bytes() for name in (adapter.WEIGHTS, adapter.CONFIG)}
        files[self_check.FILE] = self_check_of(self.base, source, self.spec.lora, self.template, self.dtype)
        with writing(self.output):
            durable.write_folder(self.output / "adapter", files)
        steps = json.loads(((self.checkpoints.newest or source) / STATE).read_text(encoding="utf-8"))["global_step"]
        result = {
            **self.facts(),
            "dry_run": False,
            "adapter_sha256": adapter.adapter_sha256(self.output / "adapter"),
            "steps": steps,
            "steps_planned": len(plan.steps),
            "stopped_early": history.stopped_early(stopping.patience, stopping.drift_budget),
            "best": dataclasses.asdict(best),
            "checks": [dataclasses.asdict(check) for check in history.checks],
            "losses": history.checks[-1].losses,
            "tokens": history.tokens,
            "seconds": round(history.seconds, 3),
            "tokens_per_s": round(history.tokens / max(history.seconds, 1e-9), 1),
        }
        self.write_result(result)
        return result

    def facts(self) -> dict[str, Any]:
        """What every result says of its run."""
        device = self.network.device
        on_gpu = device.type == "cuda"
        return {
            "v": 1,
            **self.identity,
            "seed": self.spec.seed,
            "rows": dict(Counter(row.objective for row in self.train.rows)),
            "augmentation": self.made,
            "dev_rows": len(self.dev_rows),
            "too_long": [*self.train.too_long, *self.dev.too_long],
            "left_out": self.left_out,
            "cut_prompts": self.train.cut_prompts + self.dev.cut_prompts,
            "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "processes": self.processes.count,
            "peak_rss_mb": peak_rss_mb(),
            "peak_gpu_mb": round(torch.cuda.max_memory_allocated(device) / 1e6) if on_gpu else 0,
            "versions": {
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "transformers": transformers.__version__,
                "peft": peft.__version__,
            },
        }

    def write_result(self, result: dict[str, Any]) -> None:
        with writing(self.output):
            durable.write_file(self.output / RESULT, (json.dumps(result, indent=2) + "\n").encode())


def run(spec: TrainingSpec, progress: Progress, interruption: Interruption, processes: Processes) -> dict[str, Any]:
    """Train one adapter as `spec` says and return the result that was written. Raises Stopped or TrainingFailure."""
    progress.phase("prepare")
    this = Run(spec, progress, interruption, processes)
    done = this.output / RESULT
    if done.exists():
        result: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        if not result["dry_run"]:
            return result
    this.load()
    this.augment()
    if spec.dry_run:
        from inference.training.dry_run import estimate

        return estimate(this) if processes.is_first else {}
    replayed, anchors = this.answer_anchors()
    plan = make_plan(this.compare_with_base(), replayed, spec)
    history = this.train_adapter(plan, anchors)
    return this.finish(history, plan) if processes.is_first else {}
