"""Static files as they are handed out: compressed, named by their content, each stylesheet whole, scripts and
stylesheets without what is written for those who read them here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import brotli
from django.contrib.staticfiles.finders import find
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Comments that have their lines to themselves or stand behind code, types of parameters and casts, and what a line is
# moved in by. Our own scripts have no line within a text that begins or, without a quotation mark, ends so.
COMMENT = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*$", re.MULTILINE)
REMARK = re.compile(
    r"^[ \t]*//.*$|(?<=[;{},)]) // [^\"'`\n]*$|/\*\* @(?:type|param|template|returns) [^\n]*?\*/ ?|^[ \t]+",
    re.MULTILINE,
)
CSS_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*\*/")
HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")
LARGE = 100_000
IMPORT = re.compile(r'^@import "([\w.]+)";$', re.MULTILINE)


class Packer(Compressor):
    """Brotli at its best takes half a second for a quarter of a megabyte. Large files are rare on pages and packed with
    less effort, so that a start does not wait for them."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        packed: bytes = brotli.compress(data, quality=11 if len(data) <= LARGE else 9)
        return packed


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Puts what a stylesheet of ours imports (`@import "name.css";`, a line of its own) in the place of the import, so
    that a page asks once where its source is many files; and leaves out what only we read."""

    def create_compressor(self, **options: Any) -> Compressor:
        return Packer(**options)

    def compress_files(self, paths: list[str]) -> Iterator[Any]:
        """Only those that pages name."""
        yield from super().compress_files([path for path in paths if HASHED.search(path)])

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        for name in [] if dry_run else list(paths):
            if name.startswith(("webui/js/", "webui/widget/")) and name.endswith(".js"):
                script = Path(self.path(name))
                script.write_text(without_comments(script.read_text(encoding="utf-8")), encoding="utf-8")
                paths[name] = self, name  # from here on this is its source
            if name.startswith("webui/") and name.endswith(".css"):
                Path(self.path(name)).write_text(bare(joined(name)), encoding="utf-8")
                paths[name] = self, name
        yield from super().post_process(paths, dry_run=dry_run, **options)


def without_comments(script: str) -> str:
    """The same program. Each line keeps its number, by which browsers name faults."""
    return REMARK.sub("", COMMENT.sub(lambda found: "\n" * found[0].count("\n"), script))


def bare(stylesheet: str) -> str:
    """The same styles without comments, empty lines and what lines are moved in by."""
    lines = (line.strip() for line in CSS_COMMENT.sub("", stylesheet).splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def joined(name: str) -> str:
    """The text of a stylesheet with what it imports. Raises FileNotFoundError for what is not there."""
    source = find(name)
    if source is None:
        raise FileNotFoundError(f"The stylesheet {name} does not exist, or is imported under a wrong name.")
    text = Path(source).read_text(encoding="utf-8")
    return IMPORT.sub(lambda line: joined(str(PurePosixPath(name).with_name(line[1]))), text)
