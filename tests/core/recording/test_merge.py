# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of one footage merged into one."""

from pathlib import Path

import pytest

from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.recording.merge import merge_sessions
from tracking_sessions.core.session import SessionStatus
from tracking_sessions.tests.core.shots import (
    FakeTracker,
    finish,
    live_frames,
    make_footage,
    make_session,
    start_markers,
    start_run,
)


def test_merging_joins_ranges_of_one_footage(tmp_path: Path) -> None:
    footage, base = make_footage(tmp_path / "plates"), tmp_path / "base"
    paths = []
    for start, end in ((1, 3), (6, 4)):
        manager = create_session(footage, "part", base)
        finish(start_run(manager, [(start, end)], FakeTracker(start_markers((1, 2, 3), start))))
        paths.append(manager.path)
    merged = merge_sessions(paths, tmp_path / "elsewhere" / "sessions" / "merged.yaml")
    assert not merged.owner and merged.session.status is SessionStatus.TRACKING_COMPLETE
    assert str(merged.session.tracked_frames) == "1-6" and merged.get_progress()["percent_complete"] == 100.0
    replay = load_session(merged.path).replay()
    assert len(replay.tracks) == 3 and live_frames(replay.markers, 1) == [1, 2, 3, 4, 5, 6]
    assert (merged.path.parent / merged.session.footage.path).resolve() == footage / "plate_0001.png"
    assert merged.details() == manager.details()


def test_merging_refuses_other_footage_and_existing_files(tmp_path: Path) -> None:
    one = make_session(tmp_path / "a")
    two = make_session(tmp_path / "b", frames=5)
    output = tmp_path / "merged.yaml"
    with pytest.raises(UsageError, match="their footage differs"):
        merge_sessions([one.path, two.path], output)
    for wrong in (one.path, one.path.with_suffix(".json"), tmp_path / "Über uns.yaml", Path(), Path("/"), ""):
        with pytest.raises(UsageError):
            merge_sessions([one.path], wrong)
    with pytest.raises(UsageError):
        merge_sessions([], output)
    assert not output.exists()
