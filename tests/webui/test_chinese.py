"""The Chinese page is whole: every text of ours is translated, and what is compiled is what stands in the catalogue."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from assistant import errors
from webui.page_texts import PAGE_TEXTS

WEBUI = Path(__file__).parents[2] / "webui"
FOLDER = WEBUI / "locale" / "zh_Hans" / "LC_MESSAGES"
ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
# `makemessages` reads templates through templatize too, which leaves a call for each text.
CALL = re.compile(r"""(?<!\w)(?:_|gettext)\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\)""")


def catalogue() -> dict[str, str]:
    """What stands in the file that people edit, without its heading."""
    text = (FOLDER / "django.po").read_text(encoding="utf-8")
    entries = {_joined(source): _joined(target) for source, target in ENTRY.findall(text)}
    del entries[""]
    return entries


def texts_of(template: Path) -> set[str]:
    return {ast.literal_eval(found) for found in CALL.findall(templatize(template.read_text(encoding="utf-8")))}


def texts_of_script() -> set[str]:
    with translation.override("en"):
        return {str(text) for text in PAGE_TEXTS.values()}


def texts_of_errors() -> set[str]:
    return {sentence for sentence, _, _ in errors.TABLE.values()}


def texts_of_code() -> set[str]:
    """What the pages' Python says: the constant arguments of gettext and its kin."""
    found = set()
    for file in [*WEBUI.rglob("*.py"), *(WEBUI.parent / "assistant").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_gettext = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "gettext", "gettext_lazy")
            if is_gettext and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


TEMPLATES = [path for path in WEBUI.glob("templates/**/*.html") if texts_of(path)]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_page_is_translated(template: Path) -> None:
    assert {text for text in texts_of(template) if not catalogue().get(text)} == set()


def test_every_text_of_the_script_is_translated() -> None:
    assert {text for text in texts_of_script() if not catalogue().get(text)} == set()


def test_every_text_of_the_code_is_translated() -> None:
    assert {text for text in texts_of_code() if not catalogue().get(text)} == set()


def test_every_error_is_translated() -> None:
    assert {text for text in texts_of_errors() if not catalogue().get(text)} == set()


def test_what_is_to_be_filled_in_is_kept() -> None:
    fields = re.compile(r"\{[\w:]*\}|%\(\w+\)s")

    changed = {text for text, zh in catalogue().items() if sorted(fields.findall(text)) != sorted(fields.findall(zh))}
    assert changed == set()


def test_the_compiled_catalogue_is_the_edited_one() -> None:
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    assert {text: compiled.gettext(text) for text in catalogue()} == catalogue()


def test_the_catalogue_holds_nothing_that_nobody_says() -> None:
    said = texts_of_script().union(texts_of_code(), texts_of_errors(), *map(texts_of, TEMPLATES))

    assert set(catalogue()) - said == set()


def _joined(lines: str) -> str:
    return "".join(ast.literal_eval(line) for line in lines.splitlines())
