"""How much memory keys and values may take. Knows nothing of what lies in them."""

from __future__ import annotations

from pathlib import Path

import psutil

# Of what is free once the weights are loaded. On a CPU others live too, and pages that were read stay taken.
SHARE = {"cpu": 1 / 8, "cuda": 0.9}
# What pages of earlier replies may take on a CPU, where what is free is other processes' too. With what runs in them,
# 16 replies of 300 tokens of the bundled model are as much.
KEPT_BYTES = 112 << 20
CGROUP = Path("/sys/fs/cgroup")


def pages_to_reserve(page_bytes: int, context_pages: int, rows: int, budget_mib: int, device: str) -> int:
    """Pages for `rows` rows of `context_pages` each, as far as `budget_mib` MiB allow; with 0 MiB, as far as a share
    of what is free allows. At least one."""
    budget = budget_mib << 20 if budget_mib else int(available_bytes(device) * SHARE[device])
    return max(1, min(context_pages * rows, budget // page_bytes))


def pages_to_keep(page_bytes: int, pages: int, budget_mib: int, device: str) -> int:
    """How many of `pages` reserved ones may take memory beyond what running replies need; all where `budget_mib` was
    said, or on a GPU, which takes the memory of all at once."""
    return pages if budget_mib or device == "cuda" else min(pages, KEPT_BYTES // page_bytes)


def available_bytes(device: str) -> int:
    """What can still be taken, on the host within the limit of its container."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    available = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return available
    return min(available, max(0, limit - used))
