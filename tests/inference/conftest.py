"""Engines for the tests: a scripted one, and a tiny random Llama with a real tokenizer, made in a second."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertModel,
    BertTokenizerFast,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from inference.contract import AdapterRef, Engine, EngineConfig
from inference.serving import adapters
from inference.serving.engine import TransformersEngine
from inference.serving.upstream import OpenAIEngine
from tests.inference.listening import Listener
from tests.inference.upstream_server import Server, running

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = [
    "The quick brown fox jumps over the lazy dog. How are you today? I am fine, thank you very much.",
    "你好，世界！今天天气怎么样？ 🙂🚢 naïve café — <b>bold</b> 1234567890",
    "system user assistant What is the capital of France? Write a story about rivers and boats.",
] * 3
ENCODER_WORDS = ["building", "permit", "how", "long", "does", "it", "take", "ten", "weeks", "the", "roof", "?", "。"]
Make = Callable[..., AdapterRef]
REPOSITORY = Path(__file__).resolve().parents[2]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE: any id sequence decodes to something, half characters included."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.add_tokens(["<tool_call>"])
    tokenizer.chat_template = CHATML
    return tokenizer


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


def make_tiny_model(folder: Path, **changes: Any) -> Path:
    """A model folder as `prepare` leaves one, with random weights that spread the logits."""
    tokenizer = make_tokenizer()
    shape = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "initializer_range": 0.3,
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
        **(shape | changes),
    )
    torch.manual_seed(7)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def ref_of(folder: Path) -> AdapterRef:
    return AdapterRef(hashlib.sha256((folder / adapters.WEIGHTS).read_bytes()).hexdigest(), str(folder))


@pytest.fixture
def make(tiny_folder: Path, tmp_path: Path) -> Make:
    """An adapter as peft saves one, with weights that matter."""

    def made(seed: int, targets: tuple[str, ...] = ("q_proj", "v_proj"), rank: int = 4, **options: Any) -> AdapterRef:
        torch.manual_seed(seed)
        config = LoraConfig(r=rank, lora_alpha=16, target_modules=list(targets), task_type="CAUSAL_LM", **options)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32), config)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.3)
        folder = tmp_path / f"adapter-{seed}"
        model.save_pretrained(folder)
        return ref_of(folder)

    return made


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Callable[[Engine], Listener]]:
    """Starts an engine and listens to it; stops it after the test."""
    listeners: list[Listener] = []

    def started(engine: Engine) -> Listener:
        listeners.append(Listener(engine))
        return listeners[-1]

    yield started
    for listener in listeners:
        listener.engine.stop()


@pytest.fixture
def tiny(tiny_folder: Path, start: Callable[[Engine], Listener]) -> Listener:
    return start(TransformersEngine(EngineConfig(str(tiny_folder), dtype="float32", max_running=8)))


@pytest.fixture
def server() -> Iterator[Server]:
    """Another server, with OpenAI's interface."""
    with running() as server:
        yield server


@pytest.fixture
def upstream(server: Server, start: Callable[[Engine], Listener]) -> Listener:
    return start(OpenAIEngine(EngineConfig("upstream", max_running=8, upstream=server.upstream)))


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """The bundled model, prepared as `make run` does and kept for the next run of the tests."""
    models = Path(os.environ.get("PARLEY_TEST_MODELS_DIR") or REPOSITORY / "data" / "models")
    command = [sys.executable, "-m", "inference.serving.prepare", "--model", "bundled", "--models-dir", str(models)]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return models / "smollm2-135m-instruct"


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder with random weights, and a vocabulary of its own."""
    folder = tmp_path_factory.mktemp("encoder")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ENCODER_WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=300,
    )
    BertModel(config).save_pretrained(folder)
    return folder
