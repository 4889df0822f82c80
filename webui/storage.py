"""Static files as they are handed out: compressed, named by their content, each stylesheet whole, scripts without what
is written for those who read them here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from django.contrib.staticfiles.finders import find
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Comments that have their lines to themselves, types of parameters and casts, and what a line is moved in by. Our own
# scripts have no line within a text that begins so.
COMMENT = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*$", re.MULTILINE)
REMARK = re.compile(r"^[ \t]*//.*$|/\*\* @(?:type|param|template|returns) [^\n]*?\*/ ?|^[ \t]+", re.MULTILINE)
IMPORT = re.compile(r'^@import "([\w.]+)";$', re.MULTILINE)


class StaticFiles(CompressedManifestStaticFilesStorage):
    """Puts what a stylesheet of ours imports (`@import "name.css";`, a line of its own) in the place of the import, so
    that a page asks once where its source is many files; and leaves out of our scripts what only we read."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        for name in [] if dry_run else list(paths):
            if name.startswith(("webui/js/", "webui/widget/")) and name.endswith(".js"):
                script = Path(self.path(name))
                script.write_text(without_comments(script.read_text(encoding="utf-8")), encoding="utf-8")
            if name.startswith("webui/") and name.endswith(".css"):
                Path(self.path(name)).write_text(joined(name), encoding="utf-8")
                paths[name] = self, name  # from here on this is its source
        yield from super().post_process(paths, dry_run=dry_run, **options)


def without_comments(script: str) -> str:
    """The same program. Each line keeps its number, by which browsers name faults."""
    return REMARK.sub("", COMMENT.sub(lambda found: "\n" * found[0].count("\n"), script))


def joined(name: str) -> str:
    """The text of a stylesheet with what it imports. Raises FileNotFoundError for what is not there."""
    source = find(name)
    if source is None:
        raise FileNotFoundError(f"The stylesheet {name} does not exist, or is imported under a wrong name.")
    text = Path(source).read_text(encoding="utf-8")
    return IMPORT.sub(lambda line: joined(str(PurePosixPath(name).with_name(line[1]))), text)
