"""What smaller forms of a model cost in quality: each is held against the model in float32, over the same real texts.

The texts are questions with answers, as the model reads a conversation, in several languages and in code; and the
beginnings of files of this repository: instructions, prose and a program. All of them count.

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
from inference.evaluation.fidelity import Fidelity, Passages
from inference.serving import backends
from inference.serving.scratch import SCRATCH_PAGES, Scratch

CONVERSATION_POSITIONS = 1200
FILES = ("README.md", "docs/architecture.md", "docs/decisions/0004-answers.md", "inference/serving/engine.py")
FILE_POSITIONS = 512
WINDOW = 240
PROMPT_TOKENS = 48
REPOSITORY = Path(__file__).parents[1]


def texts(model: Path) -> dict[str, Passages]:
    """What is read, by the names of its rows."""
    tokenizer = pretrained.load_tokenizer(model)
    _, conversations = fidelity.passages(ChatTemplate(tokenizer))
    found = {"conversations": conversations.with_positions(CONVERSATION_POSITIONS)}
    for name in FILES:
        head, *ids = tokenizer.encode((REPOSITORY / name).read_text(encoding="utf-8"))[: FILE_POSITIONS + 1]
        windows = tuple(tuple(ids[at : at + WINDOW]) for at in range(0, len(ids), WINDOW))
        found[name] = Passages((head,), windows)
    return found


def over_all(parts: list[Fidelity]) -> tuple[int, float, float]:
    """Positions, mean KL and top-1 agreement of several texts as if they were one."""
    n = sum(part.positions for part in parts)
    return n, sum(part.kl * part.positions for part in parts) / n, sum(part.top1 * part.positions for part in parts) / n


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
    read = texts(options.model)
    reference = load(EngineConfig(str(options.model), dtype="float32", backend="torch"))
    first = read["conversations"]
    prompt = (first.head + first.texts[0])[:PROMPT_TOKENS]
    print(f"{options.model.name}, {options.threads} threads\n")
    print("| form | text | positions | mean KL to float32, nats | top-1 agreement | perplexity (float32) |")
    print("|---" * 6 + "|")
    speeds = []
    for name, config in forms(options.model, options.cut):
        form = load(config)
        parts = []
        for title, text in read.items():
            found = fidelity.compare(reference.logits, form.logits, text, lambda: None)
            parts.append(found)
            print(
                f"| {name} | {title} | {found.positions} | {found.kl:.4f} | {found.top1:.2%} "
                f"| {found.perplexity:.2f} ({found.reference_perplexity:.2f}) |",
                flush=True,
            )
        n, kl, top1 = over_all(parts)
        print(f"| **{name}** | **all** | {n} | **{kl:.4f}** | **{top1:.2%}** | |", flush=True)
        whole, own = speed.tokens_per_s([reference, form], prompt, lambda: None)
        speeds.append(f"{name} {own / whole:.2f}")
    print(f"\nSpeed of one reply as a multiple of float32's: {', '.join(speeds)}.")


if __name__ == "__main__":
    main()
