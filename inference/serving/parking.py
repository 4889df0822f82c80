"""Requests that wait for something to be made ready for them, without holding up those that have it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from inference.contract import AdapterError, AdapterRef, EngineFailure, GenerationRequest, OutputFormat
from inference.serving.batch import STEP_FAILED
from inference.serving.loading import Loading
from inference.serving.output_format import FormatCompiler, FormatError, Matcher
from inference.serving.waiting import Waiting

log = logging.getLogger(__name__)


class Parking:
    """What is called `tell` hands a call to the engine's thread, where all others happen: `go_on` with a request that
    has what it waited for, `fail` for one that cannot have it."""

    def __init__(
        self,
        loading: Loading,
        formats: FormatCompiler,
        tell: Callable[[Callable[[], None]], None],
        go_on: Callable[[Waiting], None],
        fail: Callable[[GenerationRequest, EngineFailure], None],
    ) -> None:
        self._loading = loading
        self._formats = formats
        self._tell = tell
        self._go_on = go_on
        self._fail = fail
        # By the adapter's sha256, or the generation whose format it is.
        self._parked: defaultdict[str, list[Waiting]] = defaultdict(list)
        # Formats come from outside, and may take long.
        self._compiler = ThreadPoolExecutor(1, "format-compiler")

    def __len__(self) -> int:
        return sum(map(len, list(self._parked.values())))

    def for_adapter(self, waiting: Waiting, adapter: AdapterRef) -> None:
        is_first = adapter.sha256 not in self._parked
        self._parked[adapter.sha256].append(waiting)
        if is_first:
            self._loading.ask(adapter, partial(self._loaded, adapter.sha256))

    def for_format(self, waiting: Waiting, format_: OutputFormat) -> None:
        self._parked[waiting.request.generation_id].append(waiting)
        self._compiler.submit(self._compile, waiting.request.generation_id, format_)

    def take_out(self, generation_id: str) -> list[Waiting]:
        """Those of this generation, which wait no longer."""
        taken = []
        for key, parked in self._parked.items():
            taken += [each for each in parked if each.request.generation_id == generation_id]
            self._parked[key] = [each for each in parked if each not in taken]
        return taken

    def stop(self) -> None:
        self._compiler.shutdown(wait=False, cancel_futures=True)

    def _loaded(self, sha256: str, outcome: str | AdapterError) -> None:
        for waiting in self._parked.pop(sha256):
            if isinstance(outcome, AdapterError):
                self._fail(waiting.request, EngineFailure("adapter.unusable", str(outcome), retryable=False))
            else:
                self._go_on(waiting)

    def _compile(self, generation_id: str, format_: OutputFormat) -> None:
        outcome: Matcher | EngineFailure
        try:
            outcome = self._formats.compile(format_)
        except FormatError as error:
            outcome = error.failure
        except Exception:
            log.exception("the format of generation %s could not be compiled", generation_id)
            outcome = STEP_FAILED
        self._tell(partial(self._compiled, generation_id, outcome))

    def _compiled(self, generation_id: str, outcome: Matcher | EngineFailure) -> None:
        for waiting in self._parked.pop(generation_id):
            if isinstance(outcome, EngineFailure):
                self._fail(waiting.request, outcome)
            else:
                waiting.matcher = outcome
                self._go_on(waiting)
