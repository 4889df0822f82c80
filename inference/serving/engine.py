"""The engine that runs a model: many generations in one thread, written together (continuous batching).

Knows nothing of conversations, Celery or Redis, and nothing of what computes. Between two steps it does what others
asked for since: submit, cancel, load an adapter.
"""

from __future__ import annotations

import gc
import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import torch
import transformers

from inference import model_files, pretrained
from inference.chat_template import ChatTemplate, PromptError
from inference.contract import (
    AdapterError,
    AdapterRef,
    ChatMessage,
    Emit,
    EngineConfig,
    EngineInfo,
    EngineMetrics,
    GenerationRequest,
    TokenChance,
    TokenLogprobs,
)
from inference.serving import backends, drafts, memory
from inference.serving.adapters import Adapters
from inference.serving.batch import STEP_FAILED, Batch
from inference.serving.detokenizer import TokenTexts
from inference.serving.events import Events
from inference.serving.loading import Loading
from inference.serving.lookup import Lookup
from inference.serving.output_format import FormatCompiler
from inference.serving.pages import Chain, PagePool
from inference.serving.parking import Parking
from inference.serving.reply import Reply
from inference.serving.row import Row
from inference.serving.sampling import Chosen, SamplingRow
from inference.serving.scratch import SCRATCH_PAGES, Scratch
from inference.serving.waiting import Waiting, WaitingLine

log = logging.getLogger(__name__)

SMALL_TALK = (ChatMessage("user", "Hello"),)
# How soon whoever waits for an adapter notices that the engine has been stopped.
POLL_S = 0.5


class TransformersEngine:
    """See contract.Engine."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._changed = threading.Condition()
        # What the engine's thread shall do before its next step, in the order in which it came.
        self._inbox: deque[Callable[[], None]] = deque()
        self._line = WaitingLine()
        self._numbers = itertools.count()
        self._kept: frozenset[str] | None = None  # None: nothing was said of what is to be kept
        self._stepped_at: float | None = None  # None while there is nothing to do
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self, emit: Emit) -> EngineInfo:
        self._events = Events(emit)
        torch.set_num_threads(self._config.threads or max(1, (os.cpu_count() or 1) // 2))
        folder = pretrained.local_folder(self._config.model)
        self._tokenizer = pretrained.load_tokenizer(folder)
        self._texts = TokenTexts(self._tokenizer.backend_tokenizer)
        self._template = ChatTemplate(self._tokenizer)
        self._end_ids = pretrained.end_ids(pretrained.generation_config(folder), self._tokenizer)
        threads = torch.get_num_threads()
        self._backend = backends.load(self._config, folder)
        self._refuse_tokenizer_of_another_model(folder)
        if self._backend.name == "native":
            # The kernel's threads need the cores; torch's own, which here only help to choose tokens, wait awake.
            torch.set_num_threads(1)
        pool = self._reserve()
        self._adapters = Adapters(self._backend)
        has_guesses = self._config.speculation == "lookup"
        self._batch = Batch(
            self._backend,
            self._adapters,
            pool,
            self._config.max_running,
            has_guesses=has_guesses,
        )
        base_model_sha256 = model_files.base_model_sha256(folder)
        self._drafts = drafts.load(folder, base_model_sha256, self._backend.vocabulary) if has_guesses else None
        self._scratch = Scratch(self._backend, slot=self._config.max_running, first_page=0)
        self._loading = Loading(self._scratch, self._adapters, self._tell)
        formats = FormatCompiler(self._tokenizer, self._backend.vocabulary, self._end_ids)
        self._parked = Parking(self._loading, formats, self._tell, self._line.add, self._events.refused)
        info = EngineInfo(
            engine="transformers",
            base_model=Path(self._config.model).name if Path(self._config.model).is_dir() else self._config.model,
            base_model_sha256=base_model_sha256,
            dtype=self._backend.dtype,
            context_length=self._context_length,
            max_running=self._config.max_running,
            extra={
                "backend": self._backend.name,
                "device": self._backend.device,
                "cache_mib": str(pool.pages * self._backend.page_bytes >> 20),
                "threads": str(threads),
                "torch": str(torch.__version__),
                "transformers": transformers.__version__,
            },
        )
        self._warm_up()
        # What is loaded stays. Else each full collection of garbage goes through all of it, and replies stand still for
        # a tenth of a second.
        gc.collect()
        gc.freeze()
        self._thread.start()
        return info

    def submit(self, request: GenerationRequest) -> None:
        asked_at = time.monotonic()
        self._tell(lambda: self._line.add(Waiting(request, next(self._numbers), asked_at)))

    def cancel(self, generation_id: str) -> None:
        self._tell(partial(self._cancel, generation_id))

    def load_adapter(self, adapter: AdapterRef) -> str:
        loaded: Future[str] = Future()

        def done(outcome: str | AdapterError) -> None:
            if isinstance(outcome, AdapterError):
                loaded.set_exception(outcome)
            else:
                loaded.set_result(outcome)

        self._tell(lambda: self._loading.ask(adapter, done))
        while True:
            try:
                return loaded.result(timeout=POLL_S)
            except TimeoutError:
                if self._is_stopped:
                    raise AdapterError("The engine was stopped before the adapter was loaded.") from None

    def keep_adapters(self, sha256s: Collection[str]) -> None:
        self._tell(partial(setattr, self, "_kept", frozenset(sha256s)))

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            if self._thread.is_alive():
                self._events.is_closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
            gc.unfreeze()

    @property
    def idle_for_s(self) -> float:
        stepped_at = self._stepped_at
        return 0.0 if stepped_at is None else time.monotonic() - stepped_at

    @property
    def metrics(self) -> EngineMetrics:
        """A snapshot, from any thread."""
        pool = self._batch.pool
        waiting = len(self._line) + len(self._parked)
        return self._batch.meter.snapshot(len(self._batch.rows), waiting, pool.pages, pool.in_use)

    def _refuse_tokenizer_of_another_model(self, folder: Path) -> None:
        """An id that the model lacks would fail a step, and with it all replies in it. What was added to a tokenizer
        may be beyond the model as long as its template does not use it: people's texts cannot."""
        tokens = max(self._tokenizer.vocab_size, *(token_id + 1 for token_id in self._template.encode(SMALL_TALK)))
        if tokens > self._backend.vocabulary:
            raise ValueError(
                f"The tokenizer of {folder.name} has {tokens} tokens and the model {self._backend.vocabulary}: "
                "they do not belong together."
            )

    def _tell(self, call: Callable[[], None]) -> None:
        with self._changed:
            self._inbox.append(call)
            if self._stepped_at is None:
                self._stepped_at = time.monotonic()
            self._changed.notify()

    def _reserve(self) -> PagePool:
        """Reserve pages for what people may ask for, as far as memory goes; a longer context than it holds is cut."""
        backend, wanted = self._backend, self._config.context_length or self._backend.max_context
        if wanted > backend.max_context:
            raise ValueError(f"The context shall be {wanted} tokens, but the model reads {backend.max_context}.")
        pages = memory.pages_to_reserve(
            backend.page_bytes,
            -(-wanted // backend.page_tokens),
            self._config.max_running,
            self._config.cache_mib,
            backend.device,
        )
        self._context_length = min(wanted, pages * backend.page_tokens)
        if self._context_length < wanted:
            log.warning("memory holds %d of %d tokens of context; set ENGINE_CACHE_MIB", self._context_length, wanted)
        backend.reserve(SCRATCH_PAGES + pages, self._config.max_running + 1)
        # Scratch comes first: memory is taken in huge pages, and so it shares one with the first replies.
        kept = memory.pages_to_keep(backend.page_bytes, pages, self._config.cache_mib, backend.device)
        return PagePool(pages, first=SCRATCH_PAGES, kept=kept)

    @torch.inference_mode()
    def _warm_up(self) -> None:
        """The first forwards choose and build kernels; do it before a person waits for them."""
        ids = self._template.encode(SMALL_TALK)[-32:]
        for tokens in (ids, ids[:1]):
            self._scratch.last_logits(tokens)

    @torch.inference_mode()
    def _run(self) -> None:
        while not self._is_stopped:
            if self._inbox or self._line or self._batch.rows or self._loading.has_work:
                self._stepped_at = time.monotonic()
                self._turn()
            else:
                self._wait()
        self._loading.stop()
        self._parked.stop()
        del self._backend, self._scratch, self._loading, self._adapters, self._batch

    def _wait(self) -> None:
        """Until something is asked for, or the engine is stopped."""
        with self._changed:
            if not self._inbox:
                self._stepped_at = None
                self._changed.wait_for(lambda: self._is_stopped or self._inbox)

    def _turn(self) -> None:
        """Do what was asked for, then one step."""
        for _ in range(len(self._inbox)):
            self._inbox.popleft()()
        self._admit()
        self._step()
        self._tend_adapters()

    def _admit(self) -> None:
        """Begin with as many of those that wait as there is room for."""
        while self._line and self._batch.has_room and (waiting := self._line.first(self._batch.rows)):
            request = waiting.request
            try:
                row = waiting.row = waiting.row or self._read(waiting)
                if row and not self._batch.add(row):
                    return
            except Exception:
                log.exception("generation %s could not begin", request.generation_id)
                if not waiting.is_begun:
                    self._events.started(request, None)
                self._events.failed(request, STEP_FAILED)
            else:
                if row and not row.is_begun:
                    self._events.started(request, row.prompt)
                    row.is_begun = True
            self._line.remove(waiting)

    def _step(self) -> None:
        outcome = self._batch.step()
        for row in outcome.preempted:
            self._line.add(Waiting(row.request, row.number, row.asked_at, row))
        for row, failure in outcome.failed:
            self._events.failed(row.request, failure)
        for row, chosen in outcome.written:
            if row.reply.ended:  # more was guessed, rightly, than there is to be
                continue
            text = row.reply.take(chosen.token_id)
            told = self._told(chosen)
            if row.reply.ended:
                self._batch.remove(row)
            self._events.delta(row.request, chosen.token_id, text, told)
            if row.reply.ended:
                self._events.finished(row.request, row.reply.ended)

    def _told(self, chosen: Chosen) -> tuple[TokenLogprobs, ...]:
        if not chosen.chances:
            return ()
        own, *others = (TokenChance(i, self._tokenizer.decode([i]), logprob) for i, logprob in chosen.chances)
        return (TokenLogprobs(own, tuple(others)),)

    def _tend_adapters(self) -> None:
        """Move on what is being loaded, and take out what nothing needs."""
        if not self._loading.has_work and self._kept is None:
            return
        self._loading.step(self._needed_adapters(), is_hurried=bool(self._batch.rows))
        if self._kept is not None:
            # Asked for again: what has just been loaded may have sent a request on that waited for it.
            for name in self._adapters.loaded - self._needed_adapters():
                self._adapters.drop(name)

    def _needed_adapters(self) -> set[str]:
        running = {row.adapter for row in self._batch.rows if row.adapter}
        waiting = {request.adapter.sha256 for request in self._line.requests if request.adapter}
        return running | waiting | (self._kept or set())

    def _read(self, waiting: Waiting) -> Row | None:
        """The row of a request that waited; None when it was ended at once, or parked because its adapter is not there
        yet, or its format is not compiled."""
        request = waiting.request
        if request.adapter and request.adapter.sha256 not in self._adapters.loaded:
            self._parked.for_adapter(waiting, request.adapter)
            return None
        if request.sampling.format and waiting.matcher is None:
            self._parked.for_format(waiting, request.sampling.format)
            return None
        try:
            prompt = self._template.fit_to_context(request.messages, request.sampling.max_tokens, self._context_length)
            if not all(0 <= i < self._backend.vocabulary for i in request.prefix_token_ids):
                raise PromptError("generation.prompt_invalid", "The reply was begun by another model.")
        except PromptError as error:
            self._events.refused(request, error.failure)
            return None
        reply = Reply(self._texts, request.sampling, self._end_ids)
        for token_id in request.prefix_token_ids:
            reply.take(token_id)
            if reply.ended:
                self._events.started(request, prompt.info)
                self._events.finished(request, reply.ended)
                return None
            if waiting.matcher:
                waiting.matcher.take(token_id)
        adapter = request.adapter.sha256 if request.adapter else None
        if adapter:
            self._adapters.touch(adapter)
        return Row(
            request,
            waiting.number,
            waiting.asked_at,
            prompt.info,
            reply,
            SamplingRow(request.sampling, [*prompt.token_ids, *request.prefix_token_ids], reply.tokens),
            adapter,
            Chain(
                adapter,
                self._backend.page_tokens,
                request.owner,
                self._template.opening(request.messages, prompt.token_ids),
            ),
            waiting.matcher,
            Lookup(self._drafts),
        )

    def _cancel(self, generation_id: str) -> None:
        for each in self._line.take_out(generation_id) + self._parked.take_out(generation_id):
            if not each.is_begun:
                self._events.started(each.request, None)
            self._events.finished(each.request, "cancelled")
        for row in [row for row in self._batch.rows if row.request.generation_id == generation_id]:
            self._batch.remove(row)
            self._events.finished(row.request, "cancelled")
