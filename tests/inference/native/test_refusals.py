"""Whatever comes in, the kernel answers with a sentence and goes on; what it cannot run another backend can."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inference.serving.native import NativeUnavailable, build, verification
from inference.serving.native.backend import NativeBackend
from tests.inference.native.conftest import MakeModel, Open, read, tokens


@pytest.mark.parametrize(
    ("rows", "outputs", "reason"),
    [
        ([(421, 0, 0)], [0], "no token 421"),
        ([(-1, 0, 0)], [0], "no token -1"),
        ([(1, 8, 0)], [0], "no slot 8"),
        ([(1, -1, 0)], [0], "no slot -1"),
        ([(1, 0, -1)], [0], "no page for position -1"),
        ([(1, 0, 32)], [0], "no page for position 32"),
        ([(1, 1, 0)], [0], "no page for position 0"),
        ([(1, 2, 256)], [0], "no page for position 256"),
        ([(1, 0, 1), (1, 0, 0)], [0], "in the order of their positions"),
        ([(1, 0, 1), (1, 0, 1)], [0], "in the order of their positions"),
        ([(1, 0, 0)], [1], "no row 1"),
        ([(1, 0, 0)], [-1], "no row -1"),
    ],
)
def test_indices_that_do_not_fit_are_refused_and_nothing_is_written(
    make_model: MakeModel, open_backend: Open, rows: list[tuple[int, int, int]], outputs: list[int], reason: str
) -> None:
    backend = open_backend(make_model())
    backend.set_pages(0, [0, 1])
    backend.set_pages(2, range(17))  # more than the model reads
    good = [(token, 0, position) for position, token in enumerate(tokens(5))]
    before = read(backend, good, [4])
    with pytest.raises(ValueError, match=reason):
        read(backend, rows, outputs)
    assert torch.equal(read(backend, [(good[4][0], 0, 4)], [0]), before)


def test_tables_and_arrays_that_do_not_fit_are_refused(make_model: MakeModel, open_backend: Open) -> None:
    backend = open_backend(make_model())
    for slot, pages in ((8, [0]), (-1, [0]), (0, [32]), (0, [-1])):
        with pytest.raises(ValueError, match="no such"):
            backend.set_pages(slot, pages)
    one = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="equally many"):
        backend.forward(one, one, one, np.zeros(2, np.int32), one)
    with pytest.raises(ValueError, match="int32"):
        backend.forward(one, one.astype(np.int64), one, one, one)
    with pytest.raises(ValueError, match="no tokens"):
        backend.forward(one[:0], one[:0], one[:0], one[:0], one[:0])
    with pytest.raises(ValueError, match="must be pages"):
        backend.reserve(0, 1)
    with pytest.raises(ValueError, match="memory"):
        backend.reserve(2**31 - 1, 1)


def test_a_second_thread_is_refused_and_not_answered_wrongly(make_model: MakeModel, open_backend: Open) -> None:
    backend = open_backend(make_model())
    backend.set_pages(0, range(16))
    rows = [(token, 0, position) for position, token in enumerate(tokens(250))]
    expected = read(backend, rows, [249])
    refused: list[str] = []

    def go_on() -> None:
        for _ in range(30):
            try:
                assert torch.equal(read(backend, rows, [249]), expected)
            except ValueError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(refused) <= {"Another thread is using the model."}
    assert torch.equal(read(backend, rows, [249]), expected)


def test_a_closed_model_says_so(make_model: MakeModel, open_backend: Open) -> None:
    backend = open_backend(make_model())
    backend.close()
    backend.close()
    with pytest.raises(ValueError, match="has been closed"):
        read(backend, [(1, 0, 0)], [0])


def changed(model: Path, folder: Path, **config: Any) -> Path:
    shutil.copytree(model, folder, dirs_exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return folder


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "gpt2"}, "llama"),
        ({"attention_bias": True}, "without biases"),
        ({"hidden_act": "gelu"}, "llama"),
        ({"head_dim": 24}, "size of a head"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "tells positions apart"),
        ({"intermediate_size": 128}, "has the shape"),
        ({"num_hidden_layers": 3}, "there is no model.layers.2"),
    ],
)
def test_models_that_it_does_not_know_are_left_to_others(
    make_model: MakeModel, empty: Path, tmp_path: Path, config: dict[str, Any], reason: str
) -> None:
    model = changed(make_model(), tmp_path / "model", **config)
    with pytest.raises(NativeUnavailable, match=reason):
        NativeBackend(model, 1, folder=empty)


def test_weights_that_are_cut_short_are_refused(make_model: MakeModel, empty: Path, tmp_path: Path) -> None:
    model = changed(make_model(), tmp_path / "model")
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(NativeUnavailable, match="damaged"):
        NativeBackend(model, 1, folder=empty)


@pytest.mark.parametrize("left", [0, 10, 5000, -1])
def test_packed_weights_that_are_cut_short_are_packed_anew(
    make_model: MakeModel, empty: Path, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    NativeBackend(make_model(), 1, folder=empty).close()
    (packed,) = empty.glob("weights-*")
    whole = packed.read_bytes()
    packed.write_bytes(whole[:left])
    NativeBackend(make_model(), 1, folder=empty).close()
    assert "is packed anew" in caplog.text
    assert packed.read_bytes() == whole


def test_a_kernel_that_is_wrong_is_not_used(
    make_model: MakeModel, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "_asked", lambda *_: (np.arange(20, dtype=np.int32), np.eye(8, 421) * 9))
    with pytest.raises(NativeUnavailable, match="differs from the network"):
        NativeBackend(make_model(), 1, folder=empty)


def test_code_that_came_with_a_model_is_never_run(make_model: MakeModel, kept: Path, tmp_path: Path) -> None:
    model = changed(make_model(), tmp_path / "model")
    planted = model / "native" / build.library(kept).name
    planted.parent.mkdir()
    planted.write_bytes(b"whatever its maker wants")
    NativeBackend(model, 1).close()


def test_without_a_compiler_a_sentence_says_so(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(NativeUnavailable, match="no C\\+\\+ compiler"):
        NativeBackend(make_model(), 1, folder=tmp_path)


def test_a_compiler_that_fails_is_quoted(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXXFLAGS", "-std=c++11")
    with pytest.raises(NativeUnavailable, match=r"could not compile the kernel: .*error"):
        NativeBackend(make_model(), 1, folder=tmp_path)
    assert not list(tmp_path.glob("kernel-*"))


def test_a_processor_without_the_instructions_is_left_to_others(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "aarch64")
    with pytest.raises(NativeUnavailable, match="lacks the instructions"):
        NativeBackend(make_model(), 1, folder=tmp_path)
