"""When something is due again and again, as an operator writes it: "daily 03:00", "sunday 03:00", "every 12 hours"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_A_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_AT = re.compile(rf"(daily|{'|'.join(WEEKDAYS)}) ([01]\d|2[0-3]):([0-5]\d)")
_EVERY = re.compile(r"every ([1-9]\d{0,3}) (hour|day)s?")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due at `first` and at every multiple of `every` before and after it. All times are UTC."""

    first: datetime
    every: timedelta

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Raises ValueError with a sentence."""
        words = " ".join(text.lower().split())
        if found := _EVERY.fullmatch(words):
            return cls(_A_MONDAY, timedelta(**{f"{found[2]}s": int(found[1])}))
        found = _AT.fullmatch(words)
        if not found:
            raise ValueError('use "daily 03:00", "sunday 03:00" or "every 12 hours"; times are UTC')
        day, hours, minutes = found.groups()
        days = 0 if day == "daily" else WEEKDAYS.index(day)
        every = timedelta(days=1 if day == "daily" else 7)
        return cls(_A_MONDAY + timedelta(days=days, hours=int(hours), minutes=int(minutes)), every)

    def last_due(self, now: datetime) -> datetime:
        return self.first + (now - self.first) // self.every * self.every

    def next_due(self, now: datetime) -> datetime:
        return self.last_due(now) + self.every
