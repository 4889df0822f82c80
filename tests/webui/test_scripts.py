"""Scripts go out without what only we read of them, and say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webui.storage import without_comments

STATIC = Path("webui/static/webui")
SCRIPTS = [*sorted(STATIC.glob("js/*.js")), *sorted(STATIC.glob("widget/*.js"))]


def test_comments_go_and_nothing_else() -> None:
    script = """// @ts-check
/** Says hello. */
const place = "https://example.org"; // goes, behind code as well
/**
 * @param {string} name
 */
export function greet(name) {
  const element = /** @type {HTMLElement} */ (find(name));
  return `${element} // is text */ here`;
}
"""
    assert without_comments(script).splitlines() == [
        "",
        "",
        'const place = "https://example.org";',
        "",
        "",
        "",
        "export function greet(name) {",
        "const element = (find(name));",
        "return `${element} // is text */ here`;",
        "}",
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_line_keeps_its_number_and_what_is_exported_stays(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    sent = without_comments(text)

    assert sent.count("\n") == text.count("\n")
    exported = re.compile(r"^export (?:async )?(?:const|class|function) \w+", re.MULTILINE)
    assert exported.findall(sent) == exported.findall(text)
    assert "/**" not in sent
