"""Reads environment variables. A value that cannot be used stops the boot with a sentence that names it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

Choice = TypeVar("Choice", bound=str)


def text(name: str, default: str) -> str:
    """The value of `name`, or the contents of the file that `NAME_FILE` points to, or `default`."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={file} cannot be read: {error.strerror}.") from error
    return os.environ.get(name, "") or default


def boolean(name: str, default: bool) -> bool:
    value = text(name, "1" if default else "0").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is not understood; use 1 or 0.")


def integer(name: str, default: int, low: int, high: int) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name}={number} is out of range; use {low} to {high}.")
    return number


def share(name: str, default: float) -> float:
    """A number from 0 to 1."""
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a number.") from None
    if not 0 <= number <= 1:
        raise ImproperlyConfigured(f"{name}={value} is out of range; use 0 to 1.")
    return number


def choice(name: str, default: Choice, choices: tuple[Choice, ...]) -> Choice:
    value = text(name, default)
    for known in choices:
        if value == known:
            return known
    raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(choices)}.")


def words(name: str, default: str) -> list[str]:
    """A comma-separated list without empty items."""
    return [word for part in text(name, default).split(",") if (word := part.strip())]
