"""Ties a child process to the life of the process that started it, so that not even `kill -9` leaves an orphan."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent() -> Callable[[], None]:
    """What to give Popen as `preexec_fn`: the child gets SIGTERM when the calling thread's process is gone.

    Only Linux can do this; elsewhere children are still stopped by a parent that ends in an orderly way.
    """
    parent = os.getpid()

    def tie() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before the tie was made
            os._exit(1)

    return tie
