# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks a clip in three ways, and compares the markers: for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bpy

from tracking_sessions.bridge.clip.editor import ClipEditor, background_editor
from tracking_sessions.bridge.clip.markers import merge_rows, read_rows
from tracking_sessions.bridge.clip.movie_clip import mark_of, position_in
from tracking_sessions.bridge.tracking.shot import Shot
from tracking_sessions.core.journal.rows import MARKER, is_muted, split_rows
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.tests.footage import Shot as Footage

Clip = Any  # bpy.types.MovieClip, whose attributes the stubs do not all know
Ranges = Iterable[tuple[int, int]]
Markers = dict[str, dict[int, bytes]]


def new_clip(footage: Footage, frame: int = 1, **settings: Any) -> Clip:
    """A clip with the tracks of the footage on `frame`, all selected; the scene gets the clip's length."""
    clip: Clip = bpy.data.movieclips.load(str(footage.files[0]))
    add_tracks(clip, clip.tracking.tracks, footage, frame, **settings)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, clip.frame_duration
    scene.active_clip = clip
    return clip


def add_tracks(clip: Clip, tracks: Any, footage: Footage, frame: int = 1, **settings: Any) -> None:
    for wanted in footage.tracks:
        if not footage.visible(wanted.name, frame):
            continue
        track = tracks.new(name=wanted.name, frame=frame)
        track.select = True
        for name, value in settings.items():
            setattr(track, name, value)
        place(clip, track.markers[0], footage.truth(wanted.name, frame))


def place(clip: Clip, marker: Any, co: tuple[float, float]) -> None:
    """Put a marker at `co` with a pattern of 21 pixels and a search area of 71."""
    width, height = clip.size
    marker.co = co
    x, y = 10.5 / width, 10.5 / height
    marker.pattern_corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    x, y = 35.5 / width, 35.5 / height
    marker.search_min, marker.search_max = (-x, -y), (x, y)


def chosen(clip: Clip) -> list[Any]:
    """The tracks selected by position or pattern; Blender ignores search areas, which are hidden."""
    return [
        track
        for track in clip.tracking.objects.active.tracks
        if (track.select_anchor or track.select_pattern) and not track.hide and not track.lock
    ]


def track_sequence(clip: Clip, start: int, end: int) -> None:
    """Track Forwards or Track Backwards, as Blender does it."""
    scene = bpy.context.scene
    first, last = scene.frame_start, scene.frame_end
    with background_editor(clip) as editor:
        clip.tracking.settings.speed = "FASTEST"
        scene.frame_start, scene.frame_end = (n + clip.frame_start - 1 for n in sorted((start, end)))
        editor.space.clip_user.frame_current = start + clip.frame_start - 1
        with bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region):
            bpy.ops.clip.track_markers(backwards=end < start, sequence=True)
    scene.frame_start, scene.frame_end = first, last


def track_steps(clip: Clip, start: int, end: int) -> None:
    """Track frame by frame with Blender's operator, and deselect lost tracks."""
    followed = chosen(clip)
    direction = 1 if end > start else -1
    with background_editor(clip) as editor:
        clip.tracking.settings.speed = "FASTEST"
        for frame in range(start, end, direction):
            if not any(track.select for track in followed):
                break
            reached = frame + direction
            there = {}
            for track in followed:
                if track.select and track.markers.find_frame(reached) is not None:
                    there[track.name] = split_rows(read_rows(track, 0))[reached]
                    track.markers.delete_frame(reached)  # the later marker there is the result
            editor.track(frame, backwards=direction < 0)
            for track in followed:
                if not track.select:
                    continue
                marker = track.markers.find_frame(reached)
                track.select = marker is not None and not marker.mute
                if marker is None and track.name in there:
                    merge_rows(track, {reached: there[track.name]})
    for track in followed:
        track.select = True


def track_session(
    clip: Clip,
    root: Path,
    ranges: Ranges,
    *,
    after_step: Callable[[Any], None] | None = None,
    **how: Any,
) -> None:
    """Track in a new session, as this extension does it. `how` as in `Shot.start`."""
    with background_editor(clip) as editor:
        shot = Shot.create(editor, root, "test")
        with shot.session, shot.start(list(ranges), **how) as run:
            while run.step():
                if after_step is not None:
                    after_step(run)


def join(editor: ClipEditor, session: TrackingSessionManager, **options: Any) -> Shot:
    """Join the existing session of the editor's clip by the clip's mark."""
    since = session.contained(position_in(mark_of(editor.clip), session.session.id))
    return Shot.join(editor, session, since, **options)


def markers_of(clip: Clip) -> Markers:
    """All markers of a clip, packed, by tracking object and track and by frame."""
    return {
        f"{where.name}/{track.name}": split_rows(read_rows(track, 0))
        for where in clip.tracking.objects
        for track in where.tracks
    }


def shape(markers: Markers) -> dict[str, list[tuple[int, int]]]:
    """The frames and flags of the markers, by track."""
    return {name: [(frame, row[8]) for frame, row in rows.items()] for name, rows in markers.items()}


def difference(first: Markers, second: Markers, size: Iterable[int]) -> float:
    """The largest distance, in pixels, between live markers of the same track and frame."""
    width, height = size
    largest = 0.0
    for name, rows in first.items():
        for frame, row in rows.items():
            other = second[name].get(frame)
            if other is not None and not is_muted(row):
                a, b = MARKER.unpack(row), MARKER.unpack(other)
                largest = max(largest, abs(a[3] - b[3]) * width, abs(a[4] - b[4]) * height)
    return largest


def live_frames(rows: dict[int, bytes]) -> list[int]:
    return [frame for frame, row in rows.items() if not is_muted(row)]


def settings_of(clip: Clip, without: Iterable[str] = ()) -> dict[str, Any]:
    """Every property of the clip's tracking data, of the scene's frames and of the screen; markers of the tracks whose
    names are in `without` are left out."""
    skipped = set(without)
    window = bpy.context.window_manager.windows[0]
    scene = bpy.context.scene
    return {
        "tracking": _dump(clip.tracking, skipped),
        "clips": [clip.name for clip in bpy.data.movieclips],
        "clip": (clip.name, clip.frame_start, clip.frame_offset, clip.use_fake_user, tuple(clip.size)),
        "active": [
            (where.name, where.active_track and where.active_track.name)
            for where in clip.tracking.objects
            if hasattr(where, "active_track")
        ],
        "scene": (scene.frame_current, scene.frame_start, scene.frame_end, scene.frame_subframe),
        "screen": [(area.type, area.ui_type) for area in window.screen.areas],
    }


def _dump(struct: Any, without: set[str]) -> Any:
    found: dict[str, Any] = {}
    for prop in struct.bl_rna.properties:
        name = prop.identifier
        value = getattr(struct, name)
        if name == "rna_type" or (name == "markers" and struct.name in without):
            continue
        if prop.type == "COLLECTION":
            found[name] = [_dump(item, without) for item in value]
        elif prop.type == "POINTER":
            is_reference = value is None or isinstance(value, (bpy.types.ID, bpy.types.MovieTrackingTrack))
            is_reference = is_reference or isinstance(value, (bpy.types.MovieTrackingObject,))
            found[name] = getattr(value, "name", None) if is_reference else _dump(value, without)
        elif getattr(prop, "is_array", False):
            found[name] = [list(item) if hasattr(item, "__len__") else item for item in value]
        else:
            found[name] = value
    return found


def delete_track(clip: Clip, name: str) -> None:
    """Delete a track of the active tracking object, as an artist does."""
    tracks = clip.tracking.objects.active.tracks
    selected = {track.name for track in tracks if track.select}
    for track in tracks:
        track.select = track.name == name
    with (
        background_editor(clip) as editor,
        bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region),
    ):
        bpy.ops.clip.delete_track()
    for track in tracks:
        track.select = track.name in selected
