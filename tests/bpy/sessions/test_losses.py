# SPDX-License-Identifier: GPL-3.0-or-later
"""The lost tracks of a session, compared with the markers in the clip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracking_sessions import cli
from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.core.journal.rows import is_muted
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import Clip, join, markers_of, new_clip, place, track_session
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

FRAMES = 40


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=24)


def given_up(clip: Clip, direction: int) -> dict[tuple[str, str], int]:
    """The lost tracks of the clip: two muted markers stand behind their last live frame, but one where a track left."""
    found: dict[tuple[str, str], int] = {}
    for name, rows in markers_of(clip).items():
        live = [frame for frame, row in rows.items() if not is_muted(row)]
        after = (max(live) if direction > 0 else min(live)) + direction
        if all(frame in rows and is_muted(rows[frame]) for frame in (after, after + direction)):
            where, _, track = name.partition("/")
            found[where, track] = after
    return found


@pytest.mark.parametrize(("start", "end"), [(1, FRAMES), (FRAMES, 1)])
def test_the_lost_tracks_are_those_that_the_clip_shows(
    footage: Footage, tmp_path: Path, start: int, end: int, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = new_clip(footage, start)
    track_session(clip, tmp_path, [(start, end)])
    (file,) = session_files(tmp_path)
    lost = load_session(file).lost
    expected = given_up(clip, 1 if end > start else -1)
    assert len(expected) >= 3
    assert {track: frame for frame in lost.frames for track in lost.tracks(frame)} == expected
    if start < end:
        followed = load_session(file).passes[0].alive
        assert followed < len(clip.tracking.tracks) - len(expected), "others left the picture"
    frame, (name, *_) = next((frame, [name for _, name in lost.tracks(frame)]) for frame in lost.frames)
    assert cli.main(["info", file.stem, "--root", str(tmp_path)]) == 0
    assert f"Lost at frame {frame}: {name}" in capsys.readouterr().out
    assert cli.main(["info", file.stem, "--root", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["lost"]
    assert {name: int(frame) for frame, names in told.items() for name in names} == {
        name: frame for (_, name), frame in expected.items()
    }


def test_a_track_that_is_tracked_again_over_the_frame_is_no_longer_lost(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, FRAMES)])
    (file,) = session_files(tmp_path)
    before = load_session(file).lost
    frame = next(iter(before.frames))
    _, name = before.tracks(frame)[0]
    survivor = next(t for t in clip.tracking.tracks if t.markers.find_frame(FRAMES) and t.name != name)
    for track in clip.tracking.tracks:
        track.select = track.name == name
    lost = clip.tracking.tracks[name]
    place(clip, lost.markers.insert_frame(frame - 1), survivor.markers.find_frame(frame - 1).co)
    lost.markers.find_frame(frame - 1).mute = False
    with background_editor(clip) as editor:
        shot = join(editor, load_session(file))
        with shot.session, shot.start([(frame - 1, frame + 1)]) as run:
            while run.step():
                pass
    assert not lost.markers.find_frame(frame).mute
    after = load_session(file).lost
    assert name not in [name for _, name in after.tracks(frame)]
    others = {(at, track) for at in before.frames for _, track in before.tracks(at)} - {(frame, name)}
    assert others <= {(at, track) for at in after.frames for _, track in after.tracks(at)}
