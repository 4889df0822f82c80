"""What became of feedback: where one piece stands, and what has not been told yet."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from assistant.outcomes.life import life_of
from assistant.outcomes.news import news_of
from webui.api.core import person_of
from webui.outcomes import notice_of, sentence_of

router = Router()


class LifeOut(Schema):
    """`text` is the stage as a sentence."""

    stage: str
    text: str


class NewsOut(Schema):
    text: str | None


@router.get("/messages/{uuid:message_id}/feedback/life", response=LifeOut)
def read_life(request: HttpRequest, message_id: UUID) -> LifeOut:
    life = life_of(person_of(request).id, message_id)
    return LifeOut(stage=life.stage, text=sentence_of(life))


@router.get("/me/feedback/news", response=NewsOut)
def read_news(request: HttpRequest) -> NewsOut:
    news = news_of(person_of(request))
    return NewsOut(text=notice_of(news) if news else None)
