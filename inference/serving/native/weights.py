"""A model's weights as the kernel takes them, in one file that is made once.

    tensors, each at a multiple of 64 bytes | index, JSON | length of the index, uint64 | "parley-5"

A file that is cut short lacks its end, and is made anew.
Processes that map the same file share its memory.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from inference import pretrained
from inference.serving import packages
from inference.serving.native import NativeUnavailable, quantising
from inference.serving.native.network import LANES, Network

log = logging.getLogger(__name__)

MAGIC = b"parley-5"
END = 8 + len(MAGIC)
# One token of so many is common: vocabularies have those first that were found to be (byte pair encoding merges what is
# frequent first). Of the bundled model's these are nine in ten of all that are written.
COMMON = 6
TOKENS = 256  # that tell what the head multiplies


@dataclass(frozen=True)
class Tensor:
    """`bits` 32: a vector of `inputs` float32; 4 and 8: a matrix [outputs, inputs] in panels. Of the rare tokens, which
    stand behind the head's common ones, there are singles (singles.h) and rough panels (head.cpp)."""

    bits: int
    outputs: int
    inputs: int
    offset: int
    kind: Literal["panels", "singles", "rough"] = "panels"


@dataclass(frozen=True)
class Weights:
    data: NDArray[np.uint8]
    tensors: list[Tensor]

    @property
    def form(self) -> str:
        """What the matrices are kept in, as GGUF calls it."""
        names = {4: "q4_1", 8: "q8_0"}
        found = {each.bits for each in self.tensors if each.kind != "rough"} - {32}
        return "/".join(names[bits] for bits in sorted(found))


def load(model: Path, network: Network, folder: Path, sha256: str) -> Weights:
    """The packed weights of `model`, which have the hash `sha256`, from `folder`; made there if they are not.

    Raises NativeUnavailable with a sentence.
    """
    path = folder / f"weights-{sha256[:16]}.packed"
    try:
        with packages.locked(folder):
            try:
                return _read(path)
            except FileNotFoundError:
                log.info("Packing the weights for the kernel, once; this takes some seconds.")
            except ValueError as error:
                log.warning("%s is packed anew: %s.", path.name, error)
            _write(path, _packed(model, network))
        return _read(path)
    except (OSError, ValueError) as error:
        raise NativeUnavailable(f"The weights could not be packed: {error}.") from error


def _read(path: Path) -> Weights:
    """Raises ValueError for a file that is not whole, FileNotFoundError where there is none."""
    # Not mapped: every step reads all of it, and files have no huge pages, with which a step of one row took an eighth
    # less on a virtual machine. (numpy asks for huge pages for large arrays.)
    size = path.stat().st_size
    room = np.empty(size + quantising.ALIGNMENT, np.uint8)
    first = -room.ctypes.data % quantising.ALIGNMENT
    data = room[first : first + size]
    with path.open("rb") as file:
        file.readinto(data.data)
    end = data[-END:].tobytes()
    length = int.from_bytes(end[:8], "little")
    if not end.endswith(MAGIC) or length > size - END:
        raise ValueError("it is cut short, or of another version")
    index = json.loads(data[size - END - length : size - END].tobytes())
    return Weights(data, [Tensor(**entry) for entry in index])


def _write(path: Path, packed: Iterator[tuple[Tensor, NDArray[np.uint8]]]) -> None:
    """The whole file or none: it gets its name when all of it is on the disk."""
    index = []
    with packages.workspace(path.parent) as work:
        new = work / path.name
        with new.open("wb") as file:
            for tensor, data in packed:
                index.append({**asdict(tensor), "offset": file.tell()})
                file.write(data.tobytes() + bytes(-data.size % quantising.ALIGNMENT))
            written = json.dumps(index).encode()
            file.write(written + len(written).to_bytes(8, "little") + MAGIC)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


def _packed(model: Path, network: Network) -> Iterator[tuple[Tensor, NDArray[np.uint8]]]:
    """Tensors in the kernel's order. Raises ValueError for weights that are missing, damaged or do not fit."""
    shapes = {f"{name}.weight": (outputs, inputs) for name, (inputs, outputs) in network.linears.items()}
    shapes["model.embed_tokens.weight"] = (network.vocabulary, network.hidden)
    files = _files(model)
    for name in network.tensors:
        if name not in files:
            raise ValueError(f"there is no {name}")
        with safe_open(files[name], framework="pt") as file:
            values = file.get_tensor(name).float().numpy()
        if values.shape != shapes.get(name, (network.hidden,)):
            raise ValueError(f"{name} has the shape {values.shape}")
        if values.ndim == 1:
            yield Tensor(32, 1, values.size, 0), np.ascontiguousarray(values).view(np.uint8)
            continue
        try:
            bits, panels = quantising.packed(values)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        outputs, inputs = values.shape
        common = outputs // COMMON // LANES * LANES
        if name != network.tensors[-1] or bits == 4 or not common:
            yield Tensor(bits, outputs, inputs, 0), panels
            continue
        # The head, whose rare tokens are multiplied in 4 bits first.
        yield Tensor(bits, common, inputs, 0), panels.reshape(-(-outputs // LANES), -1)[: common // LANES].reshape(-1)
        rare = values[common:]
        yield Tensor(bits, len(rare), inputs, 0, "singles"), quantising.singles(rare)
        yield Tensor(4, len(rare), inputs, 0, "rough"), quantising.rough(rare, _squares(model, outputs))


def _squares(model: Path, vocabulary: int) -> NDArray[np.float32]:
    """The mean squares of what the head multiplies, [hidden]: some are a thousand times others, whatever is read, so
    tokens at random do."""
    network = pretrained.load_network(model, torch.float32, torch.device("cpu"))
    token_ids = np.random.default_rng(0).integers(0, vocabulary, min(TOKENS, network.config.max_position_embeddings))
    with torch.inference_mode():
        read: Any = network.base_model(input_ids=torch.from_numpy(token_ids)[None], use_cache=False)
    squares: NDArray[np.float32] = read.last_hidden_state[0].float().square().mean(0).numpy()
    squares[squares == 0] = squares.max() * np.float32(1e-6)  # no weight is of no matter
    return squares


def _files(model: Path) -> dict[str, Path]:
    """Which file each weight stands in."""
    files = {}
    for path in sorted(model.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                files.update(dict.fromkeys(file.keys(), path))
        except SafetensorError as error:
            raise ValueError(f"{path.name} is damaged: {error}") from error
    return files
