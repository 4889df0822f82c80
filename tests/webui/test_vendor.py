"""Other people's JavaScript lies here exactly as the lock says, and nothing else does."""

from __future__ import annotations

import hashlib
import re

from webui import vendoring

FILES = {file["kept"]: file for package in vendoring.LOCK for file in package["files"]}


def test_the_files_are_those_of_the_lock() -> None:
    kept = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendoring.FOLDER.iterdir()}

    assert kept == {name: file["sha256"] for name, file in FILES.items()}


def test_every_package_is_pinned_and_comes_with_its_licence() -> None:
    for package in vendoring.LOCK:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"])
        assert any(file["taken"] == "LICENSE" for file in package["files"])


def test_no_module_names_a_source_map_that_is_not_served() -> None:
    for name in vendoring.modules():
        assert b"sourceMappingURL" not in (vendoring.FOLDER / f"{name}.js").read_bytes()
