# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking without a window: from footage or a .blend to a session, and on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import (
    Action,
    ClipUnnamed,
    JournalDamaged,
    LeaseHeld,
    SessionUnreadable,
    ShotUnusable,
    TrackingSessionError,
    UnfinishedSession,
    UsageError,
)
from ...core.footage.files import Footage, find_footage
from ...core.library.catalogue import Unreadable, catalogue
from ...core.library.deletion import delete_session
from ...core.library.matching import ClipQuery, SessionSource
from ...core.model.types import SessionState, SessionStatus
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.storage.folder import resolve
from ...core.storage.lease import LEASE_TIME
from ...core.tracking.plan import ShotSpec
from ...core.tracking.run import Run
from ..clip.colour import unknown_words
from ..clip.editor import ClipEditor, background_editor
from ..clip.movie_clip import (
    check_first,
    clip_size,
    counting_of,
    footage_of,
    library_of,
    mark_of,
    open_footage,
    plate_of,
    position_in,
)
from .reconcile import note_opened
from .saving import check_save, save_result
from .shot import Shot
from .start_tracks import place_tracks

if TYPE_CHECKING:
    from bpy.types import MovieClip, SpaceClipEditor

_OUTLIERS_SHOWN = 3  # files that lie apart from the others

Warn = Callable[[str | TrackingSessionError], None]
"""Shows the user a line, or an error with its actions in the words of the door."""
Drive = Callable[[Shot, Run], None]
"""Steps a run to its end; raises Interrupted to stop it."""


@dataclass(frozen=True)
class Request:
    """A shot to track in a session of the folder `root`. `save`: the .blend that the result is written to."""

    spec: ShotSpec
    root: Path
    resume: bool = False
    fresh: bool = False
    save: Path | None = None

    @property
    def blend(self) -> Path | None:
        """The .blend, if that is what the footage is."""
        return Path(self.spec.footage) if self.spec.is_blend else None


@dataclass(frozen=True)
class Result:
    """What came of it."""

    session: TrackingSessionManager
    frames: int  # tracked by this call
    saved: Path | None = None


def track(request: Request, drive: Drive, warn: Warn) -> Result:
    """Track a shot in a session of its own, or go on with its unfinished one.

    `warn` is told what was detected, and of sessions that cannot be read and may be of this footage. Raises
    UnfinishedSession unless `resume` or `fresh` says what to do about one, and what tracking raises.
    """
    check_save(request.save, request.blend)
    spec = request.spec
    found = find_footage(spec.footage) if request.blend is None else None
    if found is not None:
        start, end = spec.range
        request = replace(request, spec=replace(spec, start=start, end=end))
    with _opened(request.blend, spec.clip, found, warn) as editor:
        result = _track(editor, request, drive, warn)
    return _saved(result, editor.clip, request.save)


def _track(editor: ClipEditor, request: Request, drive: Drive, warn: Warn) -> Result:
    earlier = _sessions_of(editor.clip, request, warn)
    unfinished = next((one for one in earlier if one.session.is_unfinished), None)
    numbers = [number for number in (request.spec.start, request.spec.end) if number is not None]
    named = [counting_of(editor.clip).clip_frame(number) for number in numbers]
    done = next((one for one in earlier if all(frame in one.requested for frame in named)), None)
    going_on = unfinished or done
    if request.resume and going_on is not None:
        shot = _join(editor, going_on, warn)
        with shot.session:
            began = bool(shot.session.passes)
            run = shot.resume() if began else shot.start(place_tracks(editor, request.spec, warn))
            for words in shot.remarks:
                warn(f"{words}.")
            return _finish(shot, run, drive)
    if unfinished is None or not unfinished.passes:  # what recorded nothing is nothing to lose
        return _begin(editor, request, drive, warn)
    if unfinished.owner:
        raise LeaseHeld(unfinished.owner)
    if not request.fresh:
        raise UnfinishedSession(unfinished.session.id, unfinished.session.name)
    with unfinished:
        unfinished.acquire()
        return _begin(editor, request, drive, warn, unfinished)


def _begin(
    editor: ClipEditor,
    request: Request,
    drive: Drive,
    warn: Warn,
    replaced: TrackingSessionManager | None = None,
) -> Result:
    """Track in a new session, in place of `replaced`, which is set aside once that can begin."""
    plate = plate_of(editor.clip)
    ranges = place_tracks(editor, request.spec, warn)
    blend = str(request.blend.absolute()) if request.blend else ""
    shot = Shot.create(editor, request.root, request.spec.name, blend=blend, plate=plate)
    with shot.session:
        try:
            run = shot.start(ranges)
        except (UsageError, ShotUnusable):
            delete_session(shot.session)  # or it would be in the way of the next try
            raise
        if replaced is not None:
            replaced.set_state(SessionState.DISCARDED)
            replaced.close()
        return _finish(shot, run, drive)


def _join(editor: ClipEditor, session: TrackingSessionManager, warn: Warn, *, salvage: bool = False) -> Shot:
    """The session with its clip; an owner on another machine is watched until it shows life or is taken for dead."""
    since = session.contained(position_in(mark_of(editor.clip), session.session.id))
    try:
        return Shot.join(editor, session, since, salvage=salvage)
    except LeaseHeld as held:
        if not held.elsewhere:
            raise
        warn(
            f"The session was left to {held.owner}: watching for {LEASE_TIME:g} seconds whether that still works on it."
        )
    return Shot.join(editor, session, since, salvage=salvage, wait=True)


def resume(
    session: TrackingSessionManager,
    drive: Drive,
    warn: Warn,
    *,
    save: Path | None = None,
    salvage: bool = False,
) -> Result:
    """Go on with a session from where it stopped. Raises UsageError if it never began, and what tracking raises."""
    said = session.session
    if not session.passes:
        raise UsageError(f"“{said.name}” has recorded nothing yet", Action.BEGIN_AGAIN)
    blend = resolve(session.path, said.blend) if said.blend else None
    check_save(save, blend)
    found = find_footage(resolve(session.path, said.footage.path)) if blend is None else None
    with _opened(blend, said.clip, found, warn) as editor:
        shot = _join(editor, session, warn, salvage=salvage)
        with shot.session:
            run = shot.resume()
            for words in shot.remarks:
                warn(f"{words}.")
            result = _finish(shot, run, drive)
    return _saved(result, editor.clip, save)


def _finish(shot: Shot, run: Run | None, drive: Drive) -> Result:
    if run is not None:
        with run:
            drive(shot, run)
    if shot.session.session.status is not SessionStatus.TRACKING_COMPLETE:
        shot.session.mark_tracking_complete()
    return Result(shot.session, run.steps if run else 0)


def _saved(result: Result, clip: MovieClip, path: Path | None) -> Result:
    """Save once the windows are again what they were in the file."""
    return result if path is None else replace(result, saved=save_result(clip, path))


@contextmanager
def _opened(blend: Path | None, clip_name: str, found: Footage | None, warn: Warn) -> Iterator[ClipEditor]:
    """An editor with the clip of the .blend, or with a new one of the footage in a new file."""
    if found is not None:
        if words := _apart_words(found):
            warn(words)
        bpy.ops.wm.read_factory_settings(use_empty=False)
        clip = open_footage(found)
        clip.frame_start = found.counting.start
        _fit_scene(clip)
    else:
        assert blend is not None  # one of them is named
        if not blend.is_file():
            raise ShotUnusable(f"There is no file {blend}: check the path, or put it back")
        try:
            bpy.ops.wm.open_mainfile(filepath=str(blend.absolute()), load_ui=True, use_scripts=False)
        except RuntimeError as error:
            reason = str(error).strip().rpartition(": ")[2]  # Blender names the file twice before it
            raise ShotUnusable(
                f"Blender cannot open {blend}: it is damaged, cut, or no .blend at all ({reason})"
            ) from error
        clip = _clip_of_file(clip_name)
        _prepare(clip, warn)
        note_opened(clip)
    with background_editor(clip) as editor:
        yield editor


def _apart_words(found: Footage) -> str:
    """That files which are named alike are not taken for part of the shot; empty if there are none."""
    if not found.outliers:
        return ""
    names = ", ".join(found.file_name(number) for number in found.outliers[:_OUTLIERS_SHOWN])
    more = f" and {len(found.outliers) - _OUTLIERS_SHOWN} more" if len(found.outliers) > _OUTLIERS_SHOWN else ""
    verb, what = ("lies", "it is") if len(found.outliers) == 1 else ("lie", "they are")
    return f"{names}{more} {verb} far from {found.first.name}, where the shot begins: {what} left out."


def _prepare(clip: MovieClip, warn: Warn) -> None:
    """See to it that the clip of a .blend can be tracked, before Blender reads a picture of it.

    Raises ShotUnusable for a linked one, FootageUnusable.
    """
    if library := library_of(clip):
        raise ShotUnusable(
            f"The clip “{clip.name}” is linked from {library}, so nothing that is tracked in it can be "
            "saved: track that file, or make the clip local and save"
        )
    files = footage_of(clip)
    check_first(files)
    if words := unknown_words(clip):
        warn(f"{words}.")
    if files.source == "SEQUENCE" and clip.frame_duration != files.count:
        with background_editor(clip) as editor:
            editor.reload()  # files have come or gone since Blender counted them, or the offset is another


def _clip_of_file(name: str) -> MovieClip:
    clips = [clip for clip in bpy.data.movieclips if not library_of(clip)] or list(bpy.data.movieclips)
    if name:
        clip = next((clip for clip in (*clips, *bpy.data.movieclips) if clip.name == name), None)
        if clip is None:
            raise ShotUnusable(
                f"The file has no clip “{name}”; it has {', '.join(clip.name for clip in clips) or 'none'}"
            )
        return clip
    if len(clips) == 1:
        return clips[0]
    active = bpy.context.scene.active_clip
    if active is not None:
        return active
    if not clips:
        raise ShotUnusable("The file has no movie clip: open one in the Movie Clip Editor and save")
    raise ClipUnnamed(len(clips), ", ".join(clip.name for clip in clips))


def _fit_scene(clip: MovieClip) -> None:
    """Make a new file one of the shot: its scene, as Set Scene Frames does, and a Clip Editor that shows it."""
    scene = bpy.context.scene
    scene.active_clip = clip
    counting = counting_of(clip)
    scene.frame_start = scene.frame_current = counting.shown(1)
    scene.frame_end = counting.shown(clip.frame_duration)
    scene.render.resolution_x, scene.render.resolution_y = clip_size(clip)
    areas = bpy.context.window_manager.windows[0].screen.areas
    area = max(areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    space: SpaceClipEditor = area.spaces.active  # type: ignore[assignment]
    space.clip, space.mode = clip, "TRACKING"


def _sessions_of(clip: MovieClip, request: Request, warn: Warn) -> list[TrackingSessionManager]:
    """The readable sessions of the clip that were not set aside, newest first.

    Raises JournalDamaged if the newest of them is damaged, unless the request is to start afresh.
    """
    sought = ClipQuery(footage_of(clip))
    if request.blend is not None:
        mark = mark_of(clip)
        sought = replace(sought, blend=request.blend, name=clip.name, marked=mark.session if mark is not None else "")
    found: list[TrackingSessionManager] = []
    for one in catalogue(request.root, warn):
        said = one.known if isinstance(one, Unreadable) else one
        if said is not None and not sought.matches(SessionSource.of_entry(said)):
            continue
        try:
            found.append(load_session(one.path))
        except SessionUnreadable as error:
            warn(f"{error}. It may be a session of this footage")
        except JournalDamaged as error:
            if not found and not request.fresh:
                raise
            warn(error)
    return found
