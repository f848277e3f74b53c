# SPDX-License-Identifier: GPL-3.0-or-later
"""The button Delete of the Sessions panel: the deleted files, and the warning before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from tracking_sessions.bridge.open_file import open_file
from tracking_sessions.bridge.sessions import opening
from tracking_sessions.bridge.sessions.listing import Listing
from tracking_sessions.core.batch.shots import BatchStatus
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.operators.sessions import TRACKING_SESSIONS_OT_delete_session
from tracking_sessions.tests.bpy.past import RecordingLayout, choose, make
from tracking_sessions.tests.bpy.window import inside, new_file, operators
from tracking_sessions.tests.core.claims import make_batch
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


def files(root: Path) -> list[str]:
    """All files but the index, which is a cache."""
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.name != "index.db")


def test_the_footage_details_are_deleted_with_the_last_session(
    footage: Footage, other_footage: Footage, file: Path, root: Path
) -> None:
    editor = new_file(footage, file)
    one, two, other = make(root, footage, "one", 2), make(root, footage, "two"), make(root, other_footage, "other")
    export_session_report(one, root / "reports" / f"{one.stem}.html")
    details, kept = (f"{load_session(path).session.footage.fingerprint}.yaml" for path in (one, other))
    for path, is_last in ((one, False), (two, True)):
        choose(path)
        with inside(editor):
            operators.delete_session()
        assert not path.exists() and kept in files(root) and (details in files(root)) != is_last
    choose(other)
    with inside(editor):
        operators.delete_session()
    assert files(root) == []


def test_the_warning_names_a_batch_that_needs_the_session(footage: Footage, file: Path, root: Path) -> None:
    new_file(footage, file)
    path, other = make(root, footage, "one"), make(root, footage, "other")
    batch = make_batch(root, BatchStatus.PAUSED, [path.stem])
    choose(path)
    entries = open_file.view(Listing).entries
    words = "This deletes all recorded frames of “one” and cannot be undone. The markers in the file stay."
    assert opening.deletion_words(entries[path.stem]) == f"{words} The unfinished batch {batch} needs the session."
    assert opening.deletion_words(entries[other.stem]) == words.replace("“one”", "“other”")
    dialog = SimpleNamespace(layout=RecordingLayout(), _words=opening.deletion_words(entries[path.stem]))
    TRACKING_SESSIONS_OT_delete_session.draw(dialog, bpy.context)  # type: ignore[arg-type]
    lines = [line for (line,) in dialog.layout.lines]
    assert " ".join(lines) == dialog._words and max(map(len, lines)) <= 54
    assert dialog.layout.icons == ["ERROR", *["BLANK1"] * (len(lines) - 1)]
    SessionFolder(root).ledger.write_bytes(b"no ledger " * 1000)
    assert f"{words} A batch may need the session: " in opening.deletion_words(entries[path.stem])
