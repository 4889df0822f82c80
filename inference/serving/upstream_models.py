"""Which models a server has, asked at the start: the one place that waits for a server without end."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import httpx2

log = logging.getLogger(__name__)

# What a server, or the proxy before it, says while it is starting.
PASSING = (429, 502, 503, 504)
PAUSE_S, STILL_WAITING_EVERY_S = 1.0, 15.0


async def models_of(client: httpx2.AsyncClient, url: str) -> dict[str, dict[str, Any]]:
    """What the server tells of each of its models, by id; nothing where it has no such list. Waits until it answers.
    Raises ValueError where it refuses the key."""
    speak_at = time.monotonic() + STILL_WAITING_EVERY_S
    while True:
        try:
            response = await client.get(f"{url}/models")
        except httpx2.TransportError as error:
            problem = str(error) or type(error).__name__
        else:
            if response.status_code in (401, 403):
                raise ValueError(f"{url} refuses the key. Correct UPSTREAM_API_KEY.")
            if response.status_code not in PASSING:
                return _models_in(response)
            problem = f"status {response.status_code}"
        if time.monotonic() >= speak_at:
            log.warning("still waiting for %s: %s", url, problem)
            speak_at += STILL_WAITING_EVERY_S
        await asyncio.sleep(PAUSE_S)


def _models_in(response: httpx2.Response) -> dict[str, dict[str, Any]]:
    try:
        return {str(each["id"]): each for each in response.json()["data"]}
    except (ValueError, KeyError, TypeError):
        return {}
