"""The text of a reply depends on its ids alone, and a stop string is never seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from inference.serving.detokenizer import REPLACEMENT, Detokenizer, TokenTexts
from inference.serving.stop_strings import StopStrings
from tests.inference.conftest import make_tokenizer

TOKENIZER = make_tokenizer().backend_tokenizer
TEXTS = TokenTexts(TOKENIZER)
# Texts as a model writes them, and any ids at all: half characters and control tokens in the wrong places.
WRITTEN = st.text("abc 你好🙂é\n", max_size=30).map(lambda text: TOKENIZER.encode(text).ids)
IDS = st.one_of(WRITTEN, st.lists(st.integers(0, TOKENIZER.get_vocab_size() - 1), max_size=30))
STOP = st.lists(st.text("ab 你🙂", min_size=1, max_size=4), max_size=3)


def cut(text: str, stop: list[str]) -> str:
    """`text` before the stop string that is complete first, found by trying every end."""
    for end in range(len(text) + 1):
        for s in sorted(stop, key=len, reverse=True):
            if text[:end].endswith(s):
                return text[: end - len(s)]
    return text


def decode(ids: list[int]) -> str:
    return TOKENIZER.decode(ids, skip_special_tokens=True).rstrip(REPLACEMENT).replace("\0", REPLACEMENT)


@given(IDS, STOP)
def test_the_deltas_are_the_whole_text_cut_at_the_first_stop_string(ids: list[int], stop: list[str]) -> None:
    detokenizer = Detokenizer(TEXTS, stop)
    text = "".join(detokenizer.push(i) for i in ids) + detokenizer.flush()
    assert text == cut(decode(ids), stop)


@given(IDS, STOP, st.data())
def test_a_silent_beginning_is_continued_exactly_where_it_ended(
    ids: list[int], stop: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(ids)))
    whole, resumed = Detokenizer(TEXTS, stop), Detokenizer(TEXTS, stop)
    shown = [whole.push(i) for i in ids]
    for i in ids[:at]:
        resumed.push(i)
    assert [resumed.push(i) for i in ids[at:]] == shown[at:]
    assert resumed.flush() == whole.flush()
    assert resumed.is_stopped == whole.is_stopped


@given(st.text("abc你", max_size=20), STOP, st.data())
def test_what_is_shown_does_not_depend_on_how_the_text_was_divided(
    text: str, stop: list[str], data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    strings = StopStrings(stop)
    assert "".join(strings.push(part) for part in parts) + strings.flush() == cut(text, stop)


def test_a_token_whose_text_depends_on_where_it_stands_is_decoded_with_the_others() -> None:
    """The space before a word, which its first one has not."""
    tokenizer = Tokenizer(models.WordLevel({"▁a": 0, "▁b": 1, "c": 2}, unk_token="c"))
    tokenizer.decoder = decoders.Metaspace()
    detokenizer = Detokenizer(TokenTexts(tokenizer))
    assert [detokenizer.push(i) for i in (0, 1, 2, 0)] == ["a", " b", "c", " a"]
    assert detokenizer.flush() == ""


def test_a_character_of_several_tokens_appears_whole() -> None:
    ids = TOKENIZER.encode("🚣").ids
    assert len(ids) > 1
    detokenizer = Detokenizer(TEXTS)
    assert [detokenizer.push(i) for i in ids] == [*[""] * (len(ids) - 1), "🚣"]


def test_half_a_character_at_the_end_becomes_nothing() -> None:
    detokenizer = Detokenizer(TEXTS)
    shown = [detokenizer.push(i) for i in TOKENIZER.encode("ab🚣").ids[:-1]]
    assert "".join(shown) + detokenizer.flush() == "ab"


def test_the_one_character_that_no_database_stores_is_shown_as_a_replacement() -> None:
    detokenizer = Detokenizer(TEXTS)
    ids = TOKENIZER.encode("a\0b\0").ids
    assert "".join(detokenizer.push(i) for i in ids) + detokenizer.flush() == f"a{REPLACEMENT}b{REPLACEMENT}"


def test_the_beginning_of_a_stop_string_is_held_until_it_is_known_to_be_none() -> None:
    strings = StopStrings(["END."])
    assert [strings.push(part) for part in ("to the E", "N", "D of it")] == ["to the ", "", "END of it"]
    assert [strings.push("the EN"), strings.flush()] == ["the ", "EN"]
