# SPDX-License-Identifier: GPL-3.0-or-later
"""Session folders that the code of commit 822efb0 wrote, which today's code has to read and to resume."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

from tracking_sessions.core.storage.lease import Lease

ARCHIVE = Path(__file__).with_name("session-folders.tar.xz")


def unpack(part: str, target: Path) -> tuple[Path, dict[str, str]]:
    """Put `core` or `bpy` into `target`: its session folder, and the id of each session and batch by its kind.

    Whoever owned a session was killed. It was a process of this host, or none could tell that it is dead.
    """
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(target, filter="data")
    with tempfile.TemporaryDirectory() as folder:
        lease = Lease.take(Path(folder), "now")
        own = json.loads(Path(folder, "lease.1").read_text("utf-8").split("\n")[0])
        lease.release()
    for path in (target / part).rglob("lease.*"):
        head, counter = path.read_text("utf-8").split("\n", 1)
        owner = {**json.loads(head), **{key: own[key] for key in ("host", "machine", "boot", "pid")}, "started": "17"}
        path.write_text(f"{json.dumps(owner)}\n{counter}", "utf-8")
    made = json.loads((target / "made.json").read_text("utf-8"))
    return target / part / "tracking_sessions", made[part]
