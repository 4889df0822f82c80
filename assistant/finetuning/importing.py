"""Reads examples from a JSONL file in the forms of TRL, conversational or plain: prompt and completion; prompt, chosen
and rejected; prompt, completion and label; messages. One bad line, and nothing is imported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from django.db import transaction
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from assistant.chat.texts import storable
from assistant.errors import AssistantError
from assistant.finetuning import approved_answers
from assistant.finetuning.contents import clean
from assistant.finetuning.models import Example

MAX_LINE_CHARS = 1_000_000


def _something(text: str) -> str:
    if not text.strip():
        raise ValueError("there is nothing in it")
    return text


class _Turn(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, AfterValidator(storable), AfterValidator(_something)]


def _prompt(turns: list[_Turn]) -> list[_Turn]:
    if turns[-1].role != "user":
        raise ValueError("the prompt does not end with a message of the user")
    if any(turn.role == "system" for turn in turns[1:]):
        raise ValueError("a system message stands elsewhere than at the head")
    return turns


def _answer(turns: list[_Turn]) -> list[_Turn]:
    if [turn.role for turn in turns] != ["assistant"]:
        raise ValueError("an answer is one message of the assistant")
    return turns


def _of_role(role: str) -> BeforeValidator:
    """A plain text stands for one message."""
    return BeforeValidator(lambda value: [{"role": role, "content": value}] if isinstance(value, str) else value)


_Prompt = Annotated[list[_Turn], Field(min_length=1), AfterValidator(_prompt), _of_role("user")]
_Answer = Annotated[list[_Turn], AfterValidator(_answer), _of_role("assistant")]


class _Row(BaseModel):
    """Only what is read; all else is ignored, like the split, which is given here and nowhere else."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    prompt: _Prompt
    completion: _Answer | None = None
    chosen: _Answer | None = None
    rejected: _Answer | None = None
    label: Annotated[bool, Field(strict=True)] | None = None
    weight: Annotated[float, Field(gt=0, le=1)] = 1.0
    group: Annotated[str, Field(max_length=200), AfterValidator(storable)] = ""

    @model_validator(mode="before")
    @classmethod
    def _from_messages(cls, row: Any) -> Any:
        if isinstance(row, dict) and isinstance(row.get("messages"), list):
            return {**row, "prompt": row["messages"][:-1], "completion": row["messages"][-1:]}
        return row

    @property
    def kind(self) -> Example.Kind:
        match (self.completion, self.chosen, self.rejected, self.label):
            case (list(), None, None, None):
                return Example.Kind.SFT
            case (None, list(), list(), None):
                return Example.Kind.PREFERENCE
            case (list(), None, None, bool()):
                return Example.Kind.UNPAIRED
        raise ValueError("it has none of: completion; chosen and rejected; completion and label")


def import_lines(
    lines: Iterable[bytes],
    *,
    origin: str,
    licence: str = "",
    is_simulated: bool = False,
    as_approved_answers: bool = False,
) -> Counter[str]:
    """Store the rows as approved examples of this origin, and as approved answers where asked for; returns how many are
    new, were here already, or are stored as rejected, by reason. Raises examples.malformed with the line and the
    reason."""
    examples: dict[str, Example] = {}
    read = 0
    for row in _rows(lines):
        example = _example(row, origin, licence, is_simulated)
        clean(example)
        examples.setdefault(example.key, example)
        read += 1
    with transaction.atomic():
        known = set(Example.objects.filter(origin=origin).values_list("key", flat=True))
        new = [example for key, example in examples.items() if key not in known]
        Example.objects.bulk_create(new, batch_size=500)
        answers = approved_answers.store_examples(examples.values()) if as_approved_answers else 0
    outcome = Counter("new" if example.status == Example.Status.APPROVED else example.why for example in new)
    outcome["already_here"] = read - len(new)
    outcome["approved_answers"] = answers
    return +outcome  # without what there is none of


def _rows(lines: Iterable[bytes]) -> Iterator[_Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if len(line) > MAX_LINE_CHARS:
                raise ValueError(f"the line is longer than {MAX_LINE_CHARS} bytes")
            row = _Row.model_validate(json.loads(line))
            _ = row.kind
        except RecursionError:
            raise AssistantError("examples.malformed", line=number, reason="it is nested too deeply") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(map(str, first["loc"]))[:100]
            raise AssistantError("examples.malformed", line=number, reason=f"{place} {first['msg']}".strip()) from None
        except ValueError as error:
            raise AssistantError("examples.malformed", line=number, reason=str(error)[:200]) from None
        yield row


def _example(row: _Row, origin: str, licence: str, is_simulated: bool) -> Example:
    said = {name: getattr(row, name) for name in ("prompt", "completion", "chosen", "rejected")}
    return Example(
        kind=row.kind,
        **{name: turns and [turn.model_dump() for turn in turns] for name, turns in said.items()},
        label=row.label,
        source=Example.Source.IMPORT,
        origin=origin,
        origin_group=row.group,
        licence=licence,
        is_simulated=is_simulated,
        base_weight=row.weight,
        status=Example.Status.APPROVED,
    )
