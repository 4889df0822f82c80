"""transformers' continuous batching, bfloat16: the scheduler behind `transformers serve`, on the CPU with SDPA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from bench.engine.replies import Prompt, Reply
from inference import pretrained

# Its own defaults are sized by the memory of a GPU.
SETTINGS = {"page_size": 32, "num_blocks": 512, "max_batch_tokens": 512, "max_requests_per_batch": 16}


class Continuous:
    """See Peer."""

    def __init__(self, model: Path) -> None:
        self._network: Any = pretrained.load_network(model, torch.bfloat16, torch.device("cpu"))

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        settings = GenerationConfig(do_sample=False, max_new_tokens=tokens, eos_token_id=-1, pad_token_id=0)
        found = self._network.generate_batch(
            [list(prompt.token_ids) for prompt in prompts],
            generation_config=settings,
            continuous_batching_config=ContinuousBatchingConfig(**SETTINGS),
            max_new_tokens=tokens,
            record_timestamps=True,
            persistent_manager=True,
        ).values()
        began = min(reply.created_time for reply in found)
        return [Reply(tuple(reply.generated_tokens), tuple(at - began for at in reply.timestamps)) for reply in found]

    def close(self) -> None:
        self._network.destroy_cached_continuous_batching_manager()
        del self._network
