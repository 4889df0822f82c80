"""LoRA adapters on a server that loads them while it runs, by vLLM's calls (docs.vllm.ai, "Dynamically serving LoRA
Adapters"). The server must see the folder under the same path. Everything here happens on the engine's loop."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from inference import model_files
from inference.contract import AdapterError, AdapterRef

log = logging.getLogger(__name__)

WEIGHTS = "adapter_model.safetensors"
LOAD_S = 120.0


class UpstreamAdapters:
    def __init__(self, client: httpx2.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url
        self._loaded: set[str] = set()
        self._kept: frozenset[str] | None = None  # None: nothing was said of what is to be kept
        self._in_use: Counter[str] = Counter()
        self._loading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._unloading: set[asyncio.Task[None]] = set()

    async def load(self, adapter: AdapterRef) -> str:
        """Have the server know it; returns the name by which it does. Raises AdapterError."""
        async with self._loading[adapter.sha256]:
            if adapter.sha256 in self._loaded:
                return adapter.sha256
            await asyncio.to_thread(_verify, adapter)
            fields = {"lora_name": adapter.sha256, "lora_path": adapter.path}
            try:
                answer = await self._client.post(f"{self._url}/load_lora_adapter", json=fields, timeout=LOAD_S)
            except httpx2.TransportError as error:
                raise AdapterError(f"{self._url} does not answer: {error or type(error).__name__}.") from error
            if answer.status_code in (404, 405):
                raise AdapterError(
                    f"{self._url} loads no adapters while it runs. For vLLM: --enable-lora and "
                    "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True; else let it serve the merged model."
                )
            if answer.is_error and "already" not in answer.text:
                raise AdapterError(f"{self._url} refuses the adapter: {answer.text[:300]}")
            self._loaded.add(adapter.sha256)
            return adapter.sha256

    def forget(self, adapter: AdapterRef) -> bool:
        """The server does not know it after all; whether it was thought to."""
        was_loaded = adapter.sha256 in self._loaded
        self._loaded.discard(adapter.sha256)
        return was_loaded

    def keep(self, sha256s: frozenset[str]) -> None:
        self._kept = sha256s
        self._tend()

    @contextmanager
    def in_use(self, name: str) -> Iterator[None]:
        """Keep this one until its reply has ended."""
        self._in_use[name] += 1
        try:
            yield
        finally:
            self._in_use[name] -= 1
            self._tend()

    def _tend(self) -> None:
        """Take out what nothing needs."""
        if self._kept is None:
            return
        for name in [each for each in self._loaded - self._kept if not self._in_use[each]]:
            self._loaded.discard(name)
            task = asyncio.get_running_loop().create_task(self._unload(name))
            self._unloading.add(task)
            task.add_done_callback(self._unloading.discard)

    async def _unload(self, name: str) -> None:
        """A server that does not answer keeps it, which costs memory alone."""
        async with self._loading[name]:
            try:
                await self._client.post(f"{self._url}/unload_lora_adapter", json={"lora_name": name}, timeout=LOAD_S)
            except httpx2.TransportError as error:
                log.warning("adapter %s stays at %s: %s", name[:16], self._url, error)


def _verify(adapter: AdapterRef) -> None:
    """The server takes the folder's word for what is in it."""
    weights = Path(adapter.path) / WEIGHTS
    try:
        sha256 = model_files.sha256_of(weights)
    except OSError as error:
        raise AdapterError(f"{weights} cannot be read: {error.strerror}.") from error
    if sha256 != adapter.sha256:
        raise AdapterError(f"{weights} is not what was registered: its sha256 is {sha256[:16]}….")
