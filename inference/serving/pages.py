"""Whose keys and values lie in which page, and which pages may be read again. Knows nothing of tensors and requests.

A full page is known by the digest of everything that was read up to its end, of the adapter that read it and of whom
it is for: equal digests, equal keys and values. Pages that nobody uses stay readable until others need the room, the
longest unused first.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np


class NoPages(Exception):
    """All pages are in use."""


class PagePool:
    """Counts who uses each of `pages` pages, which are numbered from `first` on.

    A page takes memory when it is used first. Once `kept` pages have been, those that nobody uses are given away before
    another one is: so what may only perhaps be read again takes no more than that, all by default.
    """

    def __init__(self, pages: int, first: int = 0, kept: int | None = None) -> None:
        self.pages = pages
        self._kept = pages if kept is None else kept
        self._users: Counter[int] = Counter()
        self._fresh = list(range(first + pages - 1, first - 1, -1))  # never used; taken from its end, as the others are
        self._free: list[int] = []
        self._digest_of: dict[int, bytes] = {}
        self._page_of: dict[bytes, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # readable, used by nobody, longest unused first

    @property
    def available(self) -> int:
        """Pages that can be taken."""
        return len(self._free) + len(self._fresh) + len(self._idle)

    @property
    def in_use(self) -> int:
        return self.pages - self.available

    def take(self, count: int) -> list[int]:
        """So many pages with nothing in them. Raises NoPages, and then takes none."""
        if count > self.available:
            raise NoPages
        return [self._take_one() for _ in range(count)]

    def take_known(self, digests: Iterable[bytes]) -> list[int]:
        """The pages of the longest run of `digests` that is known from its beginning on."""
        found = []
        for digest in digests:
            page = self._page_of.get(digest)
            if page is None:
                break
            self._idle.pop(page, None)
            self._users[page] += 1
            found.append(page)
        return found

    def release(self, pages: Sequence[int]) -> None:
        """Use `pages` no more. The last ones are given away first: a beginning is of use without its end."""
        for page in reversed(pages):
            self._users[page] -= 1
            if self._users[page] == 0:
                if page in self._digest_of:
                    self._idle[page] = None
                else:
                    self._free.append(page)

    def publish(self, page: int, digest: bytes) -> None:
        """Let others read a page in use that is full now."""
        if digest not in self._page_of and page not in self._digest_of:
            self._page_of[digest] = page
            self._digest_of[page] = digest

    def forget(self, pages: Iterable[int]) -> None:
        """Let nobody find `pages` any more; who uses them goes on."""
        for page in pages:
            digest = self._digest_of.pop(page, None)
            if digest is not None:
                del self._page_of[digest]
            if page in self._idle:
                del self._idle[page]
                self._free.append(page)

    def _take_one(self) -> int:
        if self._free:
            page = self._free.pop()
        elif self._fresh and (self.pages - len(self._fresh) < self._kept or not self._idle):
            page = self._fresh.pop()
        else:
            page, _ = self._idle.popitem(last=False)
            del self._page_of[self._digest_of.pop(page)]
        self._users[page] = 1
        return page


class Chain:
    """The digests of a growing row's full pages, each over all before it.

    Pages are found again by everybody as far as the first `common` tokens reach, and beyond by the same `owner` alone:
    how soon an answer begins tells whether a page was there, so whoever shared them all could find out, page by page,
    what somebody else had asked.
    """

    def __init__(self, adapter: str | None, page_tokens: int, owner: str = "", common: int = 0) -> None:
        self._page_tokens = page_tokens
        self._common = common
        self._owner = owner.encode()
        self._last = hashlib.blake2b((adapter or "").encode(), digest_size=32).digest()
        self._digests: list[bytes] = []

    def upto(self, token_ids: Sequence[int], tokens: int) -> list[bytes]:
        """The digests of the pages that the first `tokens` of `token_ids` fill; earlier ids never change."""
        size = self._page_tokens
        while (begin := len(self._digests) * size) + size <= tokens:
            page = np.asarray(token_ids[begin : begin + size], dtype="<u4").tobytes()
            whose = b"" if begin + size <= self._common else self._owner
            self._last = hashlib.blake2b(self._last + page + whose, digest_size=32).digest()
            self._digests.append(self._last)
        return self._digests[: tokens // size]
