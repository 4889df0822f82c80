"""Posts to an address that an administrator typed, and to nothing inside the network this server stands in: the name is
resolved once, every address behind it must be a public one, and the connection goes to the address that was checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from assistant.errors import AssistantError

TIMEOUT_S = 10.0
ANSWER_CHARS = 500
# By these an IPv6 address leads to an IPv4 one: of NAT64 (RFC 6052), of 6to4 and of Teredo.
TRANSLATED = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::ffff:0:0/96")))


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: there was none, and `text` says why."""

    status: int | None
    text: str

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def checked_url(url: str) -> str:
    """Raises webhook.invalid_url."""
    try:
        parts = urlsplit(url.strip())
        is_usable = bool(parts.hostname) and parts.port != 0 and not parts.username and not parts.password
    except ValueError:
        is_usable = False
    schemes = ("https", "http") if settings.WEBHOOK_PRIVATE_ADDRESSES else ("https",)
    if not is_usable or parts.scheme not in schemes or len(url) > 500:
        raise AssistantError("webhook.invalid_url", schemes=" / ".join(f"{scheme}://" for scheme in schemes))
    return parts._replace(fragment="").geturl()


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Never raises for what the other side does; redirects are not followed."""
    _certificates()  # read before the clock runs
    return asyncio.run(_within_time(url, body, headers))


async def _within_time(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    try:
        # One limit for all of it: those of httpx are for each read, and a byte every 9 s would go on for hours.
        async with asyncio.timeout(TIMEOUT_S):
            return await _post(url, body, headers)
    except TimeoutError:
        return Answer(None, f"no answer within {TIMEOUT_S:g} seconds")
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as problem:
        return Answer(None, (str(problem) or type(problem).__name__)[:ANSWER_CHARS])


async def _post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    target = httpx2.URL(url)
    address = await _address_of(target.host, target.port or (443 if target.scheme == "https" else 80))
    headers = {**headers, "Host": target.netloc.decode(), "Content-Type": "application/json"}
    headers["User-Agent"] = f"Parley/{settings.VERSION}"
    # The certificate must be that of the name, although the connection is to the address.
    named = {"sni_hostname": target.host}
    async with (
        httpx2.AsyncClient(
            verify=_certificates(), trust_env=False, follow_redirects=False, timeout=TIMEOUT_S
        ) as client,
        client.stream(
            "POST", target.copy_with(host=str(address)), content=body, headers=headers, extensions=named
        ) as response,
    ):
        text = ""
        async for part in response.aiter_text():
            text += part
            if len(text) >= ANSWER_CHARS:
                break
        return Answer(response.status_code, text[:ANSWER_CHARS].replace("\0", ""))


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


async def _address_of(host: str, port: int) -> IPv4Address | IPv6Address:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(row[4][0]).split("%")[0]) for row in found]
    inside = [address for address in addresses if not is_public(address)]
    if inside and not settings.WEBHOOK_PRIVATE_ADDRESSES:
        raise OSError(f"{host} leads to {inside[0]}, which is no public address; nothing was sent")
    return addresses[0]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and any(address in network for network in TRANSLATED):
        return False
    return address.is_global and not address.is_multicast
