# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip and its session: what is recorded comes back, and what the artist changed stays."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip import marked_position, open_footage
from tracking_sessions.bridge.editor import background_editor
from tracking_sessions.bridge.shot import Shot, in_bulk
from tracking_sessions.core.errors import (
    FootageUnusable,
    Interrupted,
    NothingToTrack,
    UsageError,
)
from tracking_sessions.core.footage import find_footage
from tracking_sessions.core.model import Outcome
from tracking_sessions.core.replay import frame_of
from tracking_sessions.core.run import Run
from tracking_sessions.core.session import load_session, session_files
from tracking_sessions.tests.bpy.tracking import (
    Markers,
    chosen,
    delete_track,
    live_frames,
    markers_of,
    new_clip,
    settings_of,
    track_session,
    track_steps,
)
from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tests.footage import make_shot

FRAMES = 30


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_shot(tmp_path_factory.mktemp("shot"), FRAMES, 320, 180, tracks=12)


def stop_after(steps: int) -> Callable[[Any], None]:
    """Stops a run as a signal does."""

    def look(run: Any) -> None:
        if run.steps == steps:
            raise Interrupted("stop")

    return look


def in_a_fresh_blender(footage: Footage) -> Any:
    """Everything in memory is gone; a new file has a clip of the footage without tracks."""
    bpy.ops.wm.read_factory_settings(use_empty=False)
    return open_footage(find_footage(footage.files[0]))


def session_in(root: Path) -> Any:
    return load_session(session_files(root)[-1])


def resume(clip: Any, root: Path, after_step: Callable[[Any], None] | None = None) -> None:
    with background_editor(clip) as editor:
        shot = Shot.join(editor, session_in(root))
        with shot.session:
            run = shot.resume()
            assert run is not None
            with run:
                while run.step():
                    if after_step is not None:
                        after_step(run)


def go_on(clip: Any, root: Path, *ranges: tuple[int, int], restore: bool = True) -> None:
    """Another pass of the same session."""
    with background_editor(clip) as editor:
        shot = Shot.join(editor, session_in(root), restore=restore)
        with shot.session, shot.start(ranges) as run:
            while run.step():
                pass


def restored(footage: Footage, root: Path) -> Markers:
    clip = in_a_fresh_blender(footage)
    with background_editor(clip) as editor:
        Shot.join(editor, session_in(root)).close()
    return markers_of(clip)


def lost_and_late(clip: Any) -> None:
    """Tracks that are lost where tracking begins, or have no marker there."""
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
    assert [one["outcome"] for one in session_in(tmp_path / "cut").passes] == [outcome]
    resume(in_a_fresh_blender(footage), tmp_path / "cut")
    assert restored(footage, tmp_path / "cut") == restored(footage, tmp_path / "whole")


def test_edits_between_two_passes_are_recorded_and_survive(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 10)])
    track = clip.tracking.tracks["Survives.01"]
    marker = track.markers.find_frame(6)
    marker.co = (0.25, 0.75)
    marker.is_keyed = True
    clip.tracking.tracks["Survives.02"].markers.find_frame(4).mute = True
    clip.tracking.tracks["Survives.03"].markers.delete_frame(3)
    clip.tracking.tracks["Survives.04"].correlation_min = 0.625
    go_on(clip, tmp_path, (10, 14), restore=False)
    expected = markers_of(clip)
    assert restored(footage, tmp_path) == expected
    track = bpy.data.movieclips[0].tracking.tracks["Survives.01"]
    assert tuple(track.markers.find_frame(6).co) == (0.25, 0.75)
    assert bpy.data.movieclips[0].tracking.tracks["Survives.04"].correlation_min == 0.625


def test_a_saved_file_gets_the_later_records_and_keeps_what_was_changed_before(
    footage: Footage, tmp_path: Path
) -> None:
    file = str(tmp_path / "shot.blend")
    clip = new_clip(footage)
    clip.use_fake_user = True
    track_session(clip, tmp_path, [(1, 10)])
    clip.tracking.tracks["Survives.01"].markers.find_frame(6).co = (0.25, 0.75)
    clip.tracking.tracks["Survives.02"].name = "Mine"
    delete_track(clip, "Survives.03")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    saved = marked_position(clip)
    go_on(clip, tmp_path, (10, 14), restore=False)
    expected = markers_of(clip)

    bpy.ops.wm.open_mainfile(filepath=file)
    clip = bpy.data.movieclips[0]
    assert marked_position(clip) == saved
    assert markers_of(clip) != expected
    with background_editor(clip) as editor:
        Shot.join(editor, session_in(tmp_path)).close()
    assert markers_of(clip) == expected
    assert "Camera/Survives.03" not in expected
    assert tuple(clip.tracking.tracks["Survives.01"].markers.find_frame(6).co) == (0.25, 0.75)
    assert marked_position(clip) != saved


def test_a_change_that_was_saved_behind_the_records_stays(footage: Footage, tmp_path: Path) -> None:
    """Nothing was recorded after the file was saved: it is right as it is."""
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 10)])
    clip.tracking.tracks["Survives.01"].markers.find_frame(10).co = (0.25, 0.75)
    go_on(clip, tmp_path, (10, 12))
    assert tuple(clip.tracking.tracks["Survives.01"].markers.find_frame(10).co) == (0.25, 0.75)
    expected = markers_of(clip)
    assert restored(footage, tmp_path) == expected


def test_a_file_that_goes_on_from_records_that_do_not_count_gets_all_that_do(footage: Footage, tmp_path: Path) -> None:
    """Somebody else went on from an earlier point: two futures, of which the journal holds one."""
    root, copy = tmp_path / "root", tmp_path / "copy"
    clip = new_clip(footage)
    track_session(clip, root, [(1, 6)])
    shutil.copytree(root, copy)
    go_on(clip, root, (6, 20))
    mark = clip["tracking_sessions"]
    shutil.rmtree(root)
    copy.rename(root)
    resumed = in_a_fresh_blender(footage)
    with background_editor(resumed) as editor:
        Shot.join(editor, session_in(root)).close()
    for track in resumed.tracking.tracks:
        track.select = track.name.startswith("Survives")
    go_on(resumed, root, (6, 9))
    expected = markers_of(resumed)

    clip = in_a_fresh_blender(footage)
    clip["tracking_sessions"] = mark
    with background_editor(clip) as editor:
        Shot.join(editor, session_in(root)).close()
    assert markers_of(clip) == expected


def test_tracks_may_be_renamed_deleted_and_made_between_passes(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 8)])
    clip.tracking.tracks["Survives.01"].name = "Nagel"
    delete_track(clip, "Survives.02")
    track = clip.tracking.tracks.new(name="Survives.02", frame=8)  # a new one under an old name
    track.markers[0].co = footage.truth("Survives.03", 8)
    clip.tracking.objects.new("Cup").tracks.new(name="Survives.01", frame=3)
    clip.tracking.objects.active = clip.tracking.objects["Camera"]
    go_on(clip, tmp_path, (8, 12), restore=False)
    expected = markers_of(clip)
    expected.pop("Cup/Survives.01")  # it was never tracked
    assert next(iter(expected["Camera/Survives.02"])) in (7, 8)
    assert restored(footage, tmp_path) == expected


def numbers_in(root: Path) -> dict[str, int]:
    return {data.name: number for number, data in session_in(root).replay().tracks.items()}


def test_a_renamed_track_keeps_its_number(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    track_session(clip, tmp_path, [(1, 6)])
    before = numbers_in(tmp_path)
    tracks = clip.tracking.tracks
    tracks["Survives.01"].name = "Nagel"
    tracks["Survives.02"].name = "Survives.01"  # the name is free again
    tracks["Survives.05"].name = "exchanged"
    tracks["Survives.06"].name = "Survives.05"
    tracks["exchanged"].name = "Survives.06"
    tracks["Survives.03"].name = "moved"
    tracks["moved"].markers.find_frame(4).co = (0.25, 0.75)
    go_on(clip, tmp_path, (6, 8), restore=False)
    after = numbers_in(tmp_path)
    assert after["Nagel"] == before["Survives.01"]
    assert after["Survives.01"] == before["Survives.02"]
    assert after["Survives.05"] == before["Survives.05"]
    assert after["moved"] not in before.values()  # it has other markers: it may be another one
    assert not after.keys() & {"Survives.02", "Survives.03"}
    expected = markers_of(clip)
    assert restored(footage, tmp_path) == expected


def test_a_file_from_before_tracks_were_renamed_gets_their_new_names(footage: Footage, tmp_path: Path) -> None:
    file = str(tmp_path / "shot.blend")
    clip = new_clip(footage)
    clip.use_fake_user = True
    track_session(clip, tmp_path, [(1, 6)])
    bpy.ops.wm.save_as_mainfile(filepath=file)
    tracks = clip.tracking.tracks
    names = ["Survives.01", "Survives.02", "Survives.03"]
    for name in names:
        tracks[name].name = f"First {name}"
    go_on(clip, tmp_path, (6, 8), restore=False)
    for name in names:
        tracks[f"First {name}"].name = f"Second {name}"
    tracks["Survives.04"].name = "Survives.01"
    go_on(clip, tmp_path, (8, 10), restore=False)
    expected = markers_of(clip)

    bpy.ops.wm.open_mainfile(filepath=file)
    clip = bpy.data.movieclips[0]
    with background_editor(clip) as editor:
        Shot.join(editor, session_in(tmp_path)).close()
    assert markers_of(clip) == expected


@pytest.mark.parametrize("pair", [(1, FRAMES + 1), (0, 10), (10, 0), (FRAMES + 3, 1), (-5, -1)])
def test_frames_outside_the_clip_are_refused(footage: Footage, tmp_path: Path, pair: tuple[int, int]) -> None:
    clip = new_clip(footage)
    with pytest.raises(UsageError, match="outside the clip, which has the frames 1 to 30"):
        track_session(clip, tmp_path, [pair])
    assert not session_in(tmp_path).passes


def test_nothing_to_track_is_said_and_leaves_no_pass(footage: Footage, tmp_path: Path) -> None:
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
        Shot.join(editor, session_in(tmp_path))
    assert session_in(tmp_path).owner == ""
    assert markers_of(clip) == before


def test_a_pass_in_which_all_tracks_get_lost_is_over(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    for track in clip.tracking.tracks:
        track.select = track.name.startswith("Lost")
    track_session(clip, tmp_path, [(1, FRAMES)])
    session = session_in(tmp_path)
    (only,) = session.passes
    assert only["outcome"] == Outcome.LOST.value
    assert session.session.checkpoint_frame < FRAMES
    with background_editor(clip) as editor:
        shot = Shot.join(editor, session)
        assert shot.resume() is None
        shot.close()


def test_a_pass_whose_markers_were_deleted_is_not_resumed(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    with pytest.raises(Interrupted):
        track_session(clip, tmp_path, [(1, 20)], after_step=stop_after(5))
    for track in clip.tracking.tracks:
        track.markers.delete_frame(6)
    with background_editor(clip) as editor:
        shot = Shot.join(editor, session_in(tmp_path))
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


def test_steps_are_delivered_in_good_time(footage: Footage, tmp_path: Path) -> None:
    clip = new_clip(footage)
    waiting: list[int] = []
    with background_editor(clip) as editor:
        shot = Shot.create(editor, tmp_path, "test")
        with shot.session, shot.start([(1, FRAMES)], delivery=lambda steps: steps >= 7) as run:
            track = clip.tracking.tracks["Survives.01"]
            while run.step():
                recorded = frame_of(run.session.replay().rows(1)[-68 * 2 :][:68])
                waiting.append(recorded - max(marker.frame for marker in track.markers if not marker.mute))
    assert max(waiting) == 6
    assert in_bulk(1000)
    assert not in_bulk(10)


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
