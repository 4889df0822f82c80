"""What is left of the speed of one thread while another process never rests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench.engine.peers import PeerUnavailable
from bench.engine.peers.kernel import Kernel
from bench.engine.replies import tokens_per_s
from bench.engine.turns import Group, Setting, Turn, Values

ALONE, BESIDE = "16 streams, 1 thread, alone", "16 streams, 1 thread, beside a busy process"


@contextmanager
def prepared(setting: Setting, miss: Callable[[str, str], None]) -> Iterator[Sequence[Group]]:
    try:
        kernel = Kernel(setting.model, 1)
    except PeerUnavailable as reason:
        miss(BESIDE, str(reason))
        yield []
        return

    def alone(_: int) -> Values:
        return {"tokens_per_s": tokens_per_s([r.times_s for r in kernel.write(setting.prompts.short, setting.tokens)])}

    def beside(number: int) -> Values:
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            return alone(number)
        finally:
            busy.kill()
            busy.wait()

    alone(0)
    yield [[Turn(ALONE, alone), Turn(BESIDE, beside)]]
    kernel.close()
