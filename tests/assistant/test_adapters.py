"""Adapters are taken in by content, and one of them at a time is live."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from assistant.adapters import actions
from assistant.adapters.registry import folder_of, reference_to
from assistant.chat import leases
from assistant.errors import AssistantError
from assistant.models import Adapter, Generation, Person, Worker
from inference.contract import EngineInfo
from tests.assistant.rows import worker
from tests.conftest import ask

BASE = "0" * 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"weights")
    return tmp_path


def test_the_same_weights_are_one_adapter(db: None, folder: Path) -> None:
    first = actions.import_adapter(folder, name="one", base_model_sha256=BASE)
    again = actions.import_adapter(folder, name="two", base_model_sha256=BASE)

    assert first == again
    assert sorted(file.name for file in folder_of(first).iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("adapter_model.safetensors", None),
        ("adapter_config.json", None),
        ("adapter_config.json", "not JSON"),
        ("adapter_config.json", "[]"),
        ("adapter_config.json", '{"peft_type": "PROMPT_TUNING"}'),
    ],
)
def test_anything_but_a_lora_in_safetensors_is_refused(db: None, folder: Path, name: str, content: str | None) -> None:
    (folder / name).unlink()
    (folder / "adapter_model.bin").write_bytes(b"pickle")
    if content is not None:
        (folder / name).write_text(content)

    with pytest.raises(AssistantError, match=r"adapter\.invalid"):
        actions.import_adapter(folder, name="bad", base_model_sha256=BASE)
    assert not Adapter.objects.exists()


def test_a_link_out_of_the_folder_is_refused(db: None, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_bytes(b"secret")
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.safetensors").symlink_to(secret)

    with pytest.raises(AssistantError, match=r"adapter\.invalid"):
        actions.import_adapter(folder, name="bad", base_model_sha256=BASE)


def test_new_replies_are_pinned_to_the_live_adapter(alice: Person, folder: Path) -> None:
    before = ask(alice)
    adapter = actions.import_adapter(folder, name="one", base_model_sha256=BASE)
    actions.put_live(adapter)
    after = ask(alice)
    actions.put_live(None)

    assert Generation.objects.get(pk=before.generation_id).adapter is None
    assert Generation.objects.get(pk=after.generation_id).adapter == adapter
    reference = reference_to(adapter)
    assert reference is not None
    assert reference.sha256 == adapter.sha256


def test_an_adapter_of_another_base_model_does_not_answer(alice: Person, folder: Path) -> None:
    actions.put_live(actions.import_adapter(folder, name="one", base_model_sha256="1" * 64))
    ask(alice)

    [row] = leases.waiting(1, may_take_over=True)
    assert leases.claim(row, worker().id, EngineInfo("scripted", "scripted", BASE, "none", 1000, 4)) is None

    assert Generation.objects.get().error_code == "adapter.wrong_base"


def test_the_commands_take_in_list_and_put_live(alice: Person, folder: Path) -> None:
    with pytest.raises(CommandError, match="Start Parley first"):
        call_command("adapters", "add", str(folder), "--name", "mine")
    Worker.objects.filter(pk=worker().pk).update(base_model_sha256=BASE)
    call_command("adapters", "add", str(folder), "--name", "mine", stdout=StringIO())
    sha256 = Adapter.objects.get().sha256[:12]
    by = {"by": alice.email, "reason": "To see it", "stdout": StringIO()}
    with pytest.raises(CommandError, match="may not"):
        call_command("rollout", "start", sha256, **by)
    call_command("role", alice.email, "admin", stdout=StringIO())
    Worker.objects.all().delete()
    call_command("rollout", "start", sha256, "--at-once", **by)
    listed = StringIO()
    call_command("adapters", "list", stdout=listed)

    assert listed.getvalue().split() == ["live", Adapter.objects.get().sha256[:16], "not", "evaluated", "mine"]
    with pytest.raises(CommandError, match="No adapter"):
        call_command("rollout", "start", "ffff", **by)
    call_command("rollout", "back", **by)
    assert not Adapter.objects.filter(state="live").exists()
