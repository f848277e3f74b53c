# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures commands over very many sessions, as processes, from the start of Python to its end."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tracking_sessions.core.journal.chain import HEADER, HEADER_SIZE, Header
from tracking_sessions.core.library.catalogue import SETTLED
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.shots import finish, make_footage, start_run
from tracking_sessions.tools.bench_figures import Report
from tracking_sessions.tools.processes import command

FRAMES = 120
REPEATS = 5
OLD = "2025-01-01T12:00:00Z"


def make_sessions(root: Path, count: int) -> None:
    """Make sessions of 120 frames: half of them old, a tenth interrupted, a fiftieth killed.

    They are copies of two real sessions under other ids.
    """
    footage = make_footage(root.parent / "plates", FRAMES)
    whole = create_session(footage, "a shot with a name as people give them", root)
    finish(start_run(whole, [(1, FRAMES)]))
    part = create_session(footage, "a shot that was stopped half-way", root)
    with start_run(part, [(1, FRAMES)]) as run:
        for _ in range(FRAMES // 2):
            run.step()
        run.pause()
    lease = (part.folder / "lease.1").read_bytes()  # not released, as after a kill
    part.close()
    for number in range(count - 2):
        source = part if number % 10 == 0 else whole
        session_id = f"20260101-000000-{number:08x}"
        text = source.path.read_text(encoding="utf-8").replace(source.session.id, session_id)
        if number % 2:
            text = text.replace(source.session.modified, OLD)
        folder = source.path.with_name(session_id)
        folder.mkdir()
        _copy_journal(source.folder / "journal.1", folder / "journal.1", session_id)
        copy = (source.folder / "lease.1").read_bytes()
        if number % 50 == 0:
            copy = lease.replace(b'"started": "', b'"started": "1')  # a dead process with a reused number
        (folder / "lease.1").write_bytes(copy)
        source.path.with_name(f"{session_id}{source.path.suffix}").write_text(text, encoding="utf-8")


def _copy_journal(source: Path, target: Path, session_id: str) -> None:
    """Copy the records under another id, which only the header holds."""
    data = source.read_bytes()
    salt = HEADER.unpack_from(data)[5]
    target.write_bytes(Header(session_id, 1, salt).encode() + data[HEADER_SIZE:])


def seconds(*arguments: str | Path) -> tuple[float, str]:
    """Run the command; returns its seconds and its output."""
    begun = time.perf_counter()
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - begun, done.stdout


def measure_sessions(folder: Path, count: int, report: Report) -> None:
    """Measure `list` and `clean --dry-run` over `count` sessions, without the first run, which builds the index."""
    root = folder / "many"
    begun = time.perf_counter()
    make_sessions(root, count)
    os.sync()
    assert len(SessionFolder(root).session_names()) == count
    print(f"\n{count:,} sessions of {FRAMES} frames, made in {time.perf_counter() - begun:.0f} s", flush=True)
    time.sleep(SETTLED + 0.1)
    first, shown = seconds("list", "--root", root)
    assert len(shown.splitlines()) == count
    print(f"  the first list reads all of them and builds the index: {first:.1f} s", flush=True)
    for name, arguments in (
        ("list", ("list", "--root", root)),
        ("list --json", ("list", "--root", root, "--json")),
        ("list --status interrupted", ("list", "--root", root, "--status", "interrupted")),
        ("clean --dry-run", ("clean", "--older-than", "1m", "--dry-run", "--root", root)),
    ):
        best = min(seconds(*arguments)[0] for _ in range(REPEATS))
        report.target(f"{name} over {count:,} sessions", best, 1, " s")
