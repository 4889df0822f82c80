"""Takes personal data and secrets out of text, each replaced by a placeholder that says what stood there.

Finds what has a form that can be checked: e-mail addresses, phone numbers, card and account numbers, Chinese identity
numbers, keys of known services. Names, addresses and what is merely confidential have none: that is for reviewers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

import phonenumbers
from stdnum import iban, luhn
from stdnum.cn import ric

Span = tuple[int, int, str]

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
# Not inside a longer number or word; Chinese characters before and after are fine.
_CARD = re.compile(r"(?<![A-Za-z0-9])\d(?:[ -]?\d){12,18}(?![A-Za-z0-9])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CHINESE_ID = re.compile(r"(?<![A-Za-z0-9])\d{17}[\dXx](?![A-Za-z0-9])")
# Numbers without a country code are tried as those of the countries whose languages the product speaks.
_REGIONS = ("CN", "US", "GB")

# Plugins of detect-secrets that know a service by the form of its keys. Not those that guess by entropy or by words
# like "password": in prose they are wrong most of the time.
_SERVICES = (
    *("artifactory.ArtifactoryDetector", "aws.AWSKeyDetector", "azure_storage_key.AzureStorageKeyDetector"),
    *("discord.DiscordBotTokenDetector", "github_token.GitHubTokenDetector", "gitlab_token.GitLabTokenDetector"),
    *("jwt.JwtTokenDetector", "mailchimp.MailchimpDetector", "npm.NpmDetector", "openai.OpenAIDetector"),
    *("pypi_token.PypiTokenDetector", "sendgrid.SendGridDetector", "slack.SlackDetector", "stripe.StripeDetector"),
    *("square_oauth.SquareOAuthDetector", "telegram_token.TelegramBotTokenDetector", "twilio.TwilioKeyDetector"),
)
# Newer than that library.
_OWN_KEYS = (
    re.compile(r"\bsk-(?:ant|proj|svcacct|or-v1)-[A-Za-z0-9_-]{20,}"),
    re.compile(r"\bgithub_pat_[A-Za-z0-9_]{40,}"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{35}"),
    re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)


@cache
def _key_forms() -> list[re.Pattern[str]]:
    """At first use: that library brings a client for HTTP along, for which a command should not have to wait."""
    forms: list[re.Pattern[str]] = []
    for path in _SERVICES:
        module, name = path.split(".")
        forms += getattr(import_module(f"detect_secrets.plugins.{module}"), name).denylist
    return [*forms, *_OWN_KEYS]


def redacted(text: str) -> tuple[str, Counter[str]]:
    """The text with [EMAIL], [PHONE], [CARD], [IBAN], [ID_NUMBER] and [SECRET] in the place of what was found, and how
    often each. Of finds that overlap the first counts: secrets, then e-mail, identity, account, card, phone."""
    found: list[Span] = []
    for find in (_secrets, _emails, _chinese_ids, _ibans, _cards, _phones):
        for span in find(text):
            if not any(span[0] < end and begin < span[1] for begin, end, _ in found):
                found.append(span)
    for begin, end, kind in sorted(found, reverse=True):
        text = f"{text[:begin]}[{kind}]{text[end:]}"
    return text, Counter(kind for _, _, kind in found)


def _secrets(text: str) -> Iterator[Span]:
    # Keys are ASCII; a Chinese character right before one would count as a letter of the same word.
    text = re.sub(r"[^\x00-\x7f]", " ", text)
    for form in _key_forms():
        yield from _spans(form, text, "SECRET")


def _emails(text: str) -> Iterator[Span]:
    yield from _spans(_EMAIL, text, "EMAIL")


def _chinese_ids(text: str) -> Iterator[Span]:
    """GB 11643-1999: region, birth date, serial number, check digit."""
    yield from _spans(_CHINESE_ID, text, "ID_NUMBER", lambda found: bool(ric.is_valid(found.upper())))


def _ibans(text: str) -> Iterator[Span]:
    """ISO 13616: a length per country and a remainder of 97. A word that follows would spoil it, so shorter beginnings
    are tried too."""
    for match in _IBAN.finditer(text):
        end = match.end()
        while end - match.start() >= 15 and not iban.is_valid(text[match.start() : end]):
            end = text.rfind(" ", match.start(), end)
        if end - match.start() >= 15:
            yield match.start(), end, "IBAN"


def _cards(text: str) -> Iterator[Span]:
    """ISO/IEC 7812: 13 to 19 digits, the last by Luhn's formula."""
    yield from _spans(_CARD, text, "CARD", lambda found: bool(luhn.is_valid(re.sub(r"\D", "", found))))


def _phones(text: str) -> Iterator[Span]:
    for region in _REGIONS:
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            yield match.start, match.end, "PHONE"


def _spans(form: re.Pattern[str], text: str, kind: str, is_one: Callable[[str], bool] = bool) -> Iterator[Span]:
    for match in form.finditer(text):
        if is_one(match[0]):
            yield match.start(), match.end(), kind
