"""What all peers are asked."""

from __future__ import annotations

from pathlib import Path

from bench.engine.replies import Prompt
from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.contract import ChatMessage

QUESTIONS = (
    "What is the capital of France, and why is it famous?", "Explain how a bicycle stays upright.",
    "Write a short story about a lighthouse keeper.", "List five uses for baking soda.", "Why is the sky blue?",
    "Describe the water cycle for a child.", "What is continuous integration?", "Give me a recipe for pancakes.",
    "How do vaccines work?", "What are the main causes of the First World War?", "Explain recursion with an example.",
    "Write a poem about autumn.", "What is the difference between a virus and a bacterium?",
    "How does a refrigerator work?", "Summarise the plot of Romeo and Juliet.", "What makes a good leader?",
)  # fmt: skip
HISTORY = (
    "The history of computing spans many centuries, from the abacus to the modern microprocessor. Early machines were "
    "mechanical, then electromechanical, and finally electronic. "
)


class Prompts:
    def __init__(self, model: Path) -> None:
        self._tokenizer = pretrained.load_tokenizer(model)
        self._template = ChatTemplate(self._tokenizer)
        self.end_ids = pretrained.end_ids(pretrained.generation_config(model), self._tokenizer)
        self.vocabulary = len(self._tokenizer)
        self.short = [self._prompt(ChatMessage("user", question)) for question in QUESTIONS]

    def long(self, tokens: int, mark: str = "") -> Prompt:
        """About `tokens` tokens. Prompts with another `mark` differ from their beginning on, so that nothing of them is
        in anybody's cache."""
        words = (HISTORY * (tokens // 20)).split()

        def prompt(count: int) -> Prompt:
            text = "Summarise: " + " ".join(words[:count])
            return self._prompt(
                ChatMessage("system", f"{mark} You are a helpful assistant."), ChatMessage("user", text)
            )

        count = tokens // 2
        while len(prompt(count).token_ids) < tokens:
            count += 1
        return prompt(count)

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def _prompt(self, *messages: ChatMessage) -> Prompt:
        return Prompt(messages, self._template.encode(messages))
