"""Personal data and secrets leave a placeholder; numbers that are only numbers stay."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.finetuning.redaction import redacted

# Forms without an owner: documentation numbers, test cards, the example keys of the services' own pages.
FOUND = [
    ("Write to bob.o'neil@mail.example.co.uk today", "EMAIL"),
    ("请发邮件到zhang.san@example.cn，谢谢", "EMAIL"),
    ("Call +49 30 901820 tomorrow", "PHONE"),
    ("Call (650) 253-0000 tomorrow", "PHONE"),
    ("我的手机13812345678号码", "PHONE"),
    ("座机：010-62532345", "PHONE"),
    ("My card is 4111 1111 1111 1111.", "CARD"),
    ("卡号5555555555554444，谢谢", "CARD"),
    ("Pay to DE89 3704 0044 0532 0130 00 please", "IBAN"),
    ("Pay to GB82WEST12345698765432.", "IBAN"),
    ("身份证11010519491231002X是我的", "ID_NUMBER"),
    ("ID: 11010519491231002x", "ID_NUMBER"),
    ("aws AKIAIOSFODNN7EXAMPLE key", "SECRET"),
    ("token ghp_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ here", "SECRET"),
    ("密钥sk-proj-abcdefghijklmnopqrstuvwx", "SECRET"),
    ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY-----", "SECRET"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "SECRET"),
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_what_has_a_form_is_replaced_by_its_kind_and_counted(text: str, kind: str) -> None:
    clean, counts = redacted(text)

    assert counts == {kind: 1}
    assert f"[{kind}]" in clean
    assert not any(run in clean for run in text.split() if any(c.isdigit() for c in run) and len(run) > 12)


@pytest.mark.parametrize(
    "text",
    [
        "Order 12345678 of 2024-05-06 costs 1,234,567.89 at 10:30",
        "订单号20240506123456，共99元",
        "Version 1.2.3.4 of 1949-1950; pi is 3.14159265358979",
        "A card that is none: 4111 1111 1111 1112",
        "A number that is none: 110105194912310021",
        "An account that is none: DE89 3704 0044 0532 0130 02",
        "UUID 0190b2a4-7c1e-7d2a-9b7e-2f4e1a6b9c01",
        "def f(x): return x @ y",
        "潮水一天涨两次，最高3.5米。",
    ],
)
def test_numbers_that_are_only_numbers_stay(text: str) -> None:
    assert redacted(text) == (text, {})


def test_all_that_stands_in_one_text_is_found() -> None:
    text = "Bob (bob@example.org, +49 30 901820) pays from DE89370400440532013000; eve@example.org does not."

    clean, counts = redacted(text)

    assert clean == "Bob ([EMAIL], [PHONE]) pays from [IBAN]; [EMAIL] does not."
    assert counts == {"EMAIL": 2, "PHONE": 1, "IBAN": 1}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([text for text, _ in FOUND] + ["潮水", "The tide", "12", "[CARD]"]), max_size=4))
def test_what_is_redacted_once_has_nothing_left_to_redact(parts: list[str]) -> None:
    clean, _ = redacted(" \n".join(parts))

    assert redacted(clean) == (clean, {})


@pytest.mark.parametrize("unit", ["1 ", "a1-", "DE89 ", "a@", "a.", "AB12 3456 ", "+1", "ey", "(6"])
def test_no_text_keeps_it_busy(unit: str) -> None:
    begun = time.process_time()
    redacted((unit * 32_000)[:32_000])

    assert time.process_time() - begun < 5
