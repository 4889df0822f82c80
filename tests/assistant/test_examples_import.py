"""Examples from a file: the forms of TRL, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import AssistantError
from assistant.finetuning.importing import import_lines
from assistant.models import Example

pytestmark = pytest.mark.django_db

USER = {"role": "user", "content": "Where do rivers end?"}
GOOD = {"role": "assistant", "content": "In the sea."}
BAD = {"role": "assistant", "content": "In a lake."}


def lines(*rows: Any) -> list[bytes]:
    return [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"prompt": [USER], "completion": [GOOD]}, "sft"),
        ({"prompt": USER["content"], "completion": GOOD["content"]}, "sft"),
        ({"messages": [USER, GOOD]}, "sft"),
        ({"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]}, "preference"),
        ({"prompt": [USER], "completion": [GOOD], "label": True}, "unpaired"),
    ],
)
def test_each_form_becomes_an_example_in_the_conversational_one(row: dict[str, Any], kind: str) -> None:
    assert import_lines(lines(row), origin="rivers", licence="CC0-1.0") == {"new": 1}

    example = Example.objects.get()
    assert (example.kind, example.prompt, example.completion or example.chosen) == (kind, [USER], [GOOD])
    assert (example.status, example.source, example.origin, example.licence) == (
        *("approved", "import", "rivers", "CC0-1.0"),
    )


def test_weight_and_group_are_read_and_a_split_is_not() -> None:
    import_lines(lines({"messages": [USER, GOOD], "weight": 0.5, "group": "q1", "split": "test"}), origin="rivers")

    example = Example.objects.get()
    assert (example.base_weight, example.origin_group, example.split) == (0.5, "q1", "")


def test_the_same_file_again_adds_nothing() -> None:
    rows = lines({"messages": [USER, GOOD]}, {"messages": [USER, BAD]}, {"messages": [USER, BAD]})

    assert import_lines(rows, origin="rivers") == {"new": 2, "already_here": 1}
    assert import_lines(rows, origin="rivers") == {"already_here": 3}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "invalid start byte"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "valid dictionary"),
        ({"prompt": [USER]}, "it has none of"),
        ({"prompt": [USER], "completion": [GOOD], "chosen": [GOOD]}, "it has none of"),
        ({"prompt": [USER], "chosen": [GOOD]}, "it has none of"),
        ({"prompt": [], "completion": [GOOD]}, "prompt"),
        ({"prompt": [USER, GOOD], "completion": [GOOD]}, "does not end with a message of the user"),
        ({"prompt": [USER, {"role": "system", "content": "Be brief."}, USER], "completion": [GOOD]}, "at the head"),
        ({"prompt": [USER], "completion": [USER]}, "one message of the assistant"),
        ({"prompt": [USER], "completion": [GOOD, GOOD]}, "one message of the assistant"),
        ({"prompt": [{"role": "tool", "content": "x"}], "completion": [GOOD]}, "prompt.0.role"),
        ({"prompt": [USER], "completion": ""}, "completion.0.content"),
        ({"prompt": " \n", "completion": [GOOD]}, "there is nothing in it"),
        ({"prompt": [USER], "completion": [GOOD], "label": "yes"}, "label"),
        ({"prompt": [USER], "completion": [GOOD], "weight": 2}, "weight"),
    ],
)
def test_a_bad_line_is_named_with_its_reason_and_nothing_is_imported(row: Any, reason: str) -> None:
    with pytest.raises(AssistantError) as caught:
        import_lines(lines({"messages": [USER, GOOD]}, b"", row), origin="rivers")

    assert caught.value.code == "examples.malformed"
    assert "Line 3 " in caught.value.message
    assert reason in caught.value.message
    assert not Example.objects.exists()


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([USER, GOOD]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["prompt", "completion", "messages", "label", "chosen", "rejected"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_a_line_holds_it_is_read_or_refused(line: bytes) -> None:
    refused = None
    try:
        import_lines([line], origin="anything")
    except AssistantError as error:
        refused = error.code

    assert refused in (None, "examples.malformed")


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "<|im_end|>", "<|eot_id|>", "</s>", "[INST]", "<<SYS>>", "<end_of_turn>", "<｜User｜>", "<|END|>"],
)
@pytest.mark.parametrize("place", ["prompt", "completion"])
def test_a_template_token_is_refused_wherever_it_stands(token: str, place: str) -> None:
    row = {"prompt": [USER], "completion": [GOOD]}
    row[place] = [{**row[place][0], "content": f"Well{token} then"}]

    assert import_lines(lines(row), origin="rivers") == {"template_token": 1}
    assert Example.objects.get().status == Example.Status.REJECTED


def test_code_that_only_looks_like_one_is_fine() -> None:
    row = {"prompt": "How do I print?", "completion": "Use `a || b`, `x <|> y`, <strong> or `[INFO] done`."}

    assert import_lines(lines(row), origin="code") == {"new": 1}


def test_personal_data_is_replaced_and_counted() -> None:
    import_lines(lines({"prompt": "我的手机13812345678", "completion": "Write to bob@example.org."}), origin="x")

    example = Example.objects.get()
    assert example.prompt[0]["content"] == "我的手机[PHONE]"
    assert example.completion == [{"role": "assistant", "content": "Write to [EMAIL]."}]
    assert example.redactions == {"PHONE": 1, "EMAIL": 1}


def test_the_command_tells_what_it_did_and_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rivers.jsonl"
    file.write_bytes(b"\n".join(lines({"messages": [USER, GOOD]}, {"messages": [USER, BAD]})))

    call_command("examples", "import", file, licence="CC0-1.0", simulated=True)
    call_command("examples", "list")

    assert capsys.readouterr().out.split() == ["2", "new", "2", "import", "rivers.jsonl", "sft", "approved"]
    assert Example.objects.filter(is_simulated=True).count() == 2


def test_the_command_fails_with_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text("{}")

    with pytest.raises(CommandError, match=r"Line 1 cannot be read: prompt Field required\. Nothing was imported\."):
        call_command("examples", "import", file)
    with pytest.raises(CommandError, match=r"at most 100 characters"):
        call_command("examples", "import", file, source="x" * 101)
    with pytest.raises(CommandError, match=r"cannot be read: No such file"):
        call_command("examples", "import", tmp_path / "none.jsonl")
