# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks at a cost per step that does not grow with the shot.

For each call Blender copies all markers of all tracks of the active tracking object into libmv, which searches its
tracks from the front, so a step gets slower with every tracked frame. libmv itself reads only the last 21 usable
markers of a track and its reference keyframe (`PredictMarkerPosition` in libmv's `autotrack/predict_tracks.cc`,
`tracking_get_keyframed_marker` in Blender's `tracking_util`). So the working set, a second tracking object with just
these markers, gives the same bits. In a window it lies in the artist's clip, so that Blender reads each picture once to
track and to display it; without a window it lies in a clip of its own.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import ClipChanged
from ...core.journal.rows import (
    GUARDED,
    KEYED,
    MARKER,
    MUTED,
    all_flags_of,
    flags_of,
    frame_of,
    frames_of,
    is_muted,
    row_at,
    track_of,
    with_head,
    with_row,
)
from ...core.model.types import Pass
from ...core.tracking.run import Step
from ..clip.editor import ClipEditor
from ..clip.markers import SETTINGS, mask_name, merge_rows, read_rows, write_rows
from .artist_tracks import ArtistTracks

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingMarker, MovieTrackingObject, MovieTrackingTrack

OBJECT_NAME = ".tracking_sessions"
LOOKBACK = 22  # usable markers in the working set; libmv predicts from 21
REFRESH = 16  # steps between two refreshes of the earlier markers in a backwards pass

_FREE, _MUTED, _KEYED = 0, 1, 2  # kinds of markers for the search for the reference
_KINDS = bytes(_MUTED if flags & MUTED else _KEYED if flags & KEYED else _FREE for flags in range(256))  # by flags


def remove_leftovers(clip: MovieClip) -> None:
    """Remove working sets that a crash, an undo step or a saved file brought back."""
    for found in [found for found in clip.tracking.objects if found.name.startswith(OBJECT_NAME)]:
        active = clip.tracking.objects.active
        clip.tracking.objects.remove(found)
        if active != found:
            clip.tracking.objects.active = active


def reference_of(kinds: bytes, index: int, *, backwards: bool) -> tuple[int, ...]:
    """The indices of the markers that decide the reference of the marker at `index`.

    `kinds` has a byte for each marker of the track, by frame. Blender takes the nearest keyed marker on the side that
    the tracking comes from, else the first marker of the nearest segment; the muted marker before a segment then
    counts too. Empty if all markers are muted.
    """
    if backwards:
        keyed = kinds.find(_KEYED, index)
        border = kinds.find(bytes((_FREE, _MUTED)), index)
        if keyed >= 0 or border >= 0:
            return (keyed,) if keyed >= 0 else (border, border + 1)
        end = len(kinds) - 1
        return (end,) if kinds[end] == _FREE else ()
    keyed = kinds.rfind(_KEYED, 0, index + 1)
    border = kinds.rfind(bytes((_MUTED, _FREE)), 0, index + 1)
    if keyed >= 0 or border >= 0:
        return (keyed,) if keyed >= 0 else (border + 1, border)
    return (0,) if kinds[0] == _FREE else ()


def needed(frames: Sequence[int], kinds: bytes, frame: int, *, backwards: bool, keyframe: bool) -> list[int]:
    """The ascending indices of the markers that Blender reads to track from `frame`, on which there must be a marker.

    These are the nearest `LOOKBACK` usable markers at and before the frame, for a backwards pass also the same number
    after it (libmv predicts from earlier markers if there are any, else from later ones), the muted markers in between,
    and the reference of the tracked marker. A backwards pass gets more earlier markers, enough until the next refresh.
    """
    here = bisect_right(frames, frame)
    low, usable = here, 0
    wanted = LOOKBACK + REFRESH if backwards else LOOKBACK
    while low > 0 and usable < wanted:
        low -= 1
        usable += kinds[low] != _MUTED
    high, usable = here, 0
    wanted = LOOKBACK if backwards else 0
    while high < len(frames) and usable < wanted:
        usable += kinds[high] != _MUTED
        high += 1
    keep = set(range(low, high))
    if keyframe and kinds[here - 1] != _MUTED:
        keep.update(reference_of(kinds, here - 1, backwards=backwards))
    return sorted(keep)


def _with_start(track: MovieTrackingTrack, rows: bytes, frames: Sequence[int], frame: int) -> bytes:
    """The packed markers with an added one on `frame`.

    Before tracking Blender copies a marker to this frame. Its search chooses the marker, at times the next one.
    """
    model = track.markers.find_frame(frame, exact=False)
    assert model is not None  # the track has markers
    row = row_at(rows, bisect_left(frames, model.frame))
    copy = with_head(row, track_of(row), frame, flags_of(row))
    return with_row(rows, bisect_left(frames, frame), copy)


class _Follower:
    """The short copy of an artist's track in the working set."""

    def __init__(
        self, number: int, track: MovieTrackingTrack, rows: bytes, work: MovieTrackingTrack, plan: Pass, frame: int
    ) -> None:
        """`rows`: the markers of `track`, by frame."""
        self.number = number
        self.work = work
        # kept, because for each track and step their lookup costs as much as the call
        self.find_marker, self.delete_marker = work.markers.find_frame, work.markers.delete_frame
        is_keyframe = track.pattern_match == "KEYFRAME"
        for name in SETTINGS:  # `check_settings` has refused values that cannot be set
            setattr(work, name, getattr(track, name))
        setattr(work, mask_name(work), getattr(track, mask_name(track)))
        frames = frames_of(rows)
        self.is_trackable = bool(frames)
        if not frames:
            work.select = False
            return
        near = frames[max(bisect_left(frames, frame) - 1, 0) : bisect_right(frames, frame) + 1]
        if frame not in near:
            rows = _with_start(track, rows, frames, frame)
            frames = frames_of(rows)
        kinds = all_flags_of(rows).translate(_KINDS)
        keep = needed(frames, kinds, frame, backwards=plan.backwards, keyframe=is_keyframe)
        before, behind = bisect_left(frames, frame), bisect_right(frames, frame)
        self.lacks = [at for at in (frame, frame - plan.direction) if at not in near]
        """Frames around the start on which Blender may make a marker in the first step."""
        self.ahead = frozenset(frames[:before] if plan.backwards else frames[behind:])
        """Frames to come on which the artist's track has a marker, which gets no guard."""
        self._rows = rows if plan.backwards else b""
        self._earlier = keep[0] if plan.backwards else 0
        """The number of earlier markers that a backwards pass still has to add."""
        found = reference_of(kinds, before, backwards=plan.backwards) if is_keyframe else ()
        self.reference = frames[found[0]] if found else None
        """The clip frame with the reference image of the pattern, besides the current frame."""
        # Blender's functions take frames below 0 for 0
        keep = [index for index in keep if frames[index] >= 0]
        self._stays = frozenset(frames[index] for index in found)
        usable = [frames[index] for index in keep if kinds[index] != _MUTED and index not in found]
        self._passed = deque(sorted((at for at in usable if (frame - at) * plan.direction > 0), reverse=plan.backwards))
        """The frames of the usable markers behind the current one, the farthest first, without the reference."""
        write_rows(work, b"".join(row_at(rows, index) for index in keep))
        work.select = True
        work.hide = work.lock = False

    def leave(self, frame: int) -> None:
        """Note that the pass has left `frame`, and delete the marker that Blender no longer reads."""
        if frame not in self._stays:
            self._passed.append(frame)
        if len(self._passed) > LOOKBACK:
            self.delete_marker(self._passed.popleft())

    def refresh(self) -> None:
        """Add the earlier markers that Blender will read in the next steps of a backwards pass."""
        coming: dict[int, bytes] = {}
        usable = 0
        while self._earlier and usable < REFRESH:
            self._earlier -= 1
            row = row_at(self._rows, self._earlier)
            if frame_of(row) >= 0:
                coming[frame_of(row)] = row
            usable += not is_muted(row)
        merge_rows(self.work, coming)

    def retire(self) -> None:
        """Deselect the copy and delete all its markers but one, because Blender removes no single track."""
        markers = self.work.markers
        self.work.select = False
        while len(markers) > 1:
            markers.delete_frame(markers[0].frame)
        markers[0].mute = True  # Blender then searches no reference for it


class WorkingSet:
    """Tracks the passes of one clip; the `Tracker` that a `core.tracking.run.Run` drives."""

    def __init__(self, editor: ClipEditor, tracks: ArtistTracks, *, separate_clip: bool) -> None:
        """Follow `tracks` in their clip, or with `separate_clip` in another clip of the same footage."""
        self._editor = editor
        self._clip = editor.clip
        self._tracks = tracks
        self._separate_clip = separate_clip
        self._place = editor  # with the clip of the working set
        self._object: MovieTrackingObject | None = None
        self._corners = array("f", bytes(4 * 8))  # a buffer

    def begin(self, plan: Pass, frame: int, alive: frozenset[int]) -> None:
        tracking = self._clip.tracking
        remove_leftovers(self._clip)
        self._plan = plan
        self._frame = frame
        self._steps = 0
        self._speed: Any = tracking.settings.speed
        self._active = tracking.objects.active
        if self._separate_clip:
            self._place = self._own_place()
        self._place.clip.tracking.settings.speed = "FASTEST"  # any other makes each step sleep
        self._object = self._place.clip.tracking.objects.new(OBJECT_NAME)
        try:
            made: list[_Follower] = []
            for number in sorted(alive):
                track = self._tracks.find(number)
                if track is None:
                    raise self._tracks.gone([number])
                work = self._object.tracks.new(name=str(number), frame=frame)
                made.append(_Follower(number, track, self._rows(number, track), work, plan, frame))
            self._made = len(made)
        finally:
            tracking.objects.active = self._active
        self._followers = [follower for follower in made if follower.is_trackable]
        self._references = self._find_references()

    def _rows(self, number: int, track: MovieTrackingTrack) -> bytes:
        """The markers, by frame, from which the track is followed."""
        return read_rows(track, number)

    def _own_place(self) -> ClipEditor:
        """The editor with another clip of the same footage and an image cache of its own.

        After each operator call Blender copies the tracked clip with all its markers into its dependency graph: 7 to
        40 ms for 100 tracks with 10,000 markers each.
        """
        clip = bpy.data.movieclips.load(bpy.path.abspath(self._clip.filepath, library=self._clip.library))
        for name in ("frame_start", "frame_offset", "use_proxy", "use_proxy_custom_directory"):
            setattr(clip, name, getattr(self._clip, name))
        proxy: Any = clip.proxy
        model: Any = self._clip.proxy
        proxy.directory = model.directory
        # a value that this Blender does not know reads as empty and cannot be set
        if getattr(proxy, "timecode", "") and model.timecode:  # until 5.1
            proxy.timecode = model.timecode
        space = self._clip.colorspace_settings.name or clip.colorspace_settings.name
        if space and (clip.frame_offset or clip.colorspace_settings.name != space):
            clip.colorspace_settings.name = space  # also drops the picture that was read before frame_offset was set
        self._editor.space.clip = clip
        return ClipEditor(self._editor.window, self._editor.area, clip)

    def _find_references(self) -> frozenset[int]:
        return frozenset(follower.reference for follower in self._followers if follower.reference is not None)

    def references(self) -> frozenset[int]:
        return self._references

    def step(self) -> Step:
        if not self._is_there():
            raise ClipChanged("The clip or the tracking object of the pass was deleted: resume to track the rest")
        direction = self._plan.direction
        reached = self._frame + direction
        if self._plan.backwards:
            if self._steps and self._steps % REFRESH == 0:
                for follower in self._followers:
                    follower.refresh()
            for follower in self._followers:
                # so that the marker on this frame is the result; Blender does not read an earlier one
                follower.delete_marker(reached)
        self._call_blender()
        guard = reached + direction
        rows: list[bytes] = []
        if not self._steps:
            made = [(each.number, at, each.find_marker(at)) for each in self._followers for at in each.lacks]
            rows = [self._packed(number, at, marker, 0) for number, at, marker in made if marker is not None]
        alive: list[_Follower] = []
        for follower in self._followers:
            marker = follower.find_marker(reached)
            muted = marker is None or marker.mute
            # a muted marker without a guard is the guard of the last step: the track has left the picture
            if marker is not None and not (muted and follower.find_marker(guard) is None):
                # Blender sets a guard behind a result, but not over the artist's marker
                flags = GUARDED if guard not in follower.ahead else 0
                rows.append(self._packed(follower.number, reached, marker, flags))
            if not muted:
                alive.append(follower)
                follower.leave(self._frame)
            else:
                follower.retire()
        if len(alive) < len(self._followers):
            self._followers = alive
            self._references = self._find_references()
        self._frame = reached
        self._steps += 1
        return Step(reached, frozenset(follower.number for follower in alive), b"".join(rows))

    def retire(self, numbers: frozenset[int]) -> None:
        """Follow these tracks no further."""
        gone = [follower for follower in self._followers if follower.number in numbers]
        for follower in gone:
            follower.retire()
        if gone:
            self._followers = [follower for follower in self._followers if follower.number not in numbers]
            self._references = self._find_references()

    def _is_there(self) -> bool:
        """Whether the working set still exists; Blender crashes on a follower of a deleted one."""
        try:
            objects = self._place.clip.tracking.objects
            return any(where == self._object and len(where.tracks) == self._made for where in objects)
        except ReferenceError:
            return False

    def _call_blender(self) -> None:
        objects = self._place.clip.tracking.objects
        active = objects.active
        objects.active = self._object
        try:
            self._place.track(self._frame, backwards=self._plan.backwards)
        finally:
            objects.active = active

    def _packed(self, number: int, frame: int, marker: MovieTrackingMarker, flags: int) -> bytes:
        # for few markers attributes are faster than columns; float32 to float64 and back is exact
        marker.pattern_corners.foreach_get(self._corners)
        flags |= MUTED * marker.mute | KEYED * marker.is_keyed
        co, low, high = marker.co, marker.search_min, marker.search_max
        return MARKER.pack(number, frame, flags, co.x, co.y, *self._corners, low.x, low.y, high.x, high.y)

    def end(self) -> None:
        place, self._place = self._place, self._editor
        try:
            if place is not self._editor:
                bpy.data.movieclips.remove(place.clip)
            tracking = self._clip.tracking
        except ReferenceError:  # a clip was deleted, and the working set with it
            return
        if place is not self._editor:
            place.space.clip = self._clip
        remove_leftovers(self._clip)
        if self._speed:  # empty for a speed that this Blender does not know
            tracking.settings.speed = self._speed
        self._followers = []
        self._object = None
        if self._steps and self._editor.is_showing():
            self._move_planes()

    def _move_planes(self) -> None:
        """Move the plane tracks with their tracks, as Blender does when tracking ends; only in the artist's clip."""
        objects = self._clip.tracking.objects
        where: Any = self._tracks.where
        if where is None or all(plane.use_auto_keying for plane in where.plane_tracks):
            return
        start = self._plan.start
        tracks = [track for track in self._tracks.tracks(self._plan) if track.markers.find_frame(start) is not None]
        active, objects.active = objects.active, where
        try:
            self._editor.move_planes(tracks, start)
        finally:
            objects.active = active
