# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches with a ledger apart from their sessions: run, stopped and resumed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.bpy.command_line import copied, end, printed, run, start, wait_for_frames
from tracking_sessions.tools.comparison import recorded_frames


def test_a_batch_is_gone_on_with_from_its_ledger_alone(long: Path, tmp_path: Path) -> None:
    job = copied(long, tmp_path / "job")
    root, db = job / "sessions", tmp_path / "farm.db"
    end(start("batch", "run", job / "plate", "--db", tmp_path / "none" / "farm.db"), 2, "There is no folder")
    given = ("batch", "run", job / "plate", "--tracks", job / "tracks.json", "--root", root, "--db", db)
    process = start(*given, cwd=tmp_path)
    wait_for_frames(process, root, 20)
    process.send_signal(signal.SIGTERM)
    _, stderr = printed(process)
    assert process.returncode == 75 and "go on with: batch resume " in stderr and f" --db {db}" in stderr
    assert not SessionFolder(root).ledger.exists() and 20 <= len(recorded_frames(root)) < 200
    with Ledger(root, db=db, readonly=True) as ledger:
        (batch,) = ledger.batches()

    away = root.rename(job / "away")
    end(start("batch", "resume", "--db", db, cwd=tmp_path), 2, f"The session folder {root} of batch {batch.id} is gone")
    assert not root.exists() and not (tmp_path / "tracking_sessions").exists()
    away.rename(root)
    end(
        start("batch", "resume", "--db", db, "--root", tmp_path, cwd=tmp_path),
        2,
        f"belongs to the session folder {root}",
    )

    done = run("batch", "resume", "--db", db, cwd=tmp_path)
    assert "1  plate  completed" in done.stdout and len(recorded_frames(root)) == 199
    info: dict[str, Any] = json.loads(run("batch", "info", "--db", db, "--json", cwd=tmp_path).stdout)
    assert (info["status"], info["root"], info["shots"][0]["attempts"]) == ("completed", str(root), 2)
    assert not (tmp_path / "tracking_sessions").exists() and not SessionFolder(root).ledger.exists()
