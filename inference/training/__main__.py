"""`python -m inference.training SPEC.json`: exit 0 done, 75 stopped and to be resumed, 65 bad input, 1 a fault."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from inference.interruption import Interruption, Stopped
from inference.training.failure import TrainingFailure
from inference.training.spec import read_spec

log = logging.getLogger(__name__)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m inference.training", description="Train a LoRA adapter.")
    parser.add_argument("spec", type=Path, metavar="SPEC.json", help="what to train; inference/training/spec.py")
    path = parser.parse_args().spec
    interruption = Interruption()
    interruption.listen()
    # Heavy imports follow; their own bars would mix with ours.
    os.environ.setdefault("TQDM_DISABLE", "" if sys.stderr.isatty() else "1")
    from inference.training.processes import join
    from inference.training.progress import Progress

    processes = join()
    progress = Progress(is_silent=not processes.is_first)
    try:
        spec = read_spec(path)
        if spec.pause_file:
            interruption.pause_while(spec.pause_file, progress.paused)
        from inference.training.seeds import run_seeds

        progress.finished(run_seeds(spec, progress, interruption, processes))
    except Stopped:
        progress.stopped()
        return os.EX_TEMPFAIL
    except TrainingFailure as failure:
        progress.failed(failure.code, str(failure))
        return os.EX_DATAERR if failure.is_input else 1
    except Exception as error:
        log.exception("the run failed")
        if _is_for_want_of_memory(error):
            sentence = "The memory did not suffice; a lower batch.tokens or batch.gradient_checkpointing helps."
            progress.failed("training.no_memory", sentence)
        else:
            progress.failed("training.fault", f"The run failed: {error}")
        return 1
    finally:
        progress.close()
        processes.close()
    return 0


def _is_for_want_of_memory(error: Exception) -> bool:
    # On a GPU torch has a class for it, on a CPU only words.
    is_torch = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or is_torch


if __name__ == "__main__":
    sys.exit(main())
