"""Likelihoods are those of the weights that are served, with each adapter as peft itself applies it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel

from inference.chat_template import PromptError
from inference.contract import AdapterRef, ChatMessage, EngineConfig
from inference.evaluation.errors import InputError
from inference.evaluation.scorer import Scorer
from tests.inference.evaluation.conftest import ANSWER, adapter_spec
from tests.inference.test_greedy_equals_generate import load

PROMPT = [ChatMessage("user", "What about Spain?")]

# peft 0.21 reads this name while the test makes its reference; the scorer does not come by there.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture
def scorer(tiny_folder: Path) -> Scorer:
    return Scorer(EngineConfig(str(tiny_folder), dtype="float32"))


def test_all_arms_are_scored_as_each_alone(scorer: Scorer, tiny_folder: Path, trained: Path) -> None:
    completion = scorer.completion_ids(PROMPT, ANSWER)
    adapter = AdapterRef(adapter_spec(trained, tiny_folder)["sha256"], str(trained))
    found = scorer.log_likelihoods(PROMPT, completion, [None, adapter, None])

    network, tokenizer = load(tiny_folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": PROMPT[0].text}], add_generation_prompt=True, return_dict=False
    )
    ids = torch.tensor([[*prompt, *completion]])
    labels = torch.tensor([[-100] * len(prompt) + list(completion)])

    @torch.inference_mode()
    def expected(model: torch.nn.Module) -> float:
        return -float(model(input_ids=ids, labels=labels).loss) * len(completion)

    bare = expected(network)  # before peft puts its layers into this very network
    adapted = expected(PeftModel.from_pretrained(network, trained).eval())
    assert found == pytest.approx([bare, adapted, bare], rel=1e-4)
    assert found[1] > found[0]


def test_an_answer_ends_with_the_template_s_own_end(scorer: Scorer) -> None:
    tokenizer = scorer.tokenizer
    ids = scorer.completion_ids(PROMPT, "Type <|im_end|> to stop.")
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.eos_token_id not in ids[:-1]
    assert tokenizer.decode(ids[:-1]) == "Type <|im_end|> to stop."


def test_what_does_not_fit_the_context_is_not_scored(scorer: Scorer) -> None:
    completion = scorer.completion_ids(PROMPT, "boats " * 1200)
    with pytest.raises(PromptError):
        scorer.log_likelihoods(PROMPT, completion, [None])


def test_a_template_that_rewrites_what_was_said_is_refused(scorer: Scorer) -> None:
    tokenizer = scorer.tokenizer
    tokenizer.chat_template = tokenizer.chat_template.replace("{% for", "{{ messages | length }}{% for", 1)
    with pytest.raises(InputError) as refused:
        scorer.completion_ids(PROMPT, ANSWER)
    assert refused.value.code == "model.template_unsuited"
