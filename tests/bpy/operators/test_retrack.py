# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-track Forwards, Re-track Backwards and Fill Gap, on rendered footage whose true positions are known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest

from tracking_sessions.bridge.clip.movie_clip import clip_size
from tracking_sessions.core.journal.decisions import OverrideKind
from tracking_sessions.core.journal.rows import KEYED, flags_of, is_muted, position_of
from tracking_sessions.core.model.flags import Flag, FlagKind, Severity
from tracking_sessions.core.model.frame_status import FrameStatus
from tracking_sessions.core.review.frames import FrameStates
from tracking_sessions.core.tracking.retrack import DISTANCE
from tracking_sessions.operators import status
from tracking_sessions.operators.retrack import Retracks
from tracking_sessions.tests.bpy.panels.layout import drawn
from tracking_sessions.tests.bpy.recordings import edits_of, recorded, unnumbered
from tracking_sessions.tests.bpy.retracks import (
    BAD,
    NAME,
    WAYS,
    audit,
    begun,
    delete,
    displace,
    drift,
    error,
    keyed,
    number_of,
    rows_of,
    run,
    told,
    tracked,
)
from tracking_sessions.tests.bpy.tracker import live_frames, markers_of
from tracking_sessions.tests.bpy.window import FRAMES, held_session_of, inside, new_file, track
from tracking_sessions.tests.footage import Shot as Footage

pytestmark = pytest.mark.usefixtures("registered")


# Re-track


@pytest.mark.parametrize("way", WAYS)
def test_a_jump_is_replaced_and_the_good_markers_stay(footage: Footage, file: Path, way: str) -> None:
    editor = tracked(footage, file)
    displace(editor.clip, BAD, 6, -4)
    before = rows_of(editor.clip)
    others = markers_of(editor.clip)
    assert error(footage, before, BAD) > 5
    assert run(editor, f"retrack_{way}", WAYS[way]) == {"FINISHED"}
    after = rows_of(editor.clip)
    assert error(footage, after, BAD) < 0.5
    assert {frame for frame in before if after[frame] != before[frame]} == {*BAD, WAYS[way]}
    assert after.keys() == before.keys()
    assert after[WAYS[way]] == keyed(before[WAYS[way]])
    assert not any(is_muted(after[frame]) or flags_of(after[frame]) & KEYED for frame in BAD)
    assert markers_of(editor.clip) == {**others, f"Camera/{NAME}": after}
    assert bpy.context.scene.frame_current == WAYS[way]
    assert recorded(file) == {name: unnumbered(rows) for name, rows in markers_of(editor.clip).items()}


@pytest.mark.parametrize("way", WAYS)
def test_a_retrack_is_an_override_whose_frames_are_to_be_audited_again(footage: Footage, file: Path, way: str) -> None:
    editor = tracked(footage, file)
    displace(editor.clip, BAD, 6, -4)
    number = number_of(file)
    jump = Flag(FlagKind.JUMP, Severity.ERROR, number, BAD.start, BAD.start, 7.2, 0.5, "px")
    audit(editor, jump, drift(number, BAD.start, BAD[-1]))
    states = FrameStates(held_session_of(file))
    assert (states.status(BAD.start), states.status(BAD[-1])) == (FrameStatus.AUDIT_FAIL, FrameStatus.AUDIT_WARN)
    run(editor, f"retrack_{way}", WAYS[way])
    session = held_session_of(file)
    states, (override,) = FrameStates(session), session.review.overrides
    assert (override.kind, override.track) == (OverrideKind.RETRACK, number)
    assert (override.first, override.last) == (BAD.start, BAD[-1])
    assert override.who and override.time
    assert {states.status(frame) for frame in BAD} == {FrameStatus.TRACKED}
    assert states.status(BAD.stop + 1) == FrameStatus.APPROVED
    assert session.review.flags == []
    assert all(states.frame(frame).report.auto_corrected for frame in BAD)


def test_suspect_markers_are_not_joined(footage: Footage, file: Path) -> None:
    """A drift begins so slowly that the new markers are close to the first bad ones."""
    editor = tracked(footage, file)
    for frame in BAD:
        displace(editor.clip, [frame], 0.15 * (frame - BAD.start + 1), 0.1)
    before = rows_of(editor.clip)
    assert run(editor, "retrack_forwards", WAYS["forwards"]) == {"CANCELLED"}
    assert rows_of(editor.clip) == before
    assert not held_session_of(file).review.overrides
    audit(editor, drift(number_of(file), BAD.start, BAD[-1]))
    assert run(editor, "retrack_forwards", WAYS["forwards"]) == {"FINISHED"}
    after = rows_of(editor.clip)
    assert error(footage, after, BAD) < error(footage, before, BAD) / 3
    assert all(after[frame] == before[frame] for frame in range(BAD.stop, FRAMES + 1))


@pytest.mark.parametrize("way", WAYS)
def test_on_a_problem_it_begins_at_the_nearest_good_marker(footage: Footage, file: Path, way: str) -> None:
    """A click on a problem goes to its frame, whose marker is the wrong one to follow."""
    editor = tracked(footage, file)
    displace(editor.clip, BAD, 6, -4)
    other = "Survives.02"
    before = markers_of(editor.clip)
    audit(editor, drift(number_of(file), BAD.start, BAD[-1]))
    editor.clip.tracking.tracks[other].select = True
    width, _ = clip_size(editor.clip)
    for frame in (*range(9, 12), *range(13, 16)):
        editor.clip.tracking.tracks[other].markers.find_frame(frame).co[0] += 5 / width
    assert run(editor, f"retrack_{way}", 12) == {"FINISHED"}
    after = markers_of(editor.clip)
    assert error(footage, after[f"Camera/{NAME}"], BAD) < 0.5
    changed = {frame for frame, row in after[f"Camera/{NAME}"].items() if row != before[f"Camera/{NAME}"][frame]}
    assert changed == {WAYS[way], *BAD}
    (mine,) = [each for each in held_session_of(file).review.overrides if each.track == number_of(file, other)]
    assert (mine.first, mine.last) == ((13, 15) if way == "forwards" else (9, 11)), "this one begins on the frame"


def test_markers_that_are_never_met_are_replaced_to_the_end_of_their_segment(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    bad = range(10, 19)
    displace(editor.clip, bad, 6, -4)
    delete(editor.clip, [bad.stop])
    before = rows_of(editor.clip)
    assert run(editor, "retrack_forwards", 9) == {"FINISHED"}
    after = rows_of(editor.clip)
    assert error(footage, after, bad) < 0.5
    assert live_frames(after) == live_frames(before)
    assert after[bad.stop][12:] == after[bad[-1]][12:], "a muted copy ends the segment"
    assert all(after[frame] == before[frame] for frame in range(bad.stop + 1, FRAMES + 1))


def test_a_marker_that_a_person_has_keyed_stays(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    displace(editor.clip, range(10, FRAMES + 1), 6, -4)
    editor.clip.tracking.tracks[NAME].markers.find_frame(14).is_keyed = True
    before = rows_of(editor.clip)
    assert run(editor, "retrack_forwards", 9) == {"FINISHED"}
    after = rows_of(editor.clip)
    assert {frame for frame in before if after[frame] != before[frame]} == {9, *range(10, 14)}
    (override,) = held_session_of(file).review.overrides
    assert (override.first, override.last) == (10, 13)


def test_a_retrack_from_the_end_of_a_segment_bridges_the_gap_or_changes_nothing(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    delete(editor.clip, BAD)
    before = rows_of(editor.clip)
    assert run(editor, "retrack_forwards", WAYS["forwards"]) == {"FINISHED"}
    after = rows_of(editor.clip)
    assert live_frames(after) == list(range(1, FRAMES + 1))
    assert error(footage, after, BAD) < 0.5
    bpy.ops.ed.undo_push(message="Re-track")
    delete(editor.clip, BAD)
    displace(editor.clip, range(BAD.stop, FRAMES + 1), 6, -4)
    before = rows_of(editor.clip)
    assert run(editor, "retrack_forwards", WAYS["forwards"]) == {"CANCELLED"}
    assert rows_of(editor.clip) == before


def test_a_lost_track_keeps_its_markers_behind_the_loss(footage: Footage, file: Path) -> None:
    editor = new_file(footage, file)
    track(editor, 1, FRAMES)
    clip = editor.clip
    name = next(each.name for each in footage.tracks if each.kind == "lost")
    rows = markers_of(clip)[f"Camera/{name}"]
    last = max(live_frames(rows))
    markers = clip.tracking.tracks[name].markers
    for frame in range(last + 1, FRAMES + 1):  # as if another tracker had drifted on
        marker = markers.insert_frame(frame, co=(0.5, 0.5))
        marker.is_keyed = marker.mute = False
    for each in clip.tracking.tracks:
        each.select = each.name == name
    before = markers_of(clip)[f"Camera/{name}"]
    audit(editor, drift(number_of(file, name), last - 1, FRAMES))
    assert run(editor, "retrack_forwards", last - 2) == {"FINISHED"}
    after = markers_of(clip)[f"Camera/{name}"]
    lost = next(frame for frame in range(last - 1, FRAMES + 1) if is_muted(after[frame]))
    assert lost <= last + 3
    assert {frame: row for frame, row in after.items() if frame > lost} == {
        frame: row for frame, row in before.items() if frame > lost
    }


def test_several_tracks_join_where_each_meets_its_own_markers(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    other = "Survives.02"
    editor.clip.tracking.tracks[other].select = True
    displace(editor.clip, range(10, 12), 6, -4)
    width, height = clip_size(editor.clip)
    for frame in range(10, 19):
        marker = editor.clip.tracking.tracks[other].markers.find_frame(frame)
        marker.co = marker.co[0] - 5 / width, marker.co[1] + 5 / height
    before = markers_of(editor.clip)
    assert run(editor, "retrack_forwards", 9) == {"FINISHED"}
    after = markers_of(editor.clip)
    changed = {
        key: {frame for frame in rows if after[key][frame] != rows[frame]}
        for key, rows in before.items()
        if after[key] != rows
    }
    assert changed == {f"Camera/{NAME}": {9, 10, 11}, f"Camera/{other}": {9, *range(10, 19)}}
    overrides = held_session_of(file).review.overrides
    assert {(each.track, each.first, each.last) for each in overrides} == {
        (number_of(file, NAME), 10, 11),
        (number_of(file, other), 10, 18),
    }


# Fill


def test_a_gap_is_filled_from_both_sides(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    delete(editor.clip, BAD)
    before = rows_of(editor.clip)
    assert run(editor, "fill_gap", 12) == {"FINISHED"}
    after = rows_of(editor.clip)
    assert live_frames(after) == list(range(1, FRAMES + 1))
    assert error(footage, after, BAD) < 0.5
    assert {frame: row for frame, row in after.items() if frame not in BAD} == before
    assert not any(flags_of(after[frame]) for frame in BAD)
    (override,) = held_session_of(file).review.overrides
    assert (override.kind, override.first, override.last) == (OverrideKind.FILL, BAD.start, BAD[-1])
    assert recorded(file)[f"Camera/{NAME}"] == unnumbered(after)


def test_a_filled_gap_shares_the_drift_of_both_ends(footage: Footage, file: Path) -> None:
    """The right segment lies beside the left one: the new markers lead from one to the other without a step."""
    editor = tracked(footage, file)
    displace(editor.clip, range(BAD.stop, FRAMES + 1), 0.6, 0)
    whole = rows_of(editor.clip)
    delete(editor.clip, BAD)
    assert run(editor, "fill_gap", 12) == {"FINISHED"}
    after = rows_of(editor.clip)
    offsets = [(position_of(after[at])[0] - footage.truth(NAME, at)[0]) * footage.width for at in range(9, 16)]
    steps = [b - a for a, b in pairwise(offsets)]
    assert 0.4 < offsets[-1] - offsets[0] < 0.8
    assert max(map(abs, steps)) < 0.3
    assert after[BAD.stop] == whole[BAD.stop]


def test_a_gap_whose_sides_do_not_agree_stays(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    displace(editor.clip, range(BAD.stop, FRAMES + 1), 3, 0)
    delete(editor.clip, BAD)
    before, edits = rows_of(editor.clip), edits_of(file)
    reports = told(editor, "fill_gap", 12)
    assert rows_of(editor.clip) == before
    assert len(reports) == 1 and "the gap stays: both sides are" in reports[0] and "more than 1 px" in reports[0]
    assert "Fill Gap" not in edits_of(file)[len(edits) :]
    assert not held_session_of(file).review.overrides
    assert run(editor, "fill_gap", 12, join_distance=5.0) == {"FINISHED"}


def test_a_click_takes_the_distance_of_the_scene(footage: Footage, file: Path) -> None:
    chosen = bpy.context.scene.tracking_sessions  # type: ignore[attr-defined]
    assert chosen.join_distance == DISTANCE
    chosen.join_distance = 5.0

    class Clicked(SimpleNamespace):
        properties = SimpleNamespace(is_property_set=lambda _: False)
        _chosen, _choose = Retracks._chosen, Retracks._choose

    clicked: Any = Clicked()
    clicked._choose(bpy.context)
    assert clicked.join_distance == 5.0


# In the clip


def test_plane_tracks_follow(footage: Footage, file: Path) -> None:
    """Only in the end, as the tracks do: Escape leaves them too."""
    editor = tracked(footage, file)
    for each in editor.clip.tracking.tracks:
        each.select = each.name in (NAME, "Survives.02", "Survives.03", "Survives.04")
    with inside(editor):
        editor.space.clip_user.frame_current = bpy.context.scene.frame_current = WAYS["forwards"]
        bpy.ops.clip.create_plane_track()
    (plane,) = editor.clip.tracking.plane_tracks

    def corners() -> dict[int, list[tuple[float, ...]]]:
        return {marker.frame: [tuple(corner) for corner in marker.corners] for marker in plane.markers}

    good = corners()
    assert good.keys() >= {*BAD}
    for each in editor.clip.tracking.tracks:
        each.select = each.name == NAME
    displace(editor.clip, BAD, 6, -4)
    with inside(editor):  # as after Blender's tracker, with the bad markers
        editor.move_planes([editor.clip.tracking.tracks[NAME]], WAYS["forwards"])
    bad = corners()
    assert bad != good
    run(editor, "retrack_forwards", WAYS["forwards"])
    width, height = clip_size(editor.clip)
    assert (
        max(
            abs(mended[i] - wanted[i]) * (width, height)[i]
            for frame in BAD
            for mended, wanted in zip(corners()[frame], good[frame], strict=True)
            for i in range(2)
        )
        < 0.5
    )


def test_what_has_joined_is_not_counted_as_lost(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    editor.clip.tracking.tracks["Survives.02"].select = True
    displace(editor.clip, range(10, 11), 6, -4)
    width, _ = clip_size(editor.clip)
    for frame in range(10, 20):
        editor.clip.tracking.tracks["Survives.02"].markers.find_frame(frame).co[0] += 5 / width
    ran = begun(editor, "retrack_forwards", 9)
    while ran.run.steps < 5:
        assert ran.tick(0)
    assert status.tracks_text(ran) == "2 Followed, 0 Lost"
    assert [follower.number for follower in ran._copies._followers] == [number_of(file, "Survives.02")]
    ran.run.suspend()  # as before a save
    while ran.tick():
        pass
    assert ran.changed == 2


def test_the_panels_button_stops_a_retrack_and_does_not_say_that_it_pauses(footage: Footage, file: Path) -> None:
    editor = tracked(footage, file)
    displace(editor.clip, BAD, 6, -4)
    ran = begun(editor, "retrack_forwards", 9)
    assert drawn(editor).buttons == ["Stop"]
    ran.finish()
