# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip with a rolling shutter and a shaking camera: its audits take the shutter out, those at idle too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from tracking_sessions.bridge import watch
from tracking_sessions.bridge.review import auditing
from tracking_sessions.bridge.sessions.recording import recording_of
from tracking_sessions.core.model.flags import FlagKind
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.review.frames import FrameStates
from tracking_sessions.tests.bpy.review.reviews import numbers, review
from tracking_sessions.tests.bpy.window import begin, inside, new_file, operators
from tracking_sessions.tests.footage import make_long
from tracking_sessions.tools.truth.scenes import HEIGHT, WIDTH, make

FRAMES = 120
EDITED = 60


@pytest.mark.usefixtures("registered")
def test_what_the_full_audit_finds_of_the_shutter_counts_at_idle(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "QUIET", 0.0)
    editor = new_file(make_long(tmp_path / "long", FRAMES, WIDTH, HEIGHT, tracks=1, loop=2), file)
    clip: Any = editor.clip
    begin(editor, steps=FRAMES - 1).finish()  # by a track of its own, so that all frames are tracked
    clip.tracking.tracks[0].select = True
    with inside(editor):
        bpy.ops.clip.delete_track(confirm=False)
    assert not len(clip.tracking.tracks)
    positions = make("rolling", seed=31, tracks=50, frames=FRAMES).positions / (WIDTH, HEIGHT)
    for index, path in enumerate(positions):
        track = clip.tracking.tracks.new(name=f"Point {index}", frame=1)
        track.markers.delete_frame(1)
        for column in np.flatnonzero(np.isfinite(path[:, 0])).tolist():
            track.markers.insert_frame(column + 1, co=path[column])
    with inside(editor):
        operators.audit(level="FULL")
    assert review(clip).rolling == pytest.approx(0.5, abs=0.03)
    assert auditing.remark(clip).startswith("Rolling shutter: 0.5")

    def jumps() -> list[tuple[str, int]]:
        names = {number: name for name, number in numbers(clip).items()}
        return [(names[flag.track], flag.first) for flag in review(clip).flags if flag.kind is FlagKind.JUMP]

    assert jumps() == []
    track = next(track for track in clip.tracking.tracks if all(track.markers.find_frame(f) for f in range(40, 80)))
    marker = track.markers.find_frame(EDITED)
    marker.co = marker.co[0] + 12 / WIDTH, marker.co[1] + 12 / HEIGHT
    recording = recording_of(clip)
    assert recording is not None
    recording.look(clip, "Move", whole=True)
    for _ in range(200):
        if watch.tick() != watch.SOON and not auditing.at_idle(clip, recording):
            break
    assert recording.session is not None
    assert not FrameStates(recording.session).counts()[FrameStatus.TRACKED]

    assert jumps() == [(track.name, EDITED)]
