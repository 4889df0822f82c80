"""What may stand in an example: texts without personal data and secrets, and nothing that a chat template means."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any

from assistant.finetuning.models import Example
from assistant.finetuning.redaction import redacted

Turns = list[dict[str, str]]

CONTENT = ("kind", "prompt", "completion", "chosen", "rejected", "label")

# What the chat templates of the known model families write around messages. Trained on, it would teach the model to end
# its turn, or to speak for somebody else.
_TEMPLATE_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,40}\|>"  # ChatML, Llama 3, Phi, Zephyr, gpt-oss
    r"|<｜[^｜<>\n]{1,40}｜>"  # DeepSeek
    r"|</?s>|\[/?INST\]|<</?SYS>>"  # Llama 2, Mistral
    r"|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|</?(?:start_of_turn|end_of_turn|bos|eos|pad|unk|tool_call|tool_response)>",
    re.IGNORECASE,
)


def clean(example: Example) -> None:
    """Redact the texts of an example that is not stored yet, refuse it where a template token stands in it, and give it
    its `content_sha256` and its `key`."""
    counts: Counter[str] = Counter()
    for name in ("prompt", "completion", "chosen", "rejected"):
        turns: Turns | None = getattr(example, name)
        if turns is not None:
            setattr(example, name, [_clean_turn(turn, counts) for turn in turns])
    example.redactions = dict(counts)
    if any(has_template_token(turn["content"]) for turn in turns_of(example)):
        example.status, example.why = Example.Status.REJECTED, "template_token"
    example.content_sha256 = sha256_of({name: getattr(example, name) for name in CONTENT})
    origin = [example.source, example.origin, str(example.message_id or ""), str(example.review_id or "")]
    example.key = sha256_of([*origin, example.content_sha256])


def has_template_token(text: str) -> bool:
    return _TEMPLATE_TOKEN.search(text) is not None


def turns_of(example: Example) -> Turns:
    return [
        *example.prompt,
        *(example.completion or ()),
        *(example.chosen or ()),
        *(example.rejected or ()),
    ]


def script_of(example: Example) -> str:
    """ "cjk" when at least a third of the letters of what is learned are Chinese, Japanese or Korean, else "other": the
    slices in which an evaluation looks for losses."""
    answers = example.chosen or example.completion or []
    letters = [letter for turn in answers for letter in turn["content"] if letter.isalpha()]
    signs = sum(letter >= "\u3040" for letter in letters)
    return "cjk" if letters and 3 * signs >= len(letters) else "other"


def sha256_of(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON that is the same wherever and whenever it is written."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _clean_turn(turn: dict[str, str], counts: Counter[str]) -> dict[str, str]:
    text, found = redacted(turn["content"])
    counts += found
    return {"role": turn["role"], "content": text}
