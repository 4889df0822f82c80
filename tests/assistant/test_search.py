"""A person finds what they and the assistant said, and nobody finds what is another's, deleted or temporary."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.accounts.actions import adopt_guest
from assistant.chat import folders, organizing
from assistant.chat.actions import Accepted
from assistant.chat.search import index_messages, search
from assistant.chat.search_query import MAX_CHARS
from assistant.errors import AssistantError
from assistant.models import Conversation, Message, Person, SearchText
from assistant.words import normalised
from tests.assistant.rows import finish
from tests.conftest import ask

pytestmark = pytest.mark.django_db


def say(person: Person, text: str, title: str = "Untitled", after: Accepted | None = None) -> Accepted:
    """A message in a conversation whose title does not say the same again."""
    accepted = ask(person, text, conversation_id=after.conversation_id if after else None)
    organizing.organize(person.id, accepted.conversation_id, title=title)
    return accepted


def found(person: Person, text: str) -> list[str]:
    """The texts that were found, whole."""
    messages = Message.objects.in_bulk()
    results = search(person.id, text).items
    return [messages[each.message_id].text if each.message_id else f"# {each.title}" for each in results]


def code_of(person: Person, text: str, cursor: str | None = None) -> str:
    with pytest.raises(AssistantError) as caught:
        search(person.id, text, cursor)
    return caught.value.code


def test_messages_and_titles_are_found_the_newest_first(alice: Person) -> None:
    for text in ("High tide at noon", "A low tide", "Nothing of it"):
        say(alice, text)
    say(alice, "How the sea moves", title="Tides and moons")

    assert found(alice, "tide") == ["# Tides and moons", "A low tide", "High tide at noon"]


def test_all_words_must_be_said_in_one_text_in_any_order(alice: Person) -> None:
    say(alice, "The moon makes a tide")
    say(alice, "The moon")
    say(alice, "A tide")

    assert found(alice, "tide moon") == ["The moon makes a tide"]


@pytest.mark.parametrize("text", ["creme", "CRÈME BRÛL", "crème", "cre\u0300me"])
def test_case_and_accents_make_no_difference(alice: Person, text: str) -> None:
    say(alice, "A Crème Brûlée")

    assert found(alice, text) == ["A Crème Brûlée"]


def test_only_the_last_word_may_be_unfinished(alice: Person) -> None:
    say(alice, "The tides of the oceans")

    assert found(alice, "oceans tid") == ["The tides of the oceans"]
    assert found(alice, "tid oceans") == []
    assert found(alice, '"tid"') == []


@pytest.mark.parametrize("text", ['"low tide"', 'at "low tide"', "low-tide", '"low ti'])
def test_a_phrase_is_found_where_its_words_stand_together(alice: Person, text: str) -> None:
    say(alice, "At a tide so low")
    say(alice, "At low tide")

    assert found(alice, text) == ["At low tide"]


def test_a_phrase_ends_with_a_whole_word(alice: Person) -> None:
    say(alice, "At low tides")

    assert found(alice, '"low tide"') == []


@pytest.mark.parametrize("text", ["潮汐", "是月", "潮汐 引力", "月球引力"])
def test_chinese_is_found_at_any_place_as_a_run(alice: Person, text: str) -> None:
    say(alice, "潮汐是月球引力引起的。")
    say(alice, "汐潮，力引，球月，月是")

    assert found(alice, text) == ["潮汐是月球引力引起的。"]


def test_a_phrase_is_found_late_in_a_very_long_text(alice: Person) -> None:
    """PostgreSQL's own positions end at 16,383, and after 256 of the same word."""
    text = "的人" * 9_000 + "。的海"
    say(alice, text)

    assert found(alice, "的海") == [text]


def test_a_text_of_any_size_can_be_stored(alice: Person, asked: Accepted) -> None:
    message = Message.objects.get(pk=asked.message_id)
    for text in ("x" * 300_000, "\U00010400" * 300_000, " ".join(map(chr, range(0x20000, 0x2A000))) * 4):
        message.text = text
        index_messages([message])

    assert found(alice, "\U00020001") == ["Hello"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tide", {"plain", "pinned", "archived", "travel", "travel plans"}),
        ("tide is:pinned", {"pinned"}),
        ("is:archived tide", {"archived"}),
        ("tide in:travel", {"travel"}),
        ("tide in:travel-plans", {"travel plans"}),
        ('tide in:"Travel Plans"', {"travel plans"}),
        ("tide in:trav", {"travel", "travel plans"}),
        ("tide in:nowhere", set()),
        ("tide is:pinned is:archived", set()),
        ("is:pinned", {"pinned"}),
        ("in:travel", {"travel"}),
    ],
)
def test_filters_narrow_what_is_found(alice: Person, text: str, expected: set[str]) -> None:
    ids = {title: say(alice, "A tide", title).conversation_id for title in ("plain", "pinned", "archived")}
    organizing.organize(alice.id, ids["pinned"], is_pinned=True)
    organizing.organize(alice.id, ids["archived"], is_archived=True)
    for name in ("Travel", "Travel plans"):
        folders.move(alice.id, say(alice, "A tide", name.lower()).conversation_id, folders.create(alice.id, name).id)

    results = search(alice.id, text).items

    assert {result.title for result in results} == expected
    assert all(result.is_archived == (result.title == "archived") for result in results)
    assert all(result.folder_name in (None, result.title.capitalize()) for result in results)


def test_what_only_looks_like_a_filter_is_searched(alice: Person) -> None:
    say(alice, "This is: odd")

    assert found(alice, "is:odd") == ["This is: odd"]


def test_nothing_of_another_person_is_found(alice: Person, charlie: Person) -> None:
    say(alice, "A tide")
    folders.create(charlie.id, "Travel")

    assert found(charlie, "tide") == []
    assert found(charlie, f'"{alice.id.hex}"') == found(charlie, str(alice.id)) == []
    assert found(charlie, "in:travel") == []


def test_deleted_and_temporary_conversations_are_not_found(alice: Person) -> None:
    deleted, temporary = say(alice, "A tide, deleted"), say(alice, "A tide, temporary")
    organizing.delete(alice.id, deleted.conversation_id)
    Conversation.objects.filter(pk=temporary.conversation_id).update(is_temporary=True)
    assert found(alice, "tide") == []

    organizing.restore(alice.id, deleted.conversation_id)
    assert found(alice, "tide") == ["A tide, deleted"]


def test_a_new_title_takes_the_place_of_the_old_one(alice: Person) -> None:
    asked = say(alice, "Hello", title="Tides")

    organizing.organize(alice.id, asked.conversation_id, title="Moons")

    assert (found(alice, "tides"), found(alice, "moons")) == ([], ["# Moons"])


def test_a_changed_text_takes_the_place_of_the_old_one(alice: Person) -> None:
    message = Message.objects.get(pk=say(alice, "A tide").message_id)

    message.text = "A moon"
    message.save()
    index_messages([message])

    assert (found(alice, "tide"), found(alice, "moon")) == ([], ["A moon"])


def test_what_is_erased_leaves_no_words_behind(alice: Person) -> None:
    asked = say(alice, "A tide")
    finish(asked, "Up and down")
    organizing.delete(alice.id, asked.conversation_id)
    Conversation.objects.update(deleted_at=Now() - organizing.UNDO_FOR * 2)

    organizing.erase_deleted()

    assert not SearchText.objects.exists()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            # The index's own comparison of what it holds with the table beside it.
            cursor.execute("INSERT INTO assistant_searchindex (assistant_searchindex) VALUES ('integrity-check')")
            cursor.execute("SELECT count(*) FROM assistant_searchindex WHERE assistant_searchindex MATCH 'tide'")
            assert cursor.fetchone() == (0,)


def test_what_a_guest_said_is_found_by_the_person_they_became(alice: Person) -> None:
    guest = Person.objects.create(username="guest", is_guest=True)
    ids = {person: folders.create(person.id, "Travel").id for person in (alice, guest)}
    folders.move(guest.id, say(guest, "A tide").conversation_id, ids[guest])
    own = folders.create(guest.id, "Own")

    adopt_guest(guest, alice)

    assert found(alice, "tide in:travel") == ["A tide"]
    own.refresh_from_db()
    assert own.owner_id == alice.id


def test_the_pages_hold_each_text_once(alice: Person) -> None:
    texts = [f"Tide number {number}" for number in range(7)]
    for text in texts:
        say(alice, text)

    seen, cursor = [], None
    while True:
        page = search(alice.id, "tide", cursor, 3)
        seen += ["".join(part.text for part in result.snippet) for result in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert seen == texts[::-1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "search.empty"),
        (' "" !?% ', "search.empty"),
        ("in: is:", "search.empty"),
        ("x" * (MAX_CHARS + 1), "search.too_long"),
    ],
)
def test_a_search_for_nothing_or_too_much_is_refused(alice: Person, text: str, code: str) -> None:
    assert code_of(alice, text) == code


@pytest.mark.parametrize("cursor", ["x", "_", "2026-05-01T00:00:00+00:00_x", "0001-01-01T00:00:00+23:00_1", "_1"])
def test_a_cursor_nobody_gave_out_is_refused(alice: Person, cursor: str) -> None:
    assert code_of(alice, "tide", cursor) == "page.invalid_cursor"


SYNTAX = [
    '"',
    "*",
    "'",
    "''",
    "\\",
    "%",
    "_",
    "^",
    "(",
    ")",
    "{",
    "}",
    ":",
    "-",
    "+",
    ",",
    "&",
    "|",
    "!",
    "<->",
    ";",
    "--",
]
WORDS = [
    "tide",
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "NEAR(a b, 2)",
    "owner_id",
    "body",
    "rowid",
    "is:pinned",
    "in:x",
    "潮汐",
    "é",
    " ",
]
HOSTILE = st.one_of(
    st.lists(st.sampled_from(SYNTAX + WORDS), max_size=20).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE)
def test_whatever_is_typed_finds_nothing_of_another(alice: Person, charlie: Person, text: str) -> None:
    if not Message.objects.exists():
        ask(charlie, "tide AND OR NOT NEAR a b 2 owner_id body rowid is:pinned in:x 潮汐 é")
    try:
        results: object = search(alice.id, text[:MAX_CHARS]).items
    except AssistantError as refused:
        results = refused.code

    assert results in ([], "search.empty")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80))
def test_every_text_is_found_by_its_own_words(alice: Person, text: str) -> None:
    words = normalised(text)
    if not words or len(words) > django_settings.MAX_MESSAGE_CHARS:
        return
    message = Message.objects.filter(author=alice).first() or Message.objects.get(pk=ask(alice).message_id)
    Message.objects.filter(pk=message.pk).update(text=text)
    index_messages([Message.objects.select_related("conversation").get(pk=message.pk)])

    assert message.pk in {each.message_id for each in search(alice.id, f'"{words}"'[:MAX_CHARS]).items}
