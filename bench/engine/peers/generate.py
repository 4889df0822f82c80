"""transformers' `generate`, bfloat16: prompts are padded to the longest, all rows step together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig
from transformers.generation.streamers import BaseStreamer

from bench.engine.replies import Prompt, Reply
from inference import pretrained

PADDING = 0


class Clock(BaseStreamer):
    """Notes when tokens come; the first call has the prompts."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: Tensor) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        pass


class Generate:
    """See Peer."""

    def __init__(self, model: Path) -> None:
        self._network: Any = pretrained.load_network(model, torch.bfloat16, torch.device("cpu"))

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        longest, clock = max(len(prompt.token_ids) for prompt in prompts), Clock()
        missing = [longest - len(prompt.token_ids) for prompt in prompts]
        ids = torch.tensor([[PADDING] * gap + list(p.token_ids) for gap, p in zip(missing, prompts, strict=True)])
        mask = torch.tensor([[0] * gap + [1] * (longest - gap) for gap in missing])
        settings = GenerationConfig(
            do_sample=False, max_new_tokens=tokens, eos_token_id=None, pad_token_id=PADDING, use_cache=True
        )
        began = time.perf_counter()
        with torch.inference_mode():
            # What the model's own configuration says would else fill in what is None here.
            self._network.generation_config = settings
            written = self._network.generate(ids, attention_mask=mask, generation_config=settings, streamer=clock)
        times = tuple(at - began for at in clock.times[1:])
        return [Reply(tuple(row), times) for row in written[:, longest:].tolist()]

    def close(self) -> None:
        del self._network
