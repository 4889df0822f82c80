"""The engine that runs a transformers model: many generations in one thread, decoded together (continuous batching).

Knows nothing of conversations, Celery or Redis. A step reads at most one chunk of one new prompt and then writes one
token of every running reply in one forward, so a reply that begins waits for no other to end.
"""

from __future__ import annotations

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

from inference import model_files
from inference.chat_template import ChatTemplate, PromptError
from inference.contract import (
    AdapterError,
    AdapterRef,
    ChatMessage,
    Emit,
    EngineConfig,
    EngineFailure,
    EngineInfo,
    FinishReason,
    GenerationRequest,
    PromptInfo,
    StreamEvent,
)
from inference.serving.adapters import Adapters
from inference.serving.base_model import BaseModel
from inference.serving.batch import Batch, Row
from inference.serving.loading import Loading
from inference.serving.reply import Reply

log = logging.getLogger(__name__)

# How soon whoever waits for an adapter notices that the engine has been stopped.
POLL_S = 0.5
STEP_FAILED = EngineFailure("engine.step_failed", "The model failed while writing. Try again.", retryable=True)


class TransformersEngine:
    """See contract.Engine."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._changed = threading.Condition()
        # What the engine's thread shall do before its next step, in the order in which it came.
        self._inbox: deque[Callable[[], None]] = deque()
        self._waiting: deque[GenerationRequest] = deque()
        # Requests whose adapter is being loaded, by its sha256.
        self._parked: dict[str, list[GenerationRequest]] = {}
        self._kept: frozenset[str] | None = None  # None: nothing was said of what is to be kept
        self._stepped_at: float | None = None  # None while there is nothing to do
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self, emit: Emit) -> EngineInfo:
        self._emit_event = emit
        torch.set_num_threads(self._config.threads or max(1, (os.cpu_count() or 1) // 2))
        self._model = BaseModel(self._config)
        self._template = ChatTemplate(self._model.tokenizer)
        self._context_length = self._config.context_length or self._model.max_context
        if self._context_length > self._model.max_context:
            raise ValueError(
                f"The context shall be {self._context_length} tokens, but the model reads {self._model.max_context}."
            )
        self._adapters = Adapters(self._model.network)
        self._batch = Batch(self._model, self._adapters)
        self._loading = Loading(self._model, self._adapters, self._tell)
        info = EngineInfo(
            engine="transformers",
            base_model=Path(self._config.model).name if Path(self._config.model).is_dir() else self._config.model,
            base_model_sha256=model_files.base_model_sha256(self._model.folder),
            dtype=str(self._model.dtype).removeprefix("torch."),
            context_length=self._context_length,
            max_running=self._config.max_running,
            extra={
                "device": str(self._model.device),
                "threads": str(torch.get_num_threads()),
                "torch": str(torch.__version__),
                "transformers": transformers.__version__,
            },
        )
        self._warm_up()
        self._thread.start()
        return info

    def submit(self, request: GenerationRequest) -> None:
        self._tell(partial(self._waiting.append, request))

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
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def idle_for_s(self) -> float:
        stepped_at = self._stepped_at
        return 0.0 if stepped_at is None else time.monotonic() - stepped_at

    def _tell(self, call: Callable[[], None]) -> None:
        with self._changed:
            self._inbox.append(call)
            if self._stepped_at is None:
                self._stepped_at = time.monotonic()
            self._changed.notify()

    @torch.inference_mode()
    def _warm_up(self) -> None:
        """The first forwards choose and build kernels; do it before a person waits for them."""
        ids = self._template.encode([ChatMessage("user", "Hello")])
        self._model.prefill(0, ids, 0)
        for rows in {1, min(2, self._config.max_running)}:
            self._model.decode([ids[-1]] * rows, [len(ids)] * rows)
        self._model.clear()

    @torch.inference_mode()
    def _run(self) -> None:
        while True:
            with self._changed:
                has_work = bool(self._inbox or self._waiting or self._batch.rows or self._loading.has_work)
                self._stepped_at = time.monotonic() if has_work else None
                self._changed.wait_for(lambda: self._is_stopped or self._stepped_at is not None)
                if self._is_stopped:
                    break
                calls = list(self._inbox)
                self._inbox.clear()
            for call in calls:
                call()
            self._step()
        self._loading.stop()
        del self._model, self._loading, self._adapters, self._batch

    def _step(self) -> None:
        if self._waiting and self._batch.reading is None and len(self._batch.rows) < self._config.max_running:
            request = self._waiting.popleft()
            try:
                self._admit(request)
            except Exception:
                log.exception("generation %s could not begin", request.generation_id)
                self._fail(request, STEP_FAILED)
        self._forward(self._batch.read, [self._batch.reading] if self._batch.reading else [])
        self._forward(self._batch.decode, self._batch.decoding)
        self._tend_adapters()

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
        waiting = {request.adapter.sha256 for request in self._waiting if request.adapter}
        return running | waiting | (self._kept or set())

    def _park(self, request: GenerationRequest, adapter: AdapterRef) -> None:
        """Let a request wait for its adapter without holding up those that have theirs."""
        if adapter.sha256 in self._parked:
            self._parked[adapter.sha256].append(request)
            return
        self._parked[adapter.sha256] = [request]

        def done(outcome: str | AdapterError) -> None:
            requests = self._parked.pop(adapter.sha256)
            if isinstance(outcome, AdapterError):
                for request in requests:
                    self._announce(request, None)
                    self._fail(request, EngineFailure("adapter.unusable", str(outcome), retryable=False))
            else:
                self._waiting.extendleft(reversed(requests))

        self._loading.ask(adapter, done)

    def _forward(self, forward: Callable[[], list[tuple[Row, int]]], rows: list[Row]) -> None:
        """Run `forward`, which concerns `rows`, and hand out what it wrote. When it fails, these rows fail alone."""
        affected = list(rows)
        try:
            written = forward()
        except Exception:
            log.exception("a step of %d generations failed", len(affected))
            for row in affected:
                self._batch.remove(row)
                self._fail(row.request, STEP_FAILED)
            return
        for row, token_id in written:
            row.history.append(token_id)
            text = row.reply.take(token_id)
            self._emit(StreamEvent("delta", row.request.generation_id, (token_id,), text))
            if row.reply.ended:
                self._batch.remove(row)
                self._finish(row.request, row.reply.ended)

    def _admit(self, request: GenerationRequest) -> None:
        """Announce `request` and begin to read it, or end it at once; one whose adapter is not there yet is parked."""
        if request.adapter and request.adapter.sha256 not in self._adapters.loaded:
            self._park(request, request.adapter)
            return
        try:
            prompt = self._template.fit_to_context(request.messages, request.sampling.max_tokens, self._context_length)
            if not all(0 <= i < self._model.vocabulary for i in request.prefix_token_ids):
                raise PromptError("generation.prompt_invalid", "The reply was begun by another model.")
        except PromptError as error:
            self._announce(request, None)
            self._fail(request, error.failure)
            return
        self._announce(request, prompt.info)
        reply = Reply(self._model.tokenizer.backend_tokenizer, request.sampling, self._model.end_ids)
        for token_id in request.prefix_token_ids:
            reply.take(token_id)
            if reply.ended:
                self._finish(request, reply.ended)
                return
        adapter = request.adapter.sha256 if request.adapter else None
        if adapter:
            self._adapters.touch(adapter)
        self._batch.add(Row(request, reply, [*prompt.token_ids, *request.prefix_token_ids], adapter))

    def _cancel(self, generation_id: str) -> None:
        for requests in (self._waiting, *self._parked.values()):
            for request in [r for r in requests if r.generation_id == generation_id]:
                requests.remove(request)
                self._announce(request, None)
                self._finish(request, "cancelled")
        for row in [r for r in self._batch.rows if r.request.generation_id == generation_id]:
            self._batch.remove(row)
            self._finish(row.request, "cancelled")

    def _announce(self, request: GenerationRequest, prompt: PromptInfo | None) -> None:
        self._emit(StreamEvent("started", request.generation_id, prompt=prompt))

    def _finish(self, request: GenerationRequest, reason: FinishReason) -> None:
        self._emit(StreamEvent("finished", request.generation_id, finish_reason=reason))

    def _fail(self, request: GenerationRequest, failure: EngineFailure) -> None:
        self._emit(StreamEvent("failed", request.generation_id, failure=failure))

    def _emit(self, event: StreamEvent) -> None:
        if self._is_stopped:
            return
        try:
            self._emit_event(event)
        except Exception:
            log.exception("an event of generation %s was refused", event.generation_id)
