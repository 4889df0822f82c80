"""The training loop: a Trainer of transformers that takes whole steps from a plan. Knows nothing of files of rows.

Everything that is random is drawn anew for each step from the seed and the step's number, and what was measured is
kept with the weights: after a kill at any moment the run goes on to the same adapter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from inference.interruption import Interruption, Stopped
from inference.training import adapter
from inference.training.checkpoints import Check, Checkpoints, History
from inference.training.failure import TrainingFailure, writing
from inference.training.memory import give_back
from inference.training.objectives import Packed, row_losses, summed_loss
from inference.training.packing import pack
from inference.training.plan import Plan, Step
from inference.training.processes import Processes
from inference.training.progress import Clock, Progress
from inference.training.rows import Objective, Row
from inference.training.spec import TrainingSpec

OPTIMIZER = "optimizer.safetensors"
STATE = "trainer_state.json"
SAVE_EVERY_STEPS = 25
SAVE_EVERY_S = 60.0
# What is given back has to be asked for again: after each step that took a tenth of the time.
GIVE_BACK_EVERY_STEPS = 4
_OBJECTIVES = get_args(Objective)


class EnoughTrained(Exception):
    """The last check says that more steps would not help."""


class AdapterTrainer(Trainer):
    """Trains the adapter of `model` by `plan`; checks `dev` and the drift on `anchors`, and stops early by them."""

    def __init__(
        self,
        model: Any,
        plan: Plan,
        dev: Sequence[Row],
        anchors: Sequence[Row],
        spec: TrainingSpec,
        *,
        history: History,
        checkpoints: Checkpoints,
        base_name: str,
        progress: Progress,
        interruption: Interruption,
        processes: Processes,
    ) -> None:
        super().__init__(
            model,
            _arguments(spec, plan, checkpoints.folder),
            train_dataset=plan.steps,
            data_collator=self._collate,
            callbacks=[_AfterStep(self)],
        )
        self.remove_callback(PrinterCallback)  # it prints to stdout, which is for events
        self._plan, self._dev, self._anchors, self._spec = plan, dev, anchors, spec
        self.history = history
        self._checkpoints = checkpoints
        self._base_name = base_name
        self._progress = progress
        self._interruption = interruption
        self._processes = processes
        self._clock = Clock(plan.tokens - history.tokens, len(plan.checks) - len(history.checks))
        self._began_at = time.monotonic()
        self._seconds_before = history.seconds
        self._saved_at = time.monotonic()

    def training_step(self, model: Any, inputs: list[Packed], num_items_in_batch: Any = None) -> Tensor:
        """Add up the gradients of all micro-batches of one step. Raises Stopped, EnoughTrained, TrainingFailure."""
        self._yield_together()
        self.check_if_due()
        self._step_began_at = time.monotonic()
        self._step_rate = self._get_learning_rate()
        step = self.state.global_step + 1
        model.train()
        torch.manual_seed((self._spec.seed + step + (self._processes.rank << 48)) % 2**63)
        sum_of_losses = torch.zeros((), device=self.args.device)
        losses: dict[str, tuple[float, float]] = {}
        for packed in self._processes.share(inputs):
            self._yield_alone()
            by_row = row_losses(model, packed, self._spec.objectives)
            loss = (by_row * by_row.new_tensor(packed.batch.coefficients)).sum()
            self.accelerator.backward(loss)
            sum_of_losses += loss.detach()
            _add_losses(losses, packed.batch.rows, by_row.tolist())
        flat = [number for objective in _OBJECTIVES for number in losses.get(objective, (0.0, 0.0))]
        total, *sums = self._processes.add_up([sum_of_losses.item(), *flat])
        self._refuse_nonsense(total, step)
        self._processes.add_up_gradients([weight for weight in model.parameters() if weight.requires_grad])
        pairs = zip(_OBJECTIVES, zip(sums[::2], sums[1::2], strict=True), strict=True)
        self._step_losses = {objective: pair for objective, pair in pairs if pair[1]}
        return sum_of_losses

    def _yield_together(self) -> None:
        """Wait for others, or stop, in all processes alike. Raises Stopped."""
        if self._processes.count == 1:
            return
        is_stopped = False
        try:
            self._interruption.yield_to_others()
        except Stopped:
            is_stopped = True
        if any(self._processes.add_up([float(is_stopped)])):
            raise Stopped

    def _yield_alone(self, *_: int) -> None:
        """Several processes wait for each other, so that one cannot stop in the middle of a step."""
        if self._processes.count == 1:
            self._interruption.yield_to_others()

    def check_if_due(self) -> None:
        """Measure dev rows and drift, once, where the plan says so. Raises EnoughTrained when they say to stop."""
        step = self.state.global_step
        if step in self._plan.checks and all(check.step != step for check in self.history.checks):
            self._check(step)
        stopping = self._spec.stopping
        if self.history.stopped_early(stopping.patience, stopping.drift_budget):
            raise EnoughTrained

    def save(self) -> None:
        """Write a checkpoint of the steps done so far. Raises TrainingFailure when the disk refuses it."""
        self.history.seconds = self._seconds_before + time.monotonic() - self._began_at
        if not self._processes.is_first:
            return
        state = self._checkpoints.folder / f".{STATE}"
        with writing(self._checkpoints.folder):
            self._checkpoints.folder.mkdir(parents=True, exist_ok=True)
            self.state.save_to_json(str(state))
            files = adapter.adapter_files(self.model, self._base_name)
            files |= {STATE: state.read_bytes(), OPTIMIZER: self._optimizer_bytes()}
            self._checkpoints.write(files, self.history, self.history.best(self._spec.stopping.drift_budget))
        self._saved_at = time.monotonic()

    def after_step(self) -> None:
        """Count the step that the optimizer has just taken, and save when it is time."""
        step = self.state.global_step
        planned = self._plan.steps[step - 1]
        tokens = sum(row.tokens for batch in planned.micro_batches for row in batch.rows)
        if step % GIVE_BACK_EVERY_STEPS == 0:
            give_back()
        self._clock.step_took(tokens, time.monotonic() - self._step_began_at)
        self.history.tokens += tokens
        for name, (total, weight) in self._step_losses.items():
            before = self.history.losses.get(name, (0.0, 0.0))
            self.history.losses[name] = (before[0] + total, before[1] + weight)
        self._progress.step(
            step,
            len(self._plan.steps),
            _means(self._step_losses),
            epoch=round(step / self._plan.steps_per_epoch, 3),
            lr=self._step_rate,
            tokens_per_s=round(self._clock.tokens_per_s, 1),
            eta_s=round(self._clock.eta_s, 1),
        )
        if step % SAVE_EVERY_STEPS == 0 or time.monotonic() - self._saved_at > SAVE_EVERY_S:
            self.save()

    def _check(self, step: int) -> None:
        began_at = time.monotonic()
        self.model.eval()
        nll = self._mean_loss(self._dev) if self._dev else None
        anchor_nll = self._mean_loss(self._anchors)
        give_back()
        self._refuse_nonsense(anchor_nll + (nll or 0.0), step)
        checks = self.history.checks
        drift = anchor_nll - checks[0].anchor_nll if checks else 0.0
        name = self._checkpoints.next_name
        checks.append(Check(step, nll, anchor_nll, drift, _means(self.history.losses), name))
        self.history.losses = {}
        self._clock.check_took(time.monotonic() - began_at)
        self.save()
        is_best = self.history.best(self._spec.stopping.drift_budget) is checks[-1]
        self._progress.dev(step, nll=nll, drift=drift, is_best=is_best)

    def _mean_loss(self, rows: Sequence[Row]) -> float:
        own = self._processes.share(rows)
        sums = summed_loss(self.model, own, self._spec.batch.tokens, self._yield_alone)
        loss, weight = self._processes.add_up(sums)
        return loss / weight

    def _refuse_nonsense(self, value: float, step: int) -> None:
        if not math.isfinite(value):
            raise TrainingFailure(
                "training.diverged",
                f"In step {step} the loss or its gradient was no longer a number. What was trained before is kept; "
                "a lower learning rate helps most.",
            )

    def _optimizer_bytes(self) -> bytes:
        state = self.optimizer.state_dict()["state"] if self.optimizer else {}
        return save({f"{i}.{name}": value.cpu() for i, each in state.items() for name, value in each.items()})

    # What follows replaces steps of transformers' own loop (5.23).

    def _collate(self, steps: list[Step]) -> list[Packed]:
        (step,) = steps
        return [
            Packed(batch, pack([turn for row in batch.rows for turn in row.turns], self.args.device))
            for batch in step.micro_batches
        ]

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """Up in a line, then down to 0; transformers' own begins with a step at rate 0, and here steps are few."""
        rising = math.ceil(self._spec.optimizer.warmup * num_training_steps)

        def share(step: int) -> float:
            left = (num_training_steps - step) / max(1, num_training_steps - rising)
            return min((step + 1) / (rising + 1), left)

        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, share)
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)
        # Looked at before the optimizer would put it into the weights.
        self._refuse_nonsense(float(norm), self.state.global_step + 1)
        return norm

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        adapter.load_weights(self.model, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        state = self.optimizer.state_dict()
        for key, value in load((Path(checkpoint) / OPTIMIZER).read_bytes()).items():
            index, _, name = key.partition(".")
            state["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(state)
        schedule = self.lr_scheduler
        schedule.last_epoch = self.state.global_step
        for group, rate, factor in zip(
            self.optimizer.param_groups, schedule.base_lrs, schedule.lr_lambdas, strict=True
        ):
            group["lr"] = rate * factor(schedule.last_epoch)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Each step seeds its own."""

    def floating_point_ops(self, inputs: Any) -> int:
        return 0


class _AfterStep(TrainerCallback):
    def __init__(self, trainer: AdapterTrainer) -> None:
        self._trainer = trainer

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._trainer.after_step()


def _add_losses(sums: dict[str, tuple[float, float]], rows: Sequence[Row], values: Sequence[float]) -> None:
    for row, value in zip(rows, values, strict=True):
        total, weight = sums.get(row.objective, (0.0, 0.0))
        sums[row.objective] = (total + row.weight * value, weight + row.weight)


def _means(sums: dict[str, tuple[float, float]]) -> dict[str, float]:
    return {name: total / weight for name, (total, weight) in sums.items()}


def _arguments(spec: TrainingSpec, plan: Plan, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,  # the plan holds the steps of all epochs, one after the other
        per_device_train_batch_size=1,  # an item of the plan is a whole step
        train_sampling_strategy="sequential",
        learning_rate=spec.optimizer.learning_rate,
        weight_decay=spec.optimizer.weight_decay,
        max_grad_norm=spec.optimizer.max_grad_norm,
        activation_checkpointing=spec.batch.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        seed=spec.seed % 2**32,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
