"""Our losses are TRL's, to the fifth digit, on the same model, adapter and rows, from the text on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.training import adapter, losses
from inference.training.objectives import Packed, row_losses
from inference.training.packing import pack, use_packs
from inference.training.plan import MicroBatch
from inference.training.reference import with_reference
from inference.training.rows import read_rows
from inference.training.spec import Lora, Objectives
from tests.inference.training.conftest import Row, preference, sft, unpaired, write_rows

# TRL counts what follows the end token as a part of the answer; here nothing follows it.
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
BETA = 0.3
# peft, datasets and TRL warn of each other's and transformers' deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def trl() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import trl

        yield trl


@pytest.fixture
def tokenizer(tiny_folder: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(tiny_folder: Path) -> Any:
    """An adapter that matters, the same each time."""
    network = pretrained.load_network(tiny_folder, torch.float32, torch.device("cpu"))
    model = adapter.add_adapter(network, Lora(rank=4, alpha=8), seed=3)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def ours(tiny_folder: Path, tokenizer: Any, tmp_path: Path, rows: list[Row], objectives: Objectives) -> Any:
    """The loss of each row, from the file on."""
    write_rows(tmp_path / "rows.jsonl", rows)
    read = read_rows(tmp_path / "rows.jsonl", ChatTemplate(tokenizer), 256).rows
    base = pretrained.load_network(tiny_folder, torch.float32, torch.device("cpu"))
    use_packs(base)
    compared = with_reference(base, read, 200, tmp_path / "reference.json", lambda done, of: None)
    model = make_model(tiny_folder)
    use_packs(model.get_base_model())
    turns = [turn for row in compared for turn in row.turns]
    packed = Packed(MicroBatch(tuple(compared), ()), pack(turns, torch.device("cpu")))
    return row_losses(model, packed, objectives).detach()


def theirs(
    trainer_class: Any, config: Any, rows: list[dict[str, Any]], columns: tuple[str, ...], **parts: Any
) -> float:
    """The loss of all rows as one batch."""
    from datasets import Dataset

    dataset = Dataset.from_list([{name: row[name] for name in columns} for row in rows])
    trainer = trainer_class(args=config, train_dataset=dataset, **parts)
    trainer.model.eval()
    batch = next(iter(trainer.get_train_dataloader()))
    return float(trainer.compute_loss(trainer.model, batch))


def config(config_class: Any, folder: Path, rows: int, **options: Any) -> Any:
    return config_class(
        output_dir=str(folder), per_device_train_batch_size=rows, train_sampling_strategy="sequential", max_length=256,
        bf16=False, use_cpu=True, report_to="none", gradient_checkpointing=False, **options,
    )  # fmt: skip


def test_sft(trl: Any, tiny_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    # TRL averages over all tokens of a batch, we over each answer's: equal where the answers are equally long.
    rows = [sft(i) for i in range(4)]
    own = ours(tiny_folder, tokenizer, tmp_path, rows, Objectives())
    expected = theirs(
        trl.SFTTrainer, config(trl.SFTConfig, tmp_path, len(rows)), rows, ("prompt", "completion"),
        model=make_model(tiny_folder), processing_class=tokenizer,
    )  # fmt: skip
    assert float(own.mean()) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("objectives", "options"),
    [
        (Objectives(beta=BETA, label_flip=0.0, chosen_sft=0.0), {"loss_type": "sigmoid"}),
        (Objectives(beta=BETA, label_flip=0.2, chosen_sft=0.0), {"loss_type": "robust", "label_smoothing": 0.2}),
        (
            Objectives(beta=BETA, label_flip=0.0, chosen_sft=0.7),
            {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.7]},
        ),
    ],
)
def test_preference(
    trl: Any, tiny_folder: Path, tokenizer: Any, tmp_path: Path, objectives: Objectives, options: dict[str, Any]
) -> None:
    rows = [preference(i) for i in range(5)]
    own = ours(tiny_folder, tokenizer, tmp_path, rows, objectives)
    expected = theirs(
        trl.DPOTrainer, config(trl.DPOConfig, tmp_path, len(rows), beta=BETA, **options), rows,
        ("prompt", "chosen", "rejected"), model=with_trl_reference(tiny_folder), processing_class=tokenizer,
        ref_model=pretrained.load_network(tiny_folder, torch.float32, torch.device("cpu")),
    )  # fmt: skip
    assert float(own.mean()) == pytest.approx(expected, abs=1e-5)


def with_trl_reference(tiny_folder: Path) -> Any:
    """TRL takes no reference model beside an adapter, and starts from a fresh one: ours is merged into the weights."""
    return make_model(tiny_folder).merge_and_unload()


def test_unpaired(trl: Any, tiny_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    rows = [unpaired(i, i % 2 == 0) for i in range(6)]
    # read_rows gives each row its weight; TRL's weights for good and bad answers are 1 by default.
    own = ours(tiny_folder, tokenizer, tmp_path, rows, Objectives(beta=BETA))
    expected = theirs(
        trl.KTOTrainer, config(trl.KTOConfig, tmp_path, len(rows), beta=BETA, loss_type="apo_zero_unpaired"), rows,
        ("prompt", "completion", "label"), model=with_trl_reference(tiny_folder), processing_class=tokenizer,
        ref_model=pretrained.load_network(tiny_folder, torch.float32, torch.device("cpu")),
    )  # fmt: skip
    assert float(own.mean()) == pytest.approx(expected, abs=1e-5)


def test_a_pair_of_which_half_are_wrong_says_nothing() -> None:
    """Robust DPO is unbiased: the mean over flipped pairs, at the rate of the flips, is the loss without flips."""
    chosen, rejected = torch.tensor([1.5, -0.3]), torch.tensor([0.2, 0.9])
    flip = 0.2
    right = losses.preference(chosen, rejected, BETA, flip)
    wrong = losses.preference(rejected, chosen, BETA, flip)
    clean = losses.preference(chosen, rejected, BETA, 0.0)
    assert torch.allclose((1 - flip) * right + flip * wrong, clean, atol=1e-6)
