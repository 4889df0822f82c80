"""What smaller forms of a model cost in quality: each is held against the model in float32, over the same real text.

Both read, neither writes; inference/evaluation/fidelity.py says what is measured. Speed is that of one greedy reply, in
turns with the reference, so that the ratio holds on a machine that has other work.

    python -m bench.quality --model data/models/smollm2-135m-instruct --cut FOLDER --cut FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch

from inference import pretrained
from inference.chat_template import ChatTemplate
from inference.contract import EngineConfig
from inference.evaluation import fidelity, speed
from inference.serving import backends
from inference.serving.scratch import SCRATCH_PAGES, Scratch

POSITIONS = 1200
PROMPT_TOKENS = 48


def forms(model: Path, cut: list[Path]) -> Iterator[tuple[str, EngineConfig]]:
    """What is measured: the name of a row, and what an engine would be told."""
    yield "bfloat16", EngineConfig(str(model), dtype="bfloat16", backend="torch")
    yield "the kernel's own", EngineConfig(str(model), backend="native")
    for folder in cut:
        yield f"cut: {folder.name}, float32", EngineConfig(str(folder), dtype="float32", backend="torch")


def load(config: EngineConfig) -> Scratch:
    backend = backends.load(config, Path(config.model))
    backend.reserve(SCRATCH_PAGES, 1)
    return Scratch(backend, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("data/models/smollm2-135m-instruct"))
    parser.add_argument("--cut", type=Path, action="append", default=[], help="what `manage.py model cut` wrote")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    _, text = fidelity.passages(ChatTemplate(pretrained.load_tokenizer(options.model)))
    text = text.with_positions(POSITIONS)
    reference = load(EngineConfig(str(options.model), dtype="float32", backend="torch"))
    prompt = (text.head + text.texts[0])[:PROMPT_TOKENS]
    print(f"{options.model.name}, {text.positions} positions, {options.threads} threads\n")
    print("| form | mean KL to float32, nats | top-1 agreement | perplexity (float32) | speed of one reply, ratio |")
    print("|---" * 5 + "|")
    for name, config in forms(options.model, options.cut):
        form = load(config)
        found = fidelity.compare(reference.logits, form.logits, text, lambda: None)
        whole, own = speed.tokens_per_s([reference, form], prompt, lambda: None)
        print(
            f"| {name} | {found.kl:.4f} | {found.top1:.2%} | {found.perplexity:.2f} ({found.reference_perplexity:.2f}) "
            f"| {own / whole:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
