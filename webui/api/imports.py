"""Takes in a file with conversations from elsewhere and tells what became of it."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import File, Router, Schema
from ninja.files import UploadedFile

from assistant.portability.actions import ImportReport, import_file
from webui.api.core import person_of

router = Router()


class RefusalOut(Schema):
    title: str
    code: str
    message: str


class ImportOut(Schema):
    imported: int
    already_here: int
    refused_count: int
    refused: list[RefusalOut]
    left_out: dict[str, int]


@router.post("/import", response=ImportOut)
def import_conversations(request: HttpRequest, file: Annotated[UploadedFile, File()]) -> ImportOut:
    assert file.file is not None
    return _told(import_file(person_of(request).id, file.file))


def _told(report: ImportReport) -> ImportOut:
    return ImportOut(
        imported=report.imported,
        already_here=report.already_here,
        refused_count=report.refused_count,
        refused=[
            RefusalOut(title=refusal.title, code=refusal.error.code, message=refusal.error.message)
            for refusal in report.refused
        ],
        left_out=dict(report.left_out),
    )
