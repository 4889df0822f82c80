"""A conversation as Markdown for reading. Every text in it is hostile: whatever it says, it cannot pass for a heading
of ours, runs no HTML and loads no picture when the file is opened by a CommonMark reader (see docs/data.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from django.utils.translation import gettext

from assistant.chat.models import Message

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$")
# A heading, also one inside quotes and lists; and the lines that make a heading of the one above.
_HEADING = re.compile(r"^([\s>*+\-\d.)]*)(#{1,6})(?=\s|$)")
_UNDERLINE = re.compile(r"^([\s>]*)([=-])(?=[=\s-]*$)")
# A link or a definition may lead to the web or to an address; anything else is shown as it was written.
_LINK = re.compile(r"\](?=[(:](?!\s*(?:https?://|mailto:)))", re.IGNORECASE)


def conversation(title: str, path: list[Message]) -> Iterator[str]:
    """The visible path, piece by piece."""
    yield f"# {_one_line(title) or gettext('New chat')}\n"
    speakers = {
        Message.Role.USER: gettext("You"),
        Message.Role.ASSISTANT: "Parley",
        Message.Role.AGENT: gettext("Support"),
    }
    for message in path:
        if message.text and message.role in speakers:
            yield f"\n## {speakers[Message.Role(message.role)]} · {_time(message.created_at)}\n\n"
            yield escaped(message.text)


def escaped(text: str) -> str:
    """A message that stays Markdown but cannot leave its place: code goes into fences of ours, at the margin, where no
    list or quotation that the text left open can reach; outside of code no tag, picture or script link survives."""
    text = re.sub(r"\r\n?", "\n", text)  # a model may write what ends a line for the reader alone
    return "\n".join(_code(*part) if isinstance(part, tuple) else _prose(part) for part in _parts(text)) + "\n"


def _parts(text: str) -> Iterator[str | tuple[str, str]]:
    """Prose, and (info, code) of each fence, in turn; a fence left open ends with the text."""
    lines: list[str] = []
    fence = info = ""
    for line in text.split("\n"):
        if fence:
            if re.fullmatch(rf" {{0,3}}{fence[0]}{{{len(fence)},}}\s*", line):
                yield info, "\n".join(lines)
                lines, fence = [], ""
            else:
                lines.append(line)
        elif opening := _FENCE.match(line):
            yield "\n".join(lines)
            lines, fence, info = [], opening[1], opening[2]
        else:
            lines.append(line)
    yield (info, "\n".join(lines)) if fence else "\n".join(lines)


def _code(info: str, code: str) -> str:
    language = re.sub(r"[^\w+#.-]", "", info.strip().split(" ")[0])[:30]
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}{language}\n{code}\n{fence}\n"


def _prose(text: str) -> str:
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    text = text.replace("![", r"!\[")
    text = _LINK.sub(r"\\]", text)
    return "\n".join(_no_heading(line) for line in text.split("\n"))


def _no_heading(line: str) -> str:
    line = _HEADING.sub(lambda found: f"{found[1]}{'#' * min(6, len(found[2]) + 2)}", line)
    return _UNDERLINE.sub(r"\1\\\2", line)


def _one_line(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#&!|~$])", r"\\\1", " ".join(text.split()))


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
