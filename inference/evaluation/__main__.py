"""`python -m inference.evaluation SPEC.json`: JSON lines on stdout, and in the end OUTPUT/result.json.

Exit 0: there is a verdict, whatever it says. 75: stopped by SIGTERM or SIGINT, the same command goes on. 65: bad
input, said in one line. 1: a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from inference.evaluation import results, spec
from inference.evaluation.errors import EngineFailed, InputError
from inference.evaluation.runner import Runner
from inference.interruption import Interruption, Stopped
from inference.training.failure import NO_SPACE


class Progress:
    """Says events as lines of JSON, and in words where a person looks on."""

    def __init__(self) -> None:
        self._phase: object = ""

    def tell(self, event: dict[str, object]) -> None:
        self._phase = event.get("phase", self._phase)
        self._say(event)

    def paused(self, is_paused: bool) -> None:
        """The evaluation begins to wait for others, or goes on where it was."""
        self._say({"event": "phase", "phase": "paused" if is_paused else self._phase})

    def failed(self, status: int, code: str, message: str) -> int:
        self._say({"event": "failed", "code": code, "message": message})
        return status

    def _say(self, event: dict[str, object]) -> None:
        print(json.dumps(event, ensure_ascii=False), flush=True)
        if sys.stderr.isatty():
            words = " ".join(str(event.get(key, "")) for key in ("phase", "verdict", "message"))
            of = f" {event['step']} of {event['steps']}" if "step" in event else ""
            print(f"{words.strip()}{of}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="evaluation", description="Hold an adapter against the one that is live.")
    parser.add_argument("spec", type=Path, help="a JSON file; inference/evaluation/spec.py says what it holds")
    arguments = parser.parse_args()
    interruption, progress = Interruption(), Progress()
    interruption.listen()
    try:
        asked = spec.read(arguments.spec)
        if asked.pause_file:
            interruption.pause_while(asked.pause_file, progress.paused)
        runner = Runner(asked, progress.tell, interruption)
        runner.run()
        result = results.write(runner)
    except Stopped:
        return os.EX_TEMPFAIL
    except InputError as error:
        return progress.failed(os.EX_DATAERR, error.code, str(error))
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        return progress.failed(
            1, "evaluation.no_space", "The disk is full. Make room, then start the evaluation again."
        )
    except EngineFailed as error:
        return progress.failed(1, "engine.failed", str(error))
    progress.tell(
        {"event": "finished", "verdict": result["verdict"], "result": str(runner.spec.output / results.RESULT)}
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
