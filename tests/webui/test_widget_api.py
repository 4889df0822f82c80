"""What a visitor may ask for: what is theirs. Other visitors of the site, visitors of another site and people who are
signed in find nothing of it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from assistant.chat.actions import Accepted
from assistant.desk import sites, visitors
from assistant.desk.attachments import path_of, store
from assistant.models import Attachment, Case, Conversation, Feedback, Message, Person, Site, Visitor
from tests.assistant.desk import rows
from tests.assistant.desk.test_visitors import signed
from tests.webui.addresses import ADDRESSES
from tests.webui.visitors import ORIGIN, Frame, shop

pytestmark = pytest.mark.django_db

UUID_FORM = r"[0-9a-f]{8}-[0-9a-f-]{27}"
CALLS: dict[str, Callable[[Frame, Accepted], Any]] = {
    "messages": lambda f, of: f.ask("GET", f"/conversations/{of.conversation_id}/messages"),
    "up from": lambda f, of: f.ask("GET", f"/conversations/{of.conversation_id}/messages?leaf_id={of.message_id}"),
    "after": lambda f, of: f.ask("GET", f"/conversations/{of.conversation_id}/messages?after={of.message_id}"),
    "around": lambda f, of: f.ask("GET", f"/conversations/{of.conversation_id}/messages?around={of.message_id}"),
    "read": lambda f, of: f.ask("PUT", f"/conversations/{of.conversation_id}/read"),
    "person": lambda f, of: f.ask("POST", f"/conversations/{of.conversation_id}/person"),
    "end": lambda f, of: f.ask("POST", f"/conversations/{of.conversation_id}/end"),
    "rate": lambda f, of: f.ask("PUT", f"/conversations/{of.conversation_id}/satisfaction", {"score": 1}),
    "mail": lambda f, of: f.ask("POST", f"/conversations/{of.conversation_id}/transcript", {"email": "m@example.org"}),
    "thumb": lambda f, of: f.ask("PUT", f"/messages/{of.reply_id}/feedback", {"rating": "down"}),
    "thumb back": lambda f, of: f.ask("DELETE", f"/messages/{of.reply_id}/feedback"),
    "life": lambda f, of: f.ask("GET", f"/messages/{of.reply_id}/feedback/life"),
    "upload": lambda f, of: upload(f, of, b"Mine"),
    "file": lambda f, of: f.ask(
        "GET", f"/attachments/{Attachment.objects.filter(conversation=of.conversation_id).first().pk}"
    ),
}


@pytest.fixture
def site() -> Site:
    return shop(asks_training_consent=True)


@pytest.fixture
def frame(site: Site) -> Frame:
    return Frame(site)


@pytest.fixture
def said(frame: Frame) -> Accepted:
    """A question with an answer, a thumb and a file."""
    assert frame.visitor
    accepted = rows.say(frame.visitor, "Where is my hidden order?")
    rows.answered(accepted.generation_id)
    frame.ask("PUT", f"/messages/{accepted.reply_id}/feedback", {"rating": "up"})
    upload(frame, accepted, b"hidden words")
    return accepted


def upload(frame: Frame, of: Accepted, data: bytes, name: str = "log.txt") -> Any:
    body = {"conversation_id": str(of.conversation_id), "file": SimpleUploadedFile(name, data)}
    headers = {"Authorization": f"Bearer {frame.token}"} if frame.token else {}
    return frame.client.post("/api/widget/attachments", body, headers=headers)


def signed_in(site: Site, person: Person, role: str = "user") -> Frame:
    Person.objects.filter(pk=person.pk).update(role=role)
    frame = Frame(site, "")
    frame.client.force_login(person, "django.contrib.auth.backends.ModelBackend")
    return frame


def kept() -> list[Any]:
    models = (Conversation, Message, Case, Feedback, Attachment)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_every_address_that_names_something_is_among_the_calls(frame: Frame, said: Accepted) -> None:
    asked: set[str] = set()
    for call in CALLS.values():
        request = call(frame, said).request
        asked.add(f"{request['REQUEST_METHOD']} {re.sub(UUID_FORM, '{}', request['PATH_INFO'])}")
    named = {re.sub(r"{\w+}", "{}", address) for address in ADDRESSES if " /api/widget/" in address}

    assert {address for address in named if "{" in address} <= asked
    assert "POST /api/widget/attachments" in asked  # it names a conversation in its form


def test_a_file_of_an_agent_is_for_the_visitor_of_the_conversation_alone(
    frame: Frame, said: Accepted, site: Site
) -> None:
    dora, conversation = rows.agent("dora", site.team), Conversation.objects.get(pk=said.conversation_id)
    file = store(dora.id, conversation, "plan.txt", b"hidden plan")
    visitors_all = {"hers": frame, "another": Frame(site), "of another site": Frame(shop("Other"))}
    not_sent = {name: each.ask("GET", f"/attachments/{file.pk}").status_code for name, each in visitors_all.items()}
    rows.reply(dora, said.conversation_id, attachment_ids=[file.pk])
    sent = {name: each.ask("GET", f"/attachments/{file.pk}").status_code for name, each in visitors_all.items()}

    assert set(not_sent.values()) == {404}
    assert sent == {"hers": 200, "another": 404, "of another site": 404}
    told = frame.ask("GET", "/visit").json()["page"]["items"][-1]
    assert [file["name"] for file in told["attachments"]] == ["plan.txt"]


def test_a_visitor_finds_their_conversation_again(frame: Frame, said: Accepted) -> None:
    visit = frame.ask("GET", "/visit").json()

    assert [item["role"] for item in visit["page"]["items"]] == ["user", "assistant"]
    assert visit["page"]["conversation"]["mode"] == "assistant"
    assert "hidden" in visit["page"]["items"][0]["text"]


OTHERS = ["another visitor", "visitor of another site", "nobody", "a made-up token", "an agent", "an administrator"]


@pytest.mark.parametrize("who", OTHERS)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_others_find_nothing_and_change_nothing(
    call: Callable[[Frame, Accepted], Any], who: str, site: Site, said: Accepted
) -> None:
    other = {
        "another visitor": lambda: Frame(site),
        "visitor of another site": lambda: Frame(shop("Other")),
        "nobody": lambda: Frame(site, ""),
        "a made-up token": lambda: Frame(site, "made-up"),
        # A session opens nothing here, whose ever it is.
        "an agent": lambda: signed_in(site, rows.agent("dora", site.team)),
        "an administrator": lambda: signed_in(site, rows.agent("ada"), role="admin"),
    }[who]()
    before = kept()

    answer = call(other, said)

    assert answer.status_code == (404 if "visitor" in who else 401)
    assert b"hidden" not in answer.content
    assert kept() == before
    assert mail.outbox == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_visitor_herself_is_let_in(call: Callable[[Frame, Accepted], Any], frame: Frame, said: Accepted) -> None:
    assert call(frame, said).status_code in (200, 204)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_where_identity_is_demanded_every_call_of_an_unsigned_visitor_is_refused(
    call: Callable[[Frame, Accepted], Any], frame: Frame, said: Accepted, site: Site
) -> None:
    sites.update(site.id, by=None, is_identity_required=True)
    before = kept()

    answer = call(frame, said)

    assert (answer.status_code, answer.json()["code"]) == (403, "visitor.identity_required")
    assert kept() == before


@pytest.mark.parametrize("headers", [{"Origin": ORIGIN}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("call", [("POST", "/visitors"), ("GET", "/visit"), ("PUT", "/visit")])
def test_a_page_elsewhere_calls_for_nobody(frame: Frame, call: tuple[str, str], headers: dict[str, str]) -> None:
    body = {"site_id": str(frame.site.id), "origin": ORIGIN}
    count = Visitor.objects.count()

    answer = frame.ask(call[0], call[1], None if call[0] == "GET" else body, **headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "request.forged")
    assert Visitor.objects.count() == count


def test_a_session_of_somebody_who_is_signed_in_opens_nothing(alice: Person, said: Accepted) -> None:
    client = Client()
    client.force_login(alice, "django.contrib.auth.backends.ModelBackend")

    assert client.get("/api/widget/visit").status_code == 401


def test_a_token_opens_nothing_of_the_chat_page(frame: Frame, said: Accepted) -> None:
    for path in (f"/api/conversations/{said.conversation_id}/messages", "/api/conversations", "/api/search?q=hidden"):
        assert Client().get(path, headers={"Authorization": f"Bearer {frame.token}"}).status_code == 401


def test_a_form_cannot_be_sent_in_the_place_of_json(frame: Frame) -> None:
    answer = Client().put(
        "/api/widget/visit",
        "fields=x",
        content_type="text/plain",
        headers={"Authorization": f"Bearer {frame.token}"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")


def test_nobody_becomes_a_visitor_and_a_signed_one(site: Site) -> None:
    nobody = Frame(site, "")
    where = {"site_id": str(site.id), "origin": ORIGIN}

    opened = nobody.ask("POST", "/visitors", where).json()
    frame = Frame(site, opened["token"])
    known = frame.ask("POST", "/identity", {**where, "identity": signed(site, name="Alice")}).json()

    assert known["person_id"] == opened["person_id"]
    assert frame.ask("GET", "/visit").status_code == 401
    visit = Frame(site, known["token"]).ask("GET", "/visit").json()
    assert (visit["name"], visit["is_identified"]) == ("Alice", True)


def test_a_page_that_is_not_the_sites_makes_no_visitor(site: Site) -> None:
    for path, more in (("/visitors", {}), ("/identity", {"identity": signed(site)})):
        where = {"site_id": str(site.id), "origin": "https://evil.example", **more}
        assert Frame(site, "").ask("POST", path, where).json()["code"] == "visitor.origin_refused"


def test_too_many_new_visitors_from_one_address_are_refused(site: Site, settings: Any) -> None:
    settings.LIMITS, settings.GUESTS_PER_HOUR = True, 2
    where = {"site_id": str(site.id), "origin": ORIGIN}

    answers = [Frame(site, "").ask("POST", "/visitors", where) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "Try again in" in answers[-1].json()["message"]


def test_what_visitors_say_of_themselves_is_kept_beside_what_was_signed(site: Site) -> None:
    sites.update(site.id, by=None, pre_chat=[{"name": "email", "is_required": True}, {"name": "order"}])
    frame = Frame(site)

    missing = frame.ask("PUT", "/visit", {"fields": {"email": " "}})
    wrong = frame.ask("PUT", "/visit", {"fields": {"email": "nobody"}})
    said = {"email": "v@example.org", "order": "17", "admin": "yes"}
    frame.ask("PUT", "/visit", {"fields": said, "may_train": True, "locale": "en"})

    assert [missing.json()["code"], wrong.json()["code"]] == ["visitor.field_missing", "visitor.invalid_email"]
    visitor = Visitor.objects.select_related("person").get(pk=frame.visitor.pk)  # type: ignore[union-attr]
    assert (visitor.email, visitor.fields, visitor.locale) == ("v@example.org", {"order": "17"}, "en")
    assert visitor.person.training_consent_at is not None
    known, token = visitors.identify(site, signed(site, email="signed@example.org"), frame.token)
    Frame(site, token).ask("PUT", "/visit", {"fields": {"email": "typed@example.org"}})
    known.refresh_from_db()
    assert known.email == "signed@example.org"


def test_consent_is_taken_only_where_the_site_asks_for_it() -> None:
    frame = Frame(shop("Quiet"))

    frame.ask("PUT", "/visit", {"may_train": True})

    assert Person.objects.get(pk=frame.visitor.pk).training_consent_at is None  # type: ignore[union-attr]


def test_a_conversation_comes_by_mail_as_plain_text(frame: Frame, said: Accepted) -> None:
    frame.ask("POST", f"/conversations/{said.conversation_id}/transcript", {"email": "v@example.org"})

    [message] = mail.outbox
    assert message.to == ["v@example.org"]
    assert "Where is my hidden order?" in str(message.body)
    assert "It comes tomorrow." in str(message.body)
    assert message.content_subtype == "plain"


def test_nobody_is_mailed_without_end(frame: Frame, said: Accepted, settings: Any) -> None:
    settings.LIMITS = True
    path = f"/conversations/{said.conversation_id}/transcript"

    codes = [frame.ask("POST", path, {"email": "victim@example.org"}).status_code for _ in range(6)]

    assert codes == [204] * 5 + [429]


def picture(form: str = "PNG", size: tuple[int, int] = (40, 30), **more: Any) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, "red").save(data, form, **more)
    return data.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_known_by_its_content_and_drawn_anew(frame: Frame, said: Accepted, form: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    sent = picture(form, **({} if form == "GIF" else {"exif": exif})) + b"<script>alert(1)</script>"

    answer = upload(frame, said, sent, "evil.html")

    assert answer.status_code == 200
    row = Attachment.objects.get(pk=answer.json()["id"])
    assert row.media_type == {"GIF": "image/png"}.get(form, f"image/{form.lower()}")
    assert row.name.startswith("evil.")
    assert not row.name.endswith("html")
    stored = path_of(row.pk).read_bytes()
    assert b"script" not in stored
    assert b"secret place" not in stored
    assert Image.open(io.BytesIO(stored)).size == (40, 30)


@pytest.mark.parametrize(
    "data",
    [b"<svg xmlns='x'/>\x00", b"%PDF-1.7\n\xff\xfe", b"PK\x03\x04\xff", b"\x89PNG\r\n\x1a\nbroken", b"", b" "],
)
def test_what_is_neither_picture_nor_text_is_refused(frame: Frame, said: Accepted, data: bytes) -> None:
    answer = upload(frame, said, data)

    assert (answer.status_code, answer.json()["code"]) == (400, "attachment.not_taken")
    assert Attachment.objects.count() == 1  # the one of `said`


def test_a_small_file_that_is_a_vast_picture_is_refused(frame: Frame, said: Accepted) -> None:
    data = picture(size=(9000, 9000))
    assert len(data) < 1_000_000

    assert upload(frame, said, data).json()["code"] == "attachment.not_taken"


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [
        ("../../etc/passwd", "passwd.txt"),
        ("photo\u202egpj.exe", "photogpj.txt"),
        ("", "file.txt"),
        ("a\r\nb.log", "ab.txt"),
    ],
)
def test_a_name_is_only_what_people_call_it(frame: Frame, said: Accepted, name: str, kept_as: str) -> None:
    row = store(frame.visitor.pk, Conversation.objects.get(pk=said.conversation_id), name, b"text")  # type: ignore[union-attr]

    assert row.name == kept_as


def test_a_file_is_handed_out_as_a_download_and_never_as_a_page(frame: Frame, said: Accepted) -> None:
    row = Attachment.objects.get()

    answer = frame.ask("GET", f"/attachments/{row.pk}")

    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.django_db(transaction=True)
def test_a_file_goes_with_its_conversation(frame: Frame, said: Accepted) -> None:
    path = path_of(Attachment.objects.get().pk)
    assert path.exists()

    Conversation.objects.filter(pk=said.conversation_id).delete()

    assert not path.exists()


def test_a_message_takes_its_files_along(frame: Frame, said: Accepted) -> None:
    assert frame.visitor
    row = Attachment.objects.get()
    rows.say(frame.visitor, "See this", said.conversation_id, attachment_ids=[row.pk])

    items = frame.ask("GET", "/visit").json()["page"]["items"]

    assert [len(item["attachments"]) for item in items[:3]] == [0, 0, 1]
    assert items[2]["attachments"][0]["name"] == "log.txt"
