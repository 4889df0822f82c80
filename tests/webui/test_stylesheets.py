"""Stylesheets: many files for those who write them, one for a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client

from webui.storage import bare, joined


def test_a_browser_gets_a_stylesheet_with_all_that_it_imports() -> None:
    answer = Client().get(staticfiles_storage.url("webui/css/chat.css"))
    text = b"".join(answer).decode()

    for name in ("app", "sidebar", "composer", "finding"):
        assert bare(Path(f"webui/static/webui/css/{name}.css").read_text(encoding="utf-8")) in text
    assert "@import" not in text


def test_comments_and_what_lines_are_moved_in_by_stay_here() -> None:
    sheet = '/* Why. */\na {\n  content: " * ";\n\n  /* And\n     why. */\n  color: red;\n}\n\nb {}\n'

    assert bare(sheet) == 'a {\ncontent: " * ";\ncolor: red;\n}\nb {}\n'


def test_what_is_imported_in_turn_is_joined_too() -> None:
    assert "--" in joined("webui/css/common.css")


def test_a_stylesheet_that_is_not_there_is_named(tmp_path: Path, settings) -> None:
    (tmp_path / "page.css").write_text('@import "nowhere.css";\n')
    settings.STATICFILES_DIRS = [tmp_path]

    with pytest.raises(FileNotFoundError, match=r"nowhere\.css"):
        joined("page.css")
