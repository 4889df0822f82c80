"""`python -m inference.evaluation SPEC.json`: JSON lines on stdout, and in the end OUTPUT/result.json.

Exit 0: there is a verdict, whatever it says. 75: stopped by SIGTERM or SIGINT, the same command goes on. 65: bad
input, said in one line. 1: a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from inference.evaluation import results, spec
from inference.evaluation.errors import EngineFailed, InputError, Stopped
from inference.evaluation.runner import Runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="evaluation", description="Hold an adapter against the one that is live.")
    parser.add_argument("spec", type=Path, help="a JSON file; inference/evaluation/spec.py says what it holds")
    arguments = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        runner = Runner(spec.read(arguments.spec), _tell, stopped.is_set)
        runner.run()
        result = results.write(runner)
    except Stopped:
        return os.EX_TEMPFAIL
    except InputError as error:
        return _fail(os.EX_DATAERR, error.code, str(error))
    except EngineFailed as error:
        return _fail(1, "engine.failed", str(error))
    _tell({"event": "finished", "verdict": result["verdict"], "result": str(runner.spec.output / results.RESULT)})
    return 0


def _fail(status: int, code: str, message: str) -> int:
    _tell({"event": "failed", "code": code, "message": message})
    return status


def _tell(event: dict[str, object]) -> None:
    print(json.dumps(event, ensure_ascii=False), flush=True)
    if sys.stderr.isatty():
        words = " ".join(str(event.get(key, "")) for key in ("phase", "verdict", "message"))
        of = f" {event['step']} of {event['steps']}" if "step" in event else ""
        print(f"{words.strip()}{of}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
