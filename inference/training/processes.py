"""The processes of one run that `accelerate launch` (or torchrun) has started, one for each GPU: all of them go through
the same plan, each computes its share of a step's micro-batches, and what they found is added up.

The adapter is small, so that adding up its gradients once in a step costs less than wrapping the model would, and a
step has the same gradient however many compute it. Each process needs the whole base model.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1


class Processes:
    """`rank` of `count`; the first, rank 0, is the one that writes files and speaks."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """What of `items` this process computes."""
        return items[self.rank :: self.count]

    def add_up(self, numbers: Sequence[float]) -> list[float]:
        """The sums of each process's `numbers`, the same in all of them."""
        if self.count == 1:
            return list(numbers)
        summed = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(summed)
        return [float(number) for number in summed]

    def add_up_gradients(self, weights: Sequence[Tensor]) -> None:
        """Let each of `weights` have the sum of all processes' gradients."""
        if self.count == 1:
            return
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        summed = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(summed)
        for gradient, part in zip(gradients, torch.split(summed, [each.numel() for each in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def wait(self) -> None:
        """Go on when all have come here."""
        self.add_up([0.0])

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """What follows is done by the first process, and then by the others, who find what it has written."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def close(self) -> None:
        if self.count > 1:
            dist.destroy_process_group()


def join() -> Processes:
    """Meet the other processes of this run, if a launcher's environment names some."""
    count, rank, local_rank = (int(os.environ.pop(name, default)) for name, default in _NAMES.items())
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(local_rank + 1)))).split(",")
    # Each sees one GPU, and the Trainer of transformers a process that is alone: it would wrap the model otherwise.
    os.environ["CUDA_VISIBLE_DEVICES"] = devices[local_rank % len(devices)]
    if count == 1:
        return Processes()
    # The launcher may be killed without a chance to end us; who trains on would hold the folder.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, world_size=count, rank=rank)
    return Processes(rank, count)


_NAMES = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}
