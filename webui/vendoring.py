"""Takes other people's JavaScript from npm into static/webui/vendor, exactly as webui/vendor.lock.json pins it.

`make vendor` is for developers; the product serves the committed files and asks no registry. Each package is fetched
at one version, its tarball must have the integrity that npm published, and each file the sha256 that was reviewed.
To take a new version, write its version and integrity (`npm view PACKAGE dist.integrity`) into the lock, run
`make vendor`, read the difference, and write down the sha256 that the refusal names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "static" / "webui" / "vendor"
LOCK: list[dict[str, Any]] = json.loads(Path(__file__).with_name("vendor.lock.json").read_text(encoding="utf-8"))

_SOURCE_MAP = re.compile(rb"^//# sourceMappingURL=.*$\n?", re.MULTILINE)


def modules() -> list[str]:
    """The names by which our modules import them."""
    kept = [Path(file["kept"]) for package in LOCK for file in package["files"]]
    return [path.stem for path in kept if path.suffix == ".js"]


def main() -> None:
    for package in LOCK:
        with tempfile.TemporaryDirectory() as folder:
            tarball = _fetch(f"{package['package']}@{package['version']}", Path(folder))
            _check(package["package"], package["integrity"], _integrity(tarball.read_bytes()))
            with tarfile.open(tarball) as archive:
                for file in package["files"]:
                    member = archive.extractfile(f"package/{file['taken']}")
                    assert member, f"{package['package']} has no file {file['taken']}"
                    content = _as_module(member.read(), file.get("export"))
                    _check(file["kept"], file["sha256"], hashlib.sha256(content).hexdigest())
                    (FOLDER / file["kept"]).write_bytes(content)
                    print(f"{file['kept']}: {package['package']} {package['version']}")


def _fetch(spec: str, folder: Path) -> Path:
    npm = shutil.which("npm") or sys.exit("npm was not found; it comes with Node.js.")
    subprocess.run([npm, "pack", "--silent", spec], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return next(folder.glob("*.tgz"))


def _as_module(content: bytes, exported: str | None) -> bytes:
    """As published, without the address of a source map that we do not serve; what only sets a global (some packages
    publish no minified module) exports it."""
    content = _SOURCE_MAP.sub(b"", content)
    return content + f"\nexport default {exported};\n".encode() if exported else content


def _integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _check(what: str, expected: str, found: str) -> None:
    if found != expected:
        sys.exit(f"{what} is not what webui/vendor.lock.json says: expected {expected or 'nothing'}, found {found}.")


if __name__ == "__main__":
    main()
