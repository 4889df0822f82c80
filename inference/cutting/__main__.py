"""`python -m inference.cutting`: exit 0 done, 1 refused or failed, 130 stopped; then nothing is left."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="model cut",
        description="Leave those layers out of a model without which it changes least, and say what that costs.",
    )
    parser.add_argument("--model", required=True, help="a folder or a hub id")
    parser.add_argument("--drop", type=int, required=True, metavar="N", help="how many layers to leave out")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write; must not exist yet")
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"), help="to measure in")
    parser.add_argument("--threads", type=int, default=0, help="half of the cores, if not said")
    arguments = parser.parse_args()
    # Both end the program by an exception, so that what is half written is taken away.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        import torch

        from inference.chat_template import PromptError
        from inference.cutting.run import cut

        torch.set_num_threads(arguments.threads or max(1, (os.cpu_count() or 1) // 2))
        try:
            report = cut(arguments.model, arguments.drop, arguments.out, arguments.dtype)
        except (OSError, ValueError, PromptError) as error:
            print(f"The model cannot be cut: {error}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 128 + signal.SIGINT
    print(table(report))
    print(
        f"\nMODEL={arguments.out.resolve()} starts Parley with it. Adapters of the whole model do not fit it.",
    )
    return 0


def table(report: dict[str, Any]) -> str:
    """What cutting.json says, for people."""
    found = report["fidelity"]
    rows = [
        ("layers", report["layers"], "d"),
        ("parameters", report["parameters"], ",d"),
        ("bytes", report["bytes"], ",d"),
        ("tokens/s of one reply", report["tokens_per_s"], ".1f"),
        ("perplexity", [found["reference_perplexity"], found["perplexity"]], ".2f"),
    ]
    lines = ["| | whole | cut | ratio |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {format(whole, form)} | {format(smaller, form)} | {smaller / whole:.2f} |"
        for name, (whole, smaller), form in rows
    ]
    dropped = ", ".join(f"{removal['layer']} ({removal['kl']:.3f})" for removal in report["removals"])
    return "\n".join(
        [
            *lines,
            f"\nLayers left out, counted from 0, with the KL after each in nats: {dropped}",
            f"Over {found['positions']:,} positions of other text: mean KL {found['kl']:.4f} nats, the same token most "
            f"likely at {found['top1']:.1%}.",
            f"Measured with torch in {report['dtype']} on {report['device']}, threads: {report['threads']}.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
