"""`python -m inference.drafting`: exit 0 done, 1 refused or failed, 130 stopped; then nothing is written."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

TOKENS = 800_000


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="model drafts",
        description="Let a model talk with itself and count what it writes, so that it can guess ahead.",
    )
    parser.add_argument("--model", required=True, help="a folder or a hub id")
    parser.add_argument("--tokens", type=int, default=TOKENS, metavar="N", help="how many to count (%(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write, if not into the model's folder")
    parser.add_argument("--backend", default="auto", choices=("auto", "torch", "native", "cuda"), help="what computes")
    parser.add_argument("--threads", type=int, default=0, help="half of the cores, if not said")
    arguments = parser.parse_args()
    # Both end the program by an exception.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        import torch

        from inference.chat_template import PromptError
        from inference.drafting.run import draft

        torch.set_num_threads(arguments.threads or max(1, (os.cpu_count() or 1) // 2))
        try:
            report = draft(arguments.model, arguments.tokens, arguments.out, arguments.backend)
        except (OSError, ValueError, PromptError) as error:
            print(f"Nothing could be counted: {error}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 128 + signal.SIGINT
    print(
        f"{report.path}: {report.contexts:,} contexts, counted in {report.tokens:,} tokens.\n"
        f"Of {report.held_out:,} others {report.right:.1%} would have been guessed right."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
