"""How likely the served weights hold a text to be. Knows nothing of suites.

It loads what the engine loads, by the same classes, in the same type; an engine writes only, and gives no likelihoods.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.contract import AdapterRef, ChatMessage, EngineConfig
from inference.evaluation.errors import InputError
from inference.serving.adapters import Adapters
from inference.serving.backend import NO_ADAPTER
from inference.serving.base_model import BaseModel


class Scorer:
    """A base model and the adapters of all arms. Raises OSError or ValueError with a sentence as BaseModel does."""

    def __init__(self, config: EngineConfig) -> None:
        folder = pretrained.local_folder(config.model)
        self.model = BaseModel(folder, config.dtype)
        self.adapters = Adapters(self.model.lora)
        self.tokenizer = pretrained.load_tokenizer(folder)
        self._end_ids = pretrained.end_ids(pretrained.generation_config(folder), self.tokenizer)
        self._template = ChatTemplate(self.tokenizer)
        self._context_length = config.context_length or self.model.max_context

    def completion_ids(self, prompt: Sequence[ChatMessage], text: str) -> tuple[int, ...]:
        """The token ids of `text` as the answer to `prompt`, its end token included.

        Raises InputError (`model.template_unsuited`) when the template does not write answers after the generation
        prompt.
        """
        before = self._template.encode(prompt)
        whole = self._template.encode([*prompt, ChatMessage("assistant", text)], add_generation_prompt=False)
        ids = whole[len(before) :]
        if whole[: len(before)] != before or not ids:
            raise InputError(
                "model.template_unsuited",
                "The model's chat template changes what stands before an answer, so answers cannot be scored.",
            )
        # A control token in the text is encoded as letters, so the first end token is the template's own.
        end = next((i for i, token_id in enumerate(ids) if token_id in self._end_ids), len(ids) - 1)
        return ids[: end + 1]

    @torch.inference_mode()
    def log_likelihoods(
        self, prompt: Sequence[ChatMessage], completion: Sequence[int], arms: Sequence[AdapterRef | None]
    ) -> list[float]:
        """ln p(completion | prompt) of each arm in nats, summed over its tokens.

        All arms share one forward, so none is favoured by how rows were put together. Raises PromptError when prompt
        and completion do not fit the context, and AdapterError.
        """
        fitted = self._template.fit_to_context(prompt, len(completion), self._context_length)
        in_use = [arm.sha256 for arm in arms if arm]
        indices = [self.adapters.load(arm, in_use) if arm else NO_ADAPTER for arm in arms]
        ids = torch.tensor([[*fitted.token_ids, *completion]] * len(arms), device=self.model.device)
        self.model.lora.use([index for index in indices for _ in range(ids.shape[1])])
        output = self.model.network(input_ids=ids, use_cache=False, logits_to_keep=len(completion) + 1)
        # The logits at a position are those of the next token.
        chances = output.logits[:, :-1].float().log_softmax(-1)
        chosen = chances.gather(2, ids[:, -len(completion) :].unsqueeze(2))
        sums: list[float] = chosen.squeeze(2).double().sum(1).tolist()
        return sums
