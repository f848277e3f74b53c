# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sessions `track` takes for those of its footage, among many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.bridge import headless
from tracking_sessions.bridge.clip import open_footage
from tracking_sessions.core import catalogue
from tracking_sessions.core.footage import find_footage
from tracking_sessions.core.model import SessionState
from tracking_sessions.core.session import TrackingSessionManager, create_session, load_session
from tracking_sessions.tests.bpy.commands import copied
from tracking_sessions.tests.core.shots import make_footage
from tracking_sessions.tests.footage import make_shot


def test_only_sessions_of_the_footage_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, others = tmp_path / "sessions", make_footage(tmp_path / "others")
    shot = make_shot(tmp_path / "plate", 3, 320, 180, tracks=4)
    moved = copied(shot.folder, tmp_path / "moved")

    def make(footage: Path, **given: Any) -> TrackingSessionManager:
        return create_session(footage, "", root, **given)

    for _ in range(5):
        make(others)
    plain, there, clip = make(shot.folder), make(moved), make(shot.folder, blend="/a.blend", clip="another")
    opened = open_footage(find_footage(shot.folder))
    mine = make(shot.folder, blend="/b.blend", clip=opened.name)
    with make(shot.folder) as discarded:
        discarded.set_state(SessionState.DISCARDED)
    expected = [mine.path, there.path, plain.path]
    assert clip.path not in expected

    read: list[Path] = []
    monkeypatch.setattr(catalogue, "SETTLED", -1.0)
    monkeypatch.setattr(headless, "load_session", lambda path: read.append(path) or load_session(path))
    said: list[str] = []
    request = headless.Request(shot.folder, root)
    for _ in range(2):
        read.clear()
        found = headless._sessions_of(opened, request, said.append)
        assert [one.path for one in found] == read == expected
    assert said == []
    monkeypatch.setattr(catalogue, "TrackingSessionManager", None)  # none is read but those
    assert len(headless._sessions_of(opened, request, said.append)) == 3
