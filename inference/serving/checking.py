"""Computes what is stored beside an adapter from elsewhere: python -m inference.serving.checking --adapter FOLDER …

Prints the file (inference/self_check.py); where the adapter cannot be used a sentence, and exits with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch

from inference import pretrained, self_check
from inference.chat_template import ChatTemplate
from inference.contract import AdapterError, AdapterRef, EngineConfig
from inference.serving.adapters import WEIGHTS, Adapters
from inference.serving.scratch import SCRATCH_PAGES, Scratch
from inference.serving.torch_backend import TorchBackend


@torch.inference_mode()
def self_check_of(config: EngineConfig, folder: Path) -> bytes:
    """Raises OSError or ValueError for the model and AdapterError for the adapter, with a sentence."""
    model_folder = pretrained.local_folder(config.model)
    backend = TorchBackend(model_folder, config.dtype)
    backend.reserve(SCRATCH_PAGES, 1)
    scratch = Scratch(backend, 0, 0)
    ref = AdapterRef(hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(), str(folder))
    index = Adapters(backend).load(ref, ())
    token_ids = ChatTemplate(pretrained.load_tokenizer(model_folder)).encode(self_check.PROMPT)
    adapted, base = scratch.last_logits(token_ids, index), scratch.last_logits(token_ids)
    return self_check.written(self_check.measured(token_ids, adapted, base, backend.dtype))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--adapter", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        check = self_check_of(EngineConfig(arguments.model, dtype=arguments.dtype), arguments.adapter)
    except (AdapterError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.write(check.decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
