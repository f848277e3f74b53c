# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking whose cost does not grow with the shot.

For each call Blender copies all markers of all tracks of the active tracking object into libmv, whose track store is
searched from the front, so a step gets slower with every frame that was tracked before. libmv itself looks at no more
than the last 21 usable markers of a track and its reference keyframe (`PredictMarkerPosition` in libmv's
`autotrack/predict_tracks.cc`, `tracking_get_keyframed_marker` in Blender's `tracking_util`). So the tracking is done on
a second tracking object that holds just these, and gives the same bits. With a window it is one of the artist's clip,
so that each picture is read once, to be tracked and to be shown; without one it is in a clip of its own.
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
LOOKBACK = 22  # usable markers to hold; libmv predicts from 21
REFRESH = 16  # steps between two looks at what a backwards pass will need

_FREE, _MUTED, _KEYED = 0, 1, 2  # what a marker is to the search for the reference
_KINDS = bytes(_MUTED if flags & MUTED else _KEYED if flags & KEYED else _FREE for flags in range(256))  # by flags


def remove_leftovers(clip: MovieClip) -> None:
    """Remove working sets that a crash, an undo step or a saved file brought back."""
    for found in [found for found in clip.tracking.objects if found.name.startswith(OBJECT_NAME)]:
        active = clip.tracking.objects.active
        clip.tracking.objects.remove(found)
        if active != found:
            clip.tracking.objects.active = active


def reference_of(kinds: bytes, index: int, *, backwards: bool) -> tuple[int, ...]:
    """Which markers decide about the reference of the marker at `index`: it, or it and the muted one that makes it one.

    `kinds` has a byte for each marker of the track, by frame. Blender takes the nearest keyed marker on the side that
    the tracking comes from, else the first one of the nearest segment, where a muted marker or nothing is before it.
    Empty if there are muted ones only.
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
    """The indices of the markers that tracking on from `frame`, which has one, reads, ascending.

    These are the nearest `LOOKBACK` usable markers at and before the frame, those after it for a backwards pass (libmv
    predicts from earlier markers where there are any, else from later ones), muted ones in between, and the reference
    of the marker that is tracked. Of the earlier markers of a backwards pass there are as many more as are passed until
    the next refresh.
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
    """The packed markers with one on `frame`, where there is none.

    Blender makes it a copy of another one before it tracks. Its search decides of which: the next one at times.
    """
    model = track.markers.find_frame(frame, exact=False)
    assert model is not None  # a track with markers
    row = row_at(rows, bisect_left(frames, model.frame))
    copy = with_head(row, track_of(row), frame, flags_of(row))
    return with_row(rows, bisect_left(frames, frame), copy)


class _Follower:
    """A track of the artist's and the short copy of it that is tracked."""

    def __init__(
        self, number: int, track: MovieTrackingTrack, work: MovieTrackingTrack, plan: Pass, frame: int
    ) -> None:
        self.number = number
        self.work = work
        self.find_marker = (
            work.markers.find_frame
        )  # looked up once: for each track and step that costs as much as a call
        self.delete_marker = work.markers.delete_frame
        is_keyframe = track.pattern_match == "KEYFRAME"
        for name in SETTINGS:  # all can be, see `check_settings`
            setattr(work, name, getattr(track, name))
        setattr(work, mask_name(work), getattr(track, mask_name(track)))
        rows = read_rows(track, number)
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
        """Frames to come on which the artist's track has a marker, so that no guard is put there."""
        self._rows = rows if plan.backwards else b""
        self._earlier = keep[0] if plan.backwards else 0
        """How many of the earlier markers, by frame, a backwards pass still has to bring."""
        found = reference_of(kinds, before, backwards=plan.backwards) if is_keyframe else ()
        self.reference = frames[found[0]] if found else None
        """The clip frame whose image the pattern is taken from, besides the current one."""
        # there is no image before frame 0, and Blender's functions take those frames for 0
        keep = [index for index in keep if frames[index] >= 0]
        self._stays = frozenset(frames[index] for index in found)
        usable = [frames[index] for index in keep if kinds[index] != _MUTED and index not in found]
        self._passed = deque(sorted((at for at in usable if (frame - at) * plan.direction > 0), reverse=plan.backwards))
        """The frames of the usable markers behind the current one, the farthest first, but for the reference."""
        write_rows(work, b"".join(row_at(rows, index) for index in keep))
        work.select = True
        work.hide = work.lock = False

    def leave(self, frame: int) -> None:
        """Note that the track has gone on from `frame`, and drop the marker that is too far behind to be read."""
        if frame not in self._stays:
            self._passed.append(frame)
        if len(self._passed) > LOOKBACK:
            self.delete_marker(self._passed.popleft())

    def refresh(self) -> None:
        """Bring the earlier markers that a backwards pass will soon read."""
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
        """Take the track out of the set. Blender removes no single track, so its copy is made as small as can be."""
        markers = self.work.markers
        self.work.select = False
        while len(markers) > 1:
            markers.delete_frame(markers[0].frame)
        markers[0].mute = True  # so that Blender does not look for its reference


class WorkingSet:
    """Tracks the passes of one clip; the `Tracker` that a `core.tracking.run.Run` drives."""

    def __init__(self, editor: ClipEditor, tracks: ArtistTracks, *, separate_clip: bool) -> None:
        """Follow some of `tracks`: in their clip, or with `separate_clip` in another one of the same footage."""
        self._editor = editor
        self._clip = editor.clip
        self._tracks = tracks
        self._separate_clip = separate_clip
        self._place = editor  # and the clip in it that is tracked in
        self._object: MovieTrackingObject | None = None
        self._corners = array("f", bytes(4 * 8))  # of the marker being read

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
                made.append(_Follower(number, track, work, plan, frame))
            self._made = len(made)
        finally:
            tracking.objects.active = self._active
        self._followers = [follower for follower in made if follower.is_trackable]
        self._references = self._find_references()

    def _own_place(self) -> ClipEditor:
        """The editor with another clip of the same footage, whose images it caches for itself.

        After each operator call Blender copies the clip that was tracked in, with all its markers, into its dependency
        graph: 7 to 40 ms for 100 tracks with 10,000 markers each.
        """
        clip = bpy.data.movieclips.load(bpy.path.abspath(self._clip.filepath, library=self._clip.library))
        for name in ("frame_start", "frame_offset", "use_proxy", "use_proxy_custom_directory"):
            setattr(clip, name, getattr(self._clip, name))
        proxy: Any = clip.proxy
        model: Any = self._clip.proxy
        proxy.directory = model.directory
        # a value that this Blender does not know reads as empty and cannot be set: it then does what it does by itself
        if getattr(proxy, "timecode", "") and model.timecode:  # until 5.1
            proxy.timecode = model.timecode
        space = self._clip.colorspace_settings.name or clip.colorspace_settings.name
        if space and (clip.frame_offset or clip.colorspace_settings.name != space):
            clip.colorspace_settings.name = space  # also drops the picture that was read before frame_offset was set
        self._editor.space.clip = clip
        return ClipEditor(self._editor.window, self._editor.area, clip)

    def _find_references(self) -> frozenset[int]:
        return frozenset(one.reference for one in self._followers if one.reference is not None)

    def references(self) -> frozenset[int]:
        return self._references

    def step(self) -> Step:
        if not self._is_there():
            raise ClipChanged("The clip or the tracking object that the pass works in was deleted: resume to go on")
        direction = self._plan.direction
        reached = self._frame + direction
        if self._plan.backwards:
            if self._steps and self._steps % REFRESH == 0:
                for follower in self._followers:
                    follower.refresh()
            for follower in self._followers:
                # so that what stands there afterwards is the result; a marker there plays no part in tracking
                follower.delete_marker(reached)
        self._call_blender()
        guard = reached + direction
        rows: list[bytes] = []
        if not self._steps:
            made = [(one, at, one.find_marker(at)) for one in self._followers for at in one.lacks]
            rows = [self._packed(one.number, at, marker, 0) for one, at, marker in made if marker is not None]
        alive: list[_Follower] = []
        for follower in self._followers:
            marker = follower.find_marker(reached)
            muted = marker is None or marker.mute
            # a muted one without a guard of its own is the guard of the step before: the track has left the frame
            if marker is not None and not (muted and follower.find_marker(guard) is None):
                # behind a result Blender puts a guard, but not over a marker of the artist's
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

    def _is_there(self) -> bool:
        """Whether nobody has deleted what the followers point into; Blender would crash."""
        try:
            objects = self._place.clip.tracking.objects
            return any(one == self._object and len(one.tracks) == self._made for one in objects)
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
        # of so few markers, attributes read one quicker than columns; float32 to float64 and back is exact
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
        if self._speed:  # empty is one that this Blender does not know
            tracking.settings.speed = self._speed
        self._followers = []
        self._object = None
        if self._steps and self._editor.is_showing():
            self._move_planes()

    def _move_planes(self) -> None:
        """Plane tracks follow their tracks when tracking ends, as Blender has it; in no file but the artist's."""
        objects = self._clip.tracking.objects
        where: Any = self._tracks.where
        if where is None or all(plane.use_auto_keying for plane in where.plane_tracks):
            return
        start = self._plan.start
        tracks = [one for one in self._tracks.tracks(self._plan) if one.markers.find_frame(start) is not None]
        active, objects.active = objects.active, where
        try:
            self._editor.move_planes(tracks, start)
        finally:
            objects.active = active
