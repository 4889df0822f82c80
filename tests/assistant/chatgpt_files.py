"""Builds exports as ChatGPT makes them, with the fields of a real one that matter here and some that do not."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

BEGUN_AT = 1_700_000_000.25


def node(key: str, parent: str | None, role: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    message = {
        "id": key,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": BEGUN_AT + 1,
        "update_time": None,
        "content": {"content_type": fields.pop("content_type", "text"), "parts": list(parts)},
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {"model_slug": "gpt-4o"},
        "recipient": "all",
        "channel": None,
    }
    return {"id": key, "parent": parent, "children": [], "message": message | fields}


ROOT: dict[str, Any] = {"id": "client-created-root", "parent": None, "children": [], "message": None}


def conversation(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Nodes without a parent hang below the empty root that every export has; children are filled in."""
    mapping = {each["id"]: dict(each, children=[]) for each in (ROOT, *nodes)}
    for each in mapping.values():
        if each["parent"] is None and each["id"] != ROOT["id"]:
            each["parent"] = ROOT["id"]
        if each["parent"] in mapping:
            mapping[each["parent"]]["children"].append(each["id"])
    return {
        "title": "Tides",
        "create_time": BEGUN_AT,
        "update_time": BEGUN_AT + 60,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": nodes[-1]["id"] if nodes else ROOT["id"],
        "conversation_id": "0d5b",
        "is_archived": False,
        **fields,
    }


def file_of(*conversations: Any) -> io.BytesIO:
    return io.BytesIO(json.dumps(list(conversations)).encode())


def zip_of(compression: int = zipfile.ZIP_DEFLATED, **members: bytes) -> io.BytesIO:
    """`conversations_json=b"…"` becomes the member conversations.json."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_json", ".json").replace("__", "/"), data)
    return file
