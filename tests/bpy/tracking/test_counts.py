# SPDX-License-Identifier: GPL-3.0-or-later
"""A running pass tells the tracks that it follows from those that it lost and those that left the picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracking_sessions.operators.status import tracks_text
from tracking_sessions.tests.bpy.window import begin, new_file
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

pytestmark = [pytest.mark.usefixtures("registered"), pytest.mark.alone]


def test_tracks_that_are_lost_and_tracks_that_leave_the_picture_are_counted(tmp_path: Path, file: Path) -> None:
    run = begin(new_file(make_shot(tmp_path / "plate", 60, 320, 180, tracks=24), file))
    names = {number: data.name for number, data in run.shot.session.replay().tracks.items()}
    assert (run.lost, run.run.left) == (0, 0)
    while run.tick(0):
        lost = {number for tracks in run.shot.session.lost.frames.values() for number in tracks}
        left = names.keys() - run.run.alive - lost
        assert (run.lost, run.run.left) == (len(lost), len(left))
    assert left and {names[number].partition(".")[0] for number in left} == {"Leaves"}
    assert "Lost" in {names[number].partition(".")[0] for number in lost}
    words = f"{len(run.run.alive)} Followed, {len(lost)} Lost, {len(left)} Left the Picture"
    assert tracks_text(run) == words


def test_tracks_that_had_no_marker_to_follow_are_not_called_lost(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    tracks = editor.clip.tracking.tracks
    for track in (tracks[0], tracks[1]):
        track.markers[0].mute = True
    run = begin(editor)
    while run.tick(0) and run.run.steps < 2:
        pass
    assert (run.run.followed, run.lost, run.run.left) == (len(tracks) - 2, 0, 0)


# Updates of the artist's tracks
