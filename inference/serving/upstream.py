"""An engine that has no model: a server with OpenAI's interface writes (vLLM, SGLang, TGI, llama.cpp, Ollama, OpenAI,
another Parley), and this hands on what it says. Imports no torch.

A reply's token ids are only numbers, one for each piece of text: they count, and mean nothing elsewhere. What an
earlier attempt has shown is given as text, and nothing of it may change. `UpstreamServer.resume` says how it goes on:
  replay    the server is asked the same again, with the same seed; what is known is not said again, and a server that
            writes something else fails the reply
  continue  the server is given its own words to go on from, which vLLM, SGLang, llama.cpp and Ollama can do
Messages that do not fit are left out, the oldest first, once the server has said so. What it has no words for is not
sent: `no_repeat_ngram`; `logprobs` are refused.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import hashlib
import logging
import threading
from collections.abc import Collection, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from inference import model_files
from inference.contract import (
    AdapterError,
    AdapterRef,
    Emit,
    EngineConfig,
    EngineFailure,
    EngineInfo,
    FinishReason,
    GenerationRequest,
    PromptInfo,
    StreamEvent,
)
from inference.serving.upstream_adapters import UpstreamAdapters
from inference.serving.upstream_models import models_of
from inference.serving.upstream_reply import UpstreamReply
from inference.serving.upstream_wire import (
    OPTIONAL,
    REFUSED,
    TOO_LONG_FOR_IT,
    UNAVAILABLE,
    UNTOLD,
    Body,
    Refusal,
    UpstreamError,
    chunks_of,
)

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# Until a connection stands; and for the next words, of which the first may wait behind other people's prompts.
CONNECT_S, SILENCE_S = 10.0, 300.0
# A server that is being restarted is waited for about half a minute before the reply fails.
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
DEFAULT_CONTEXT_LENGTH = 8192
STEP_FAILED = EngineFailure("engine.step_failed", "The model failed while writing. Try again.", retryable=True)


class OpenAIEngine:
    """See contract.Engine."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._writing: dict[str, asyncio.Task[FinishReason]] = {}
        self._waited_for: set[asyncio.Task[Any]] = set()
        self._given_up = 0  # how many of OPTIONAL this server has refused
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="upstream-engine", daemon=True)

    def start(self, emit: Emit) -> EngineInfo:
        if self._config.upstream is None:
            raise ValueError("UPSTREAM_URL does not say which server is to write.")
        self._emit_event = emit
        self._server = self._config.upstream
        self._url = self._server.url.rstrip("/")
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {self._server.api_key}"} if self._server.api_key else {},
            timeout=httpx2.Timeout(SILENCE_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=None),
        )
        self._adapters = UpstreamAdapters(self._client, self._url)
        self._slots = asyncio.Semaphore(self._config.max_running)
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        listed = self._wait_for(models_of(self._client, self._url))
        if listed is None:
            threading.Event().wait()  # the process is ending, and nobody waits for this daemon thread
            raise AssertionError
        self._model = self._server.model or next(iter(listed), "")
        if not self._model:
            raise ValueError(f"{self._url} lists no model. Set UPSTREAM_MODEL to the one that is to write.")
        if self._model not in listed:
            log.warning("%s does not list %s; it lists %s", self._url, self._model, ", ".join(listed) or "nothing")
        about = listed.get(self._model, {})
        return EngineInfo(
            engine="upstream",
            base_model=self._model,
            base_model_sha256=self._base_model_sha256(about),
            dtype="",
            context_length=self._config.context_length or about.get("max_model_len") or DEFAULT_CONTEXT_LENGTH,
            max_running=self._config.max_running,
            extra={"url": self._url},
        )

    def submit(self, request: GenerationRequest) -> None:
        self._tell(self._begin, request)

    def cancel(self, generation_id: str) -> None:
        self._tell(self._cancel, generation_id)

    def load_adapter(self, adapter: AdapterRef) -> str:
        if self._wait_for(self._adapters.load(adapter)) is None:
            raise AdapterError("The engine was stopped before the adapter was loaded.")
        return "What it computes was not compared: another server computes it."

    def keep_adapters(self, sha256s: Collection[str]) -> None:
        self._tell(self._adapters.keep, frozenset(sha256s))

    def stop(self) -> None:
        self._is_stopped = True
        if self._thread.is_alive():
            self._tell(self._loop.stop)
            self._thread.join()

    @property
    def idle_for_s(self) -> float:
        """Never late: a server that is silent fails the reply, and ending this process would not help."""
        return 0.0

    def _wait_for(self, work: Coroutine[Any, Any, Answer]) -> Answer | None:
        """What `work` comes to on the engine's loop; None when the engine is stopped before."""

        async def known() -> Answer:
            task = self._loop.create_task(work)
            self._waited_for.add(task)
            task.add_done_callback(self._waited_for.discard)
            return await task

        waiting = known()
        try:
            return asyncio.run_coroutine_threadsafe(waiting, self._loop).result()
        except (concurrent.futures.CancelledError, RuntimeError):
            if not self._is_stopped:
                raise
            waiting.close()
            work.close()
            return None

    def _tell(self, call: Any, *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: the engine was stopped
            self._loop.call_soon_threadsafe(call, *arguments)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _close(self) -> None:
        """Leave: the server stops writing for whoever has closed the connection."""
        await asyncio.sleep(0)  # what was asked for in the last moment begins, so that it ends as well
        while tasks := [*self._writing.values(), *self._waited_for]:  # what these have begun ends with them
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)
        await self._client.aclose()

    def _base_model_sha256(self, about: dict[str, Any]) -> str:
        """Of the weights in MODEL, which the server is said to run; else of what it calls its model."""
        folder = Path(self._config.model)
        if folder.is_dir():
            return model_files.base_model_sha256(folder)
        return hashlib.sha256(f"upstream:{self._model}:{about.get('root') or ''}".encode()).hexdigest()

    def _begin(self, request: GenerationRequest) -> None:
        reply = UpstreamReply(request)
        task = self._loop.create_task(self._write(reply))
        self._writing[request.generation_id] = task
        # Not in the task itself: one that is cancelled at once never runs.
        task.add_done_callback(partial(self._end, reply))

    def _cancel(self, generation_id: str) -> None:
        if task := self._writing.get(generation_id):
            task.cancel()

    async def _write(self, reply: UpstreamReply) -> FinishReason:
        """One reply, from its place in the queue on."""
        async with self._slots:
            self._announce(reply, _prompt_of(Body(reply.request, self._model), 0))
            return await self._stream(reply)

    def _end(self, reply: UpstreamReply, task: asyncio.Task[FinishReason]) -> None:
        id_ = reply.request.generation_id
        if self._writing.get(id_) is task:
            del self._writing[id_]
        if not reply.is_announced:
            self._announce(reply, None)
        error = None if task.cancelled() else task.exception()
        if error is None:
            reason: FinishReason = "cancelled" if task.cancelled() else task.result()
            prompt = _prompt_of(reply.body, reply.prompt_tokens) if reply.body else None
            self._emit(StreamEvent("finished", id_, prompt=prompt, finish_reason=reason))
            return
        failure = STEP_FAILED
        if isinstance(error, UpstreamError):
            log.warning("generation %s: %s", id_, error)
            failure = error.failure
        elif isinstance(error, AdapterError):
            failure = EngineFailure("adapter.unusable", str(error), retryable=False)
        else:
            log.error("generation %s failed", id_, exc_info=error)
        self._emit(StreamEvent("failed", id_, failure=failure))

    def _announce(self, reply: UpstreamReply, prompt: PromptInfo | None) -> None:
        reply.is_announced = True
        self._emit(StreamEvent("started", reply.request.generation_id, prompt=prompt))

    async def _stream(self, reply: UpstreamReply) -> FinishReason:
        request = reply.request
        if request.sampling.logprobs is not None:
            raise UpstreamError(UNTOLD, "log-probabilities were asked for")
        if reply.is_over:
            return reply.reason
        model = self._model
        if request.adapter:
            model = await self._adapters.load(request.adapter)
        with self._adapters.in_use(model):
            said = request.prefix_text if self._server.resume == "continue" else ""
            response = await self._ask(reply, model, said)
            reply.follow(goes_on=bool(said))
            try:
                async for chunk in chunks_of(response):
                    for event in reply.take(chunk):
                        self._emit(event)
                    if reply.is_over and not reply.waits_for_usage:
                        break
            except httpx2.TransportError as error:
                if not reply.is_over:
                    why = f"the connection broke: {error or type(error).__name__}"
                    raise UpstreamError(UNAVAILABLE, why) from error
            finally:
                await response.aclose()
        for event in reply.end():
            self._emit(event)
        return reply.reason

    async def _ask(self, reply: UpstreamReply, model: str, said: str) -> httpx2.Response:
        """The beginning of a stream. Raises UpstreamError once nothing that could be done about a refusal is left."""
        request, given_up, dropped, pauses = reply.request, self._given_up, 0, list(PAUSES_S)
        droppable = len(request.messages) - 1 - (request.messages[0].role == "system")
        while True:
            body = reply.body = Body(request, model, said, OPTIONAL[:given_up], dropped)
            sent = self._client.build_request("POST", f"{self._url}/chat/completions", json=body.json())
            try:
                response = await self._client.send(sent, stream=True)
                if response.status_code == 200:
                    self._given_up = max(self._given_up, given_up)
                    return response
                refusal = await Refusal.read(response)
                await response.aclose()
            except httpx2.TransportError as error:
                refusal = Refusal(503, str(error) or type(error).__name__)
            if refusal.is_too_long:
                if dropped >= droppable:
                    raise UpstreamError(TOO_LONG_FOR_IT, refusal.said)
                dropped = min(droppable, 2 * dropped or 1)
            elif refusal.is_of_what_was_sent and given_up < len(OPTIONAL):
                given_up += 1
            elif refusal.status == 404 and request.adapter and self._adapters.forget(request.adapter):
                await self._adapters.load(request.adapter)  # the server was started again, without it
            elif refusal.is_passing and pauses:
                await asyncio.sleep(max(pauses.pop(0), min(refusal.retry_after_s or 0.0, PAUSES_S[-1])))
            else:
                failure = UNAVAILABLE if refusal.is_passing else REFUSED
                raise UpstreamError(failure, f"status {refusal.status}: {refusal.said}")

    def _emit(self, event: StreamEvent) -> None:
        if self._is_stopped:
            return
        try:
            self._emit_event(event)
        except Exception:
            log.exception("an event of generation %s was refused", event.generation_id)


def _prompt_of(body: Body, tokens: int) -> PromptInfo:
    return PromptInfo(tokens=tokens, sha256=body.sha256, chat_template_sha256="", dropped_messages=body.dropped)
