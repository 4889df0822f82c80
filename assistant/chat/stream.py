"""The token log: one Redis Stream per generation. The only place that knows key names and the form of an entry.

An entry's id is `<seq>-0`, so Redis itself refuses to store one twice; every append is checked against the fence,
so a worker that lost its lease cannot write. Live reading and replay are the same read. A finished reply never
depends on this log: its text is in the database.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

FORMAT_VERSION = 1
HINTS_KEY = "parley:hints"
# Longer than any reply takes; a log of a reply that ended is kept for those who are still reading it.
RUNNING_TTL_S = 24 * 3600
ENDED_TTL_S = 15 * 60

EntryKind = Literal["started", "delta", "snapshot", "finished", "failed"]
TERMINAL = ("finished", "failed")

FENCED_OUT = -1
# Higher than any lease's, and exact in Lua.
LAST_FENCE = 2**53 - 1

# KEYS: log, fence. ARGV: fence, seq the entries follow (-1: any), seconds to live, then seq and body of each entry.
# Returns -1 when a newer fence exists, else the last seq in the log; less than wanted means that the log lost its
# tail and the writer must send again from there.
_APPEND = """
local newest = tonumber(redis.call('GET', KEYS[2]) or '0')
local fence = tonumber(ARGV[1])
if fence < newest then return -1 end
if fence > newest then redis.call('SET', KEYS[2], fence) end
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = 0
if tail[1] then last = tonumber(string.match(tail[1][1], '^%d+')) end
if last < tonumber(ARGV[2]) then return last end
for i = 4, #ARGV, 2 do
  local seq = tonumber(ARGV[i])
  if seq > last then
    redis.call('XADD', KEYS[1], ARGV[i] .. '-0', 'e', ARGV[i + 1])
    last = seq
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return last
"""


# KEYS: log, fence. ARGV: fence, seconds to live. In one step: whoever holds an older fence can add nothing to what is
# read here, so that the next writer goes on from the very end.
_READ = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[2]) or '0') then
  redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
end
return redis.call('XRANGE', KEYS[1], '-', '+')
"""


# A token's text and its log-probability in nats, then those of the likeliest in its place.
Chances = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`data` is what the browser is shown of it (protocol.md: `generation.event`); `token_ids` let a worker go on.
    `chances`, where they were asked for, are nowhere else: a snapshot has none."""

    seq: int
    kind: EntryKind
    data: dict[str, Any]
    token_ids: tuple[int, ...] = ()
    chances: tuple[Chances, ...] = ()

    def body(self) -> bytes:
        fields: dict[str, Any] = {"v": FORMAT_VERSION, "kind": self.kind, "data": self.data, "ids": self.token_ids}
        if self.chances:
            fields["chances"] = self.chances
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, seq: int, body: bytes) -> LogEntry:
        fields = json.loads(body)
        chances = tuple(tuple((text, logprob) for text, logprob in of) for of in fields.get("chances", ()))
        return cls(seq, fields["kind"], fields["data"], tuple(fields["ids"]), chances)


@dataclass(frozen=True, slots=True)
class LogState:
    """What a log says in sum: enough for another worker to go on."""

    seq: int
    text: str
    token_ids: tuple[int, ...]


def seq_of(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])


def log_key(generation_id: UUID) -> str:
    return f"parley:generation:{{{generation_id}}}:log"


def fence_key(generation_id: UUID) -> str:
    return f"parley:generation:{{{generation_id}}}:fence"


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    """The process's connections. Nothing is retried: the callers know what may be done twice."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=3, retry=Retry(NoBackoff(), 0)
    )


@lru_cache(maxsize=1)
def append_script() -> redis.commands.core.Script:
    return connection().register_script(_APPEND)


@lru_cache(maxsize=1)
def _read_script() -> redis.commands.core.Script:
    return connection().register_script(_READ)


def append_arguments(
    generation_id: UUID, fence: int, after: int, entries: list[LogEntry], ttl_s: int = RUNNING_TTL_S
) -> dict[str, Any]:
    """Arguments of `append_script()`. `after` is the seq that must already be in the log, -1 for none in particular."""
    flat: list[int | bytes] = []
    for entry in entries:
        flat += (entry.seq, entry.body())
    return {"keys": [log_key(generation_id), fence_key(generation_id)], "args": [fence, after, ttl_s, *flat]}


def read_state(generation_id: UUID, fence: int = 0) -> LogState:
    """Fold the whole log into its text and token ids. Writers with a fence older than `fence` are refused from then
    on."""
    seq, text = 0, ""
    ids: tuple[int, ...] = ()
    keys = [log_key(generation_id), fence_key(generation_id)]
    rows: Any = _read_script()(keys=keys, args=[fence, RUNNING_TTL_S])
    for entry_id, (_, body) in rows:
        entry = LogEntry.parse(seq_of(entry_id), body)
        seq = entry.seq
        if entry.kind == "snapshot":
            text, ids = entry.data["text"], entry.token_ids
        elif entry.kind == "delta":
            text, ids = text + entry.data["delta"], ids + entry.token_ids
    return LogState(seq, text, ids)


def erase(generation_ids: list[UUID]) -> None:
    """Forget these logs for good: whoever is still writing one is fenced out, and cannot begin it anew."""
    pipeline = connection().pipeline()
    for generation_id in generation_ids:
        pipeline.set(fence_key(generation_id), LAST_FENCE, ex=RUNNING_TTL_S)
        pipeline.delete(log_key(generation_id))
    pipeline.execute()


def hint(owner_id: UUID, conversation_id: UUID) -> None:
    """Tell the owner's open pages that something changed. A lost hint costs nothing: pages look again by themselves."""
    _hint(owner=str(owner_id), conversation=str(conversation_id))


def hint_sign_out(person_id: UUID) -> None:
    """Tell this person's open sockets that a session of theirs may have ended; they look, now and then anyhow."""
    _hint(owner=str(person_id), conversation=None)


def _hint(**fields: str | None) -> None:
    with suppress(redis.RedisError):
        body = json.dumps({"v": FORMAT_VERSION, **fields})
        connection().xadd(HINTS_KEY, {"e": body}, maxlen=10_000, approximate=True)


def erase_logs(generation_ids: list[UUID]) -> None:
    """Take away what would otherwise stay readable until it expires; if Redis is away, it expires."""
    try:
        for generation_id in generation_ids:
            connection().delete(log_key(generation_id), fence_key(generation_id))
    except redis.RedisError:
        pass


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
