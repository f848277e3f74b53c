# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip and its session: a stopped pass resumes, an impossible pass is refused and leaves the clip unchanged."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.tracking.shot import Shot
from tracking_sessions.core.errors import FootageUnusable, Interrupted, NothingToTrack, UsageError
from tracking_sessions.core.journal.rows import frame_of
from tracking_sessions.core.model.types import Outcome
from tracking_sessions.core.tracking.run import InBulk, Run
from tracking_sessions.tests.bpy.tracker import (
    chosen,
    join,
    live_frames,
    markers_of,
    new_clip,
    settings_of,
    track_session,
    track_steps,
)
from tracking_sessions.tests.bpy.tracking.shot.passes import (
    FRAMES,
    in_a_fresh_blender,
    restored,
    resume,
    session_in,
    stop_after,
)
from tracking_sessions.tests.footage import Shot as Footage


def lost_and_late(clip: Any) -> None:
    """Tracks that are lost on the start frame, or have no marker there."""
    track_steps(clip, 12, 9)
    track_steps(clip, 12, 15)
    tracks = clip.tracking.tracks
    for track in tracks[:3]:
        track.markers.find_frame(12).mute = True
    for track in tracks[3:6]:
        for frame in (10, 11, 12):
            track.markers.delete_frame(frame)
    for track in tracks[6:8]:
        for frame in range(8, 13):
            track.markers.delete_frame(frame)


@pytest.mark.parametrize("steps", [1, 2, 8])
@pytest.mark.parametrize(
    ("ranges", "match"),
    [
        ([(12, FRAMES)], "KEYFRAME"),
        ([(12, FRAMES)], "PREV_FRAME"),
        ([(12, 1)], "KEYFRAME"),
        ([(12, 1)], "PREV_FRAME"),
        ([(12, 20), (12, 1)], "KEYFRAME"),
    ],
)
def test_a_stopped_pass_goes_on_to_the_same_bits(
    footage: Footage, tmp_path: Path, ranges: list[tuple[int, int]], match: str, steps: int
) -> None:
    clip = new_clip(footage, 12, pattern_match=match)
    lost_and_late(clip)
    track_session(clip, tmp_path / "whole", ranges)
    expected = markers_of(clip)

    clip = new_clip(footage, 12, pattern_match=match)
    lost_and_late(clip)
    with pytest.raises(Interrupted):
        track_session(clip, tmp_path / "cut", ranges, after_step=stop_after(steps))
    clip = in_a_fresh_blender(footage)
    with suppress(Interrupted):
        resume(clip, tmp_path / "cut", stop_after(2))
    resume(in_a_fresh_blender(footage), tmp_path / "cut")
    assert restored(footage, tmp_path / "cut") == expected


@pytest.mark.parametrize("ranges", [[(12, 20)], [(12, 5)]])
def test_a_pass_that_recorded_nothing_yet_begins_with_all_its_tracks(
    footage: Footage, tmp_path: Path, ranges: list[tuple[int, int]]
) -> None:
    clip = new_clip(footage, 12)
    lost_and_late(clip)
    track_session(clip, tmp_path / "whole", ranges)
    expected = markers_of(clip)

    clip = new_clip(footage, 12)
    lost_and_late(clip)
    with background_editor(clip) as editor:
        shot = Shot.create(editor, tmp_path / "cut", "test")
        with shot.session:
            shot.start(ranges)  # and Blender dies
    resume(in_a_fresh_blender(footage), tmp_path / "cut")
    assert restored(footage, tmp_path / "cut") == expected


@pytest.mark.parametrize("is_closed", [False, True])
def test_the_pass_that_was_to_follow_is_tracked_after_a_stop(footage: Footage, tmp_path: Path, is_closed: bool) -> None:
    def stop(run: Run) -> None:
        if run.steps == 3 and run.is_at_end != is_closed:
            raise Interrupted("stop")

    ranges = [(12, 15), (12, 8)]
    clip = new_clip(footage, 12)
    track_session(clip, tmp_path / "whole", ranges)
    with pytest.raises(Interrupted):
        track_session(new_clip(footage, 12), tmp_path / "cut", ranges, after_step=stop)
    outcome = Outcome.COMPLETE.value if is_closed else "running"
    assert [summary.outcome_word for summary in session_in(tmp_path / "cut").passes] == [outcome]
    resume(in_a_fresh_blender(footage), tmp_path / "cut")
    assert restored(footage, tmp_path / "cut") == restored(footage, tmp_path / "whole")


@pytest.mark.parametrize("pair", [(1, FRAMES + 1), (0, 10), (10, 0), (FRAMES + 3, 1), (-5, -1)])
def test_frames_outside_the_clip_are_refused(footage: Footage, tmp_path: Path, pair: tuple[int, int]) -> None:
    clip = new_clip(footage)
    with pytest.raises(UsageError, match="outside the clip, which has the frames 1 to 30"):
        track_session(clip, tmp_path, [pair])
    assert not session_in(tmp_path).passes


def test_a_refused_start_leaves_no_pass(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    for track in clip.tracking.tracks:
        track.markers[0].mute = True
    with pytest.raises(NothingToTrack, match="frame 1"):
        track_session(clip, tmp_path, [(1, 5)])
    assert not session_in(tmp_path).passes


def test_footage_that_has_changed_is_refused_and_nobody_owns_the_session(footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    shutil.copytree(footage.folder, folder)
    clip = new_clip(footage)
    clip.filepath = str(folder / footage.files[0].name)
    track_session(clip, tmp_path, [(1, 6)])
    before = markers_of(clip)
    shutil.copy(footage.files[20], folder / footage.files[3].name)
    with background_editor(clip) as editor, pytest.raises(FootageUnusable, match="changed"):
        join(editor, session_in(tmp_path))
    assert session_in(tmp_path).owner == ""
    assert markers_of(clip) == before


def test_a_pass_in_which_all_tracks_get_lost_is_over(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    for track in clip.tracking.tracks:
        track.select = track.name.startswith("Lost")
    track_session(clip, tmp_path, [(1, FRAMES)])
    session = session_in(tmp_path)
    (only,) = session.passes
    assert only.outcome is Outcome.LOST
    assert session.session.checkpoint_frame < FRAMES
    with background_editor(clip) as editor:
        shot = join(editor, session)
        assert shot.resume() is None
        shot.session.close()


def test_a_pass_whose_markers_were_deleted_is_not_resumed(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    with pytest.raises(Interrupted):
        track_session(clip, tmp_path, [(1, 20)], after_step=stop_after(5))
    for track in clip.tracking.tracks:
        track.markers.delete_frame(6)
    with background_editor(clip) as editor:
        shot = join(editor, session_in(tmp_path))
        with shot.session, pytest.raises(NothingToTrack, match="frame 6"):
            shot.resume()


def test_a_lost_track_that_was_placed_again_takes_part_in_the_rest(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    with pytest.raises(Interrupted):
        track_session(clip, tmp_path, [(1, 25)], after_step=stop_after(20))
    track = clip.tracking.tracks["Lost.01"]
    assert max(live_frames(markers_of(clip)["Camera/Lost.01"])) < 21
    track.markers.insert_frame(21, co=footage.truth("Survives.01", 21))
    marker = track.markers.find_frame(21)
    example = clip.tracking.tracks["Survives.01"].markers.find_frame(21)
    marker.pattern_corners = example.pattern_corners
    marker.search_min, marker.search_max = example.search_min, example.search_max
    resume(clip, tmp_path)
    assert max(live_frames(markers_of(clip)["Camera/Lost.01"])) == 25


@pytest.mark.parametrize(("after_step", "most"), [(InBulk(7), 6), (InBulk(), FRAMES - 1)])
def test_the_tracks_get_their_markers_in_bulk(footage: Footage, tmp_path: Path, after_step: InBulk, most: int) -> None:
    clip = new_clip(footage)
    waiting: list[int] = []
    with background_editor(clip) as editor:
        shot = Shot.create(editor, tmp_path, "test")
        with shot.session, shot.start([(1, FRAMES)], after_step=after_step) as run:
            track = clip.tracking.tracks["Survives.01"]
            while run.step():
                recorded = frame_of(shot.session.replay().rows(1)[-68 * 2 :][:68])
                waiting.append(recorded - max(marker.frame for marker in track.markers if not marker.mute))
    assert max(waiting) == most


def test_a_clip_is_left_as_it_was_but_for_its_markers(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    clip.tracking.tracks["Survives.05"].select = False
    clip.tracking.tracks.active = clip.tracking.tracks["Survives.05"]
    clip.tracking.objects.new("Cup")
    clip.tracking.objects.active = clip.tracking.objects["Camera"]
    bpy.context.scene.frame_current = 17
    names = [track.name for track in chosen(clip)]
    before = settings_of(clip, without=names)
    track_session(clip, tmp_path, [(1, 10), (1, 1)])
    assert settings_of(clip, without=names) == before
