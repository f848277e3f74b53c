# SPDX-License-Identifier: GPL-3.0-or-later
"""A Clip Editor for Blender's tracking operators: the artist's own, or a temporary editor in background mode."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import ClipChanged, NothingToTrack
from .movie_clip import counting_of

if TYPE_CHECKING:
    from bpy.types import (
        Area,
        Context,
        MovieClip,
        MovieTrackingObject,
        MovieTrackingTrack,
        Region,
        SpaceClipEditor,
        Window,
    )

_SELECTION = ("select_anchor", "select_pattern", "select_search")


TRACKER = "CLIP_OT_track_markers"  # Blender's own


def blender_is_tracking() -> bool:
    """Whether Blender's own tracker runs as a job, on any clip, as after Track Forwards in a window.

    The operator stays among the modal ones of its window until the first event after the job; the lock does not.
    """
    return is_locked() and any(
        operator is not None and operator.bl_idname == TRACKER  # None if its add-on was disabled meanwhile
        for window in bpy.context.window_manager.windows
        for operator in window.modal_operators
    )


def is_locked() -> bool:
    """Whether a job, such as Blender's tracker or a render, keeps events from the operators of extensions."""
    return bpy.context.window_manager.is_interface_locked


def newest_tracking() -> int:
    """The address of the newest operator that the artist ran, if that is Blender's tracker; otherwise 0.

    A single step of Blender's tracker shows only here.
    """
    operators = bpy.context.window_manager.operators
    return operators[-1].as_pointer() if operators and operators[-1].bl_idname == TRACKER else 0


class ClipEditor:
    """A Clip Editor that shows `clip` in mode Tracking."""

    def __init__(self, window: Window, area: Area, clip: MovieClip) -> None:
        self.window = window
        self.area = area
        self.clip = clip
        self._area_address = area.as_pointer()

    @property
    def space(self) -> SpaceClipEditor:
        return self.area.spaces.active  # type: ignore[return-value]  # the area is a Clip Editor

    @property
    def region(self) -> Region:
        return next(region for region in self.area.regions if region.type == "WINDOW")

    def is_showing(self) -> bool:
        """Whether the editor is open and shows the clip. Python must not read the area of a closed editor."""
        areas = (area for window in bpy.context.window_manager.windows for area in window.screen.areas)
        if all(area.as_pointer() != self._area_address for area in areas):
            return False
        space = self.space
        return space.type == "CLIP_EDITOR" and space.mode == "TRACKING" and space.clip == self.clip

    def track(self, frame: int, *, backwards: bool) -> None:
        """Let Blender track the selected tracks of the active object by one frame, from clip frame `frame`.

        Raises NothingToTrack if Blender finds no usable marker, ClipChanged if its operator does not start.
        """
        # the tracker starts from the frame of the editor, not of the scene
        self.space.clip_user.frame_current = frame + self.clip.frame_start - 1
        with bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
            try:
                result = bpy.ops.clip.track_markers(backwards=backwards, sequence=False)
            except RuntimeError as error:
                raise ClipChanged(f"Blender cannot track in this editor: {error}") from error
        if "FINISHED" not in result:
            raise NothingToTrack(
                f"Blender did not track frame {counting_of(self.clip).shown(frame)}: "
                "either no track has a usable marker there, or another job (such as a prefetch) is using the clip; "
                "wait for it, then resume"
            )

    def reload(self) -> None:
        """Let Blender count the frames of the clip again, at once; it reads the first picture."""
        with bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
            bpy.ops.clip.reload()

    def delete_tracks(self, where: MovieTrackingObject, names: Collection[str]) -> None:
        """Delete the tracks of these names from the tracking object; the selection of the others stays.

        Raises ClipChanged if Blender's operator does not start.
        """
        objects = self.clip.tracking.objects
        active, objects.active = objects.active, where
        selected = {track.name: [getattr(track, part) for part in _SELECTION] for track in where.tracks}
        planes = [plane.name for plane in where.plane_tracks if plane.select]
        for track in where.tracks:
            track.select = track.name in names
            if track.select:
                track.hide = False  # Blender deletes no hidden track
        for plane in where.plane_tracks:
            plane.select = False
        try:
            with bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
                bpy.ops.clip.delete_track()
        except RuntimeError as error:
            raise ClipChanged(f"Blender cannot delete tracks in this editor: {error}") from error
        finally:
            for track in where.tracks:
                for part, state in zip(_SELECTION, selected[track.name], strict=True):
                    setattr(track, part, state)
            for plane in where.plane_tracks:
                plane.select = plane.name in planes
            objects.active = active

    def move_planes(self, tracks: Sequence[MovieTrackingTrack], frame: int) -> None:
        """Move the plane tracks of `tracks`, which lie in the active object, from clip frame `frame` on.

        Blender moves plane tracks only at the end of its tracking operator, so this runs the operator over no frame.
        """
        scene = self.window.scene
        frames = scene.frame_start, scene.frame_end, scene.frame_current
        displayed = self.space.clip_user.frame_current
        others = self.clip.tracking.objects.active.tracks
        selected = [[getattr(track, part) for part in _SELECTION] for track in others]
        matches: list[Any] = [track.pattern_match for track in tracks]
        for track in others:
            track.select = False
        for track in tracks:
            track.select = True
            track.pattern_match = "PREV_FRAME"  # KEYFRAME reads the keyframe's image, and crashes without it
        scene.frame_start = scene.frame_end = self.space.clip_user.frame_current = frame + self.clip.frame_start - 1
        try:
            with bpy.context.temp_override(window=self.window, area=self.area, region=self.region):
                bpy.ops.clip.track_markers(sequence=True)
        finally:
            for track, match in zip(tracks, matches, strict=True):
                track.pattern_match = match
            for track, states in zip(others, selected, strict=True):
                for part, state in zip(_SELECTION, states, strict=True):
                    setattr(track, part, state)
            scene.frame_start, scene.frame_end, scene.frame_current = frames
            self.space.clip_user.frame_current = displayed


def select_alone(clip: MovieClip, object_name: str, name: str) -> MovieTrackingTrack | None:
    """Make this track the active one, in its tracking object, and the only selected one there; None if it is gone."""
    where: Any = clip.tracking.objects.get(object_name)
    track = where.tracks.get(name) if where is not None else None
    if track is not None:
        clip.tracking.objects.active = where
        for other in where.tracks:
            other.select = other == track
        where.tracks.active = track
    return track


@contextmanager
def background_editor(clip: MovieClip) -> Iterator[ClipEditor]:
    """A temporary Clip Editor in the first window, for background mode; restores the area and the scene at the end."""
    window = bpy.context.window_manager.windows[0]
    scene = window.scene
    current = scene.frame_current  # Blender moves it along when it tracks
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    kind = area.type
    area.type = "CLIP_EDITOR"
    space: SpaceClipEditor = area.spaces.active  # type: ignore[assignment]
    displayed, mode, frame = space.clip, space.mode, space.clip_user.frame_current
    space.clip = clip
    space.mode = "TRACKING"
    try:
        yield ClipEditor(window, area, clip)
    finally:
        space.clip_user.frame_current = frame
        if mode:  # empty for a mode that this Blender does not know
            space.mode = mode
        space.clip = displayed
        area.type = kind
        scene.frame_current = current


def redraw(context: Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "CLIP_EDITOR":
                area.tag_redraw()
