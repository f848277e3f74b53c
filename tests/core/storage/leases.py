# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases as other processes leave them, for tests to write."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tracking_sessions.core.storage.lease import Lease, Owner, read_owner

SINCE = "2026-01-02T03:04:05Z"

OWNER = """
import sys, time
from pathlib import Path
from tracking_sessions.core.storage.lease import Lease
lease = Lease.take(Path(sys.argv[1]), "now")
print(lease.generation, flush=True)
for _ in sys.stdin:
    pass
"""

ELSEWHERE: dict[str, Any] = {"host": "farm-17", "boot": "b", "machine": "m", "pid": 4711}


@cache
def own() -> Owner:
    """The content of a lease of this process."""
    with tempfile.TemporaryDirectory() as folder:
        lease = Lease.take(Path(folder), SINCE)
        found = read_owner(Path(folder), 1)
        lease.release()
    assert found is not None
    return found


def lease_fields(**changes: Any) -> dict[str, Any]:
    """The fields of a lease of this process."""
    keys = ("host", "machine", "boot", "pid", "started", "since")
    return {key: getattr(own(), key) for key in keys} | changes


def write_lease(folder: Path, generation: int = 1, counter: int = 0, end: str = "\n", **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"lease.{generation}"
    path.write_text(json.dumps(lease_fields(**changes)) + f"\n{counter:020d}{end}")
    return path
