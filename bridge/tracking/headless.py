# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking without a window: tracks footage or a .blend in a session, and resumes sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
from ...core.library.claim import Claim, claimed
from ...core.library.deletion import delete_session
from ...core.library.matching import ClipQuery, SessionSource
from ...core.model.types import SessionState, SessionStatus
from ...core.recording.manager import TrackingSessionManager, load_session
from ...core.review.auditing import audit_new, verdict
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
from ..open_file import open_file
from .reconcile import note_opened
from .saving import check_save, save_result
from .shot import Shot
from .start_tracks import place_tracks

if TYPE_CHECKING:
    from bpy.types import MovieClip, SpaceClipEditor

_MAX_OUTLIERS = 3  # that a message names

Warn = Callable[[str | TrackingSessionError], None]
"""Shows a line or an error to the user."""
Drive = Callable[[Shot, Run], None]
"""Steps a run to its end; raises Interrupted to stop it."""


@dataclass(frozen=True)
class Request:
    """A shot to track in a session of the folder `root`. `save`: the .blend for the result."""

    spec: ShotSpec
    root: Path
    resume: bool = False
    fresh: bool = False
    save: Path | None = None

    @property
    def blend(self) -> Path | None:
        """The .blend, if the footage is one."""
        return Path(self.spec.footage) if self.spec.is_blend else None


@dataclass(frozen=True)
class Result:
    session: TrackingSessionManager
    frames: int  # tracked by this call
    saved: Path | None = None


def track(request: Request, drive: Drive, warn: Warn) -> Result:
    """Track a shot in a new session, or resume its unfinished session.

    `warn` gets the result of a detection, and unreadable sessions that may be of this footage. Raises UnfinishedSession
    if there is one and the request has neither `resume` nor `fresh`, and the errors of tracking.
    """
    check_save(request.save, request.blend)
    spec = request.spec
    source = request.blend or find_footage(spec.footage)
    if isinstance(source, Footage):
        start, end = spec.range
        request = replace(request, spec=replace(spec, start=start, end=end))
    with opened(source, spec.clip, warn) as editor:
        result = _track(editor, request, drive, warn)
    return saved(result, editor.clip, request.save)


def claim_of(clip: MovieClip, request: Request) -> AbstractContextManager[Claim]:
    """The right to begin a session of the clip, while its sessions are looked for and until there is one."""
    if request.blend is not None:
        return claimed(request.root, request.blend, clip.name)
    return claimed(request.root, footage_of(clip).first)


def _track(editor: ClipEditor, request: Request, drive: Drive, warn: Warn) -> Result:
    with claim_of(editor.clip, request) as claim:
        return _track_claimed(editor, request, drive, warn, claim)


def _track_claimed(editor: ClipEditor, request: Request, drive: Drive, warn: Warn, claim: Claim) -> Result:
    earlier = sessions_of(editor.clip, request, warn)
    unfinished = next((session for session in earlier if session.session.is_unfinished), None)
    numbers = [number for number in (request.spec.start, request.spec.end) if number is not None]
    named = [counting_of(editor.clip).clip_frame(number) for number in numbers]
    done = next((session for session in earlier if all(frame in session.requested for frame in named)), None)
    existing = unfinished or done
    if request.resume and existing is not None:
        shot = join(editor, existing, warn)
        with shot.session:
            run = shot.resume() if shot.session.passes else shot.start(place_tracks(editor, request.spec, warn))
            claim.release()
            return _finish(shot, run, drive, warn, request.spec.pause_below)
    if unfinished is None or not unfinished.passes:  # it has recorded no frame
        return _begin(editor, request, drive, warn, claim)
    if unfinished.owner:
        raise LeaseHeld(unfinished.owner)
    if not request.fresh:
        raise UnfinishedSession(unfinished.id, unfinished.session.name)
    with unfinished:
        unfinished.acquire()
        return _begin(editor, request, drive, warn, claim, unfinished)


def _begin(
    editor: ClipEditor,
    request: Request,
    drive: Drive,
    warn: Warn,
    claim: Claim,
    replaced: TrackingSessionManager | None = None,
) -> Result:
    """Track in a new session, and discard the session `replaced` once the run can start."""
    plate = plate_of(editor.clip)
    ranges = place_tracks(editor, request.spec, warn)
    blend = str(request.blend.absolute()) if request.blend else ""
    claim.check()
    shot = Shot.create(editor, request.root, request.spec.name, blend=blend, plate=plate)
    with shot.session:
        try:
            run = shot.start(ranges)
            claim.release()
        except (UsageError, ShotUnusable):
            delete_session(shot.session)  # it is empty
            raise
        if replaced is not None:
            replaced.set_state(SessionState.DISCARDED)
            replaced.close()
        return _finish(shot, run, drive, warn, request.spec.pause_below)


def join(editor: ClipEditor, session: TrackingSessionManager, warn: Warn, *, salvage: bool = False) -> Shot:
    """The clip with its session; waits until an owner on another machine shows life or counts as dead."""
    since = session.contained(position_in(mark_of(editor.clip), session.id))
    try:
        return Shot.join(editor, session, since, salvage=salvage)
    except LeaseHeld as error:
        if not error.elsewhere:
            raise
        warn(f"The session belongs to {error.owner}: waiting {LEASE_TIME:g} seconds for a sign of life.")
    return Shot.join(editor, session, since, salvage=salvage, wait=True)


def resume(
    session: TrackingSessionManager,
    drive: Drive,
    warn: Warn,
    *,
    pause_below: int = 0,
    save: Path | None = None,
    salvage: bool = False,
) -> Result:
    """Resume a session where it stopped. Raises UsageError if no pass ever began, and the errors of tracking."""
    recorded = session.session
    if not session.passes:
        raise UsageError(f"“{recorded.name}” has no recorded frames", Action.BEGIN_AGAIN)
    blend = resolve(session.path, recorded.blend) if recorded.blend else None
    check_save(save, blend)
    source = blend or find_footage(resolve(session.path, recorded.footage.path))
    with opened(source, recorded.clip, warn) as editor:
        shot = join(editor, session, warn, salvage=salvage)
        with shot.session:
            result = _finish(shot, shot.resume(), drive, warn, pause_below)
    return saved(result, editor.clip, save)


def _finish(shot: Shot, run: Run | None, drive: Drive, warn: Warn, pause_below: int) -> Result:
    """Track the run, then the other unfinished passes of the session, to their ends.

    Or until one pauses for too few tracks: the session then stays unfinished.
    """
    frames = 0
    while run is not None:
        for words in shot.remarks:
            warn(f"{words}.")
        run.pause_below = pause_below
        with run:
            drive(shot, run)
        frames += run.steps
        if run.shortage:
            return Result(shot.session, frames)
        run = shot.resume()
    if shot.session.session.status is not SessionStatus.TRACKING_COMPLETE:
        shot.session.mark_tracking_complete()
    audit_recorded(shot.session, warn)
    return Result(shot.session, frames)


def audit_recorded(session: TrackingSessionManager, warn: Warn) -> None:
    """Judge the frames that are new; whatever hinders that costs no tracking."""
    try:
        found = audit_new(session, session.replay())
        if found is not None:
            recorder = session.acquire()
            recorder.append(*verdict(session, found))
            recorder.write_file()
    except UsageError as error:
        warn(f"The frames are not audited: {error}.")


def saved(result: Result, clip: MovieClip, path: Path | None) -> Result:
    """Save the clip's file. The temporary editor must be closed, because the file stores the windows."""
    return result if path is None else replace(result, saved=save_result(clip, path))


@contextmanager
def opened(source: Path | Footage, clip_name: str, warn: Warn) -> Iterator[ClipEditor]:
    """An editor with the clip of a .blend, or with a new clip of the footage in a new file."""
    if isinstance(source, Footage):
        if words := _outlier_words(source):
            warn(words)
        bpy.ops.wm.read_factory_settings(use_empty=False)
        clip = open_footage(source)
        clip.frame_start = source.counting.start
        _fit_scene(clip)
    else:
        if not source.is_file():
            raise ShotUnusable(f"There is no file {source}: check the path, or put it back")
        try:
            bpy.ops.wm.open_mainfile(filepath=str(source.absolute()), load_ui=True, use_scripts=False)
        except RuntimeError as error:
            reason = str(error).strip().rpartition(": ")[2]  # Blender names the file twice before it
            raise ShotUnusable(
                f"Blender cannot open {source}: it is damaged, truncated or not a .blend ({reason})"
            ) from error
        clip = _clip_of_file(clip_name)
        _prepare(clip, warn)
        note_opened(clip)
    open_file.recordings.clear()  # made when the file was opened: this run alone changes the clip
    with background_editor(clip) as editor:
        yield editor


def _outlier_words(found: Footage) -> str:
    """The message about files of the same pattern whose numbers are far from the shot; empty without such files."""
    if not found.outliers:
        return ""
    names = ", ".join(found.file_name(number) for number in found.outliers[:_MAX_OUTLIERS])
    more = f" and {len(found.outliers) - _MAX_OUTLIERS} more" if len(found.outliers) > _MAX_OUTLIERS else ""
    verb = "is" if len(found.outliers) == 1 else "are"
    return f"{names}{more} {verb} left out: too far from {found.first.name}, the first file of the shot."


def _prepare(clip: MovieClip, warn: Warn) -> None:
    """Check the clip of a .blend before Blender reads a picture of it, and reload it if its files have changed.

    Raises ShotUnusable for a linked clip, FootageUnusable.
    """
    if library := library_of(clip):
        raise ShotUnusable(
            f"The clip “{clip.name}” is linked from {library}, so Blender cannot save its tracks: "
            "track that file, or make the clip local and save"
        )
    files = footage_of(clip)
    check_first(files)
    if words := unknown_words(clip):
        warn(f"{words}.")
    if files.source == "SEQUENCE" and clip.frame_duration != files.count:
        with background_editor(clip) as editor:
            editor.reload()  # the files or the offset have changed since Blender counted


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
    """Fit a new file to the clip: set the scene as Set Scene Frames does, and open a Clip Editor with the clip."""
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


def sessions_of(clip: MovieClip, request: Request, warn: Warn) -> list[TrackingSessionManager]:
    """The readable sessions of the clip, newest first, without discarded ones.

    Raises JournalDamaged if the newest is damaged, unless `request.fresh`.
    """
    query = ClipQuery(footage_of(clip))
    if request.blend is not None:
        mark = mark_of(clip)
        query = replace(query, blend=request.blend, name=clip.name, marked=mark.session if mark is not None else "")
    found: list[TrackingSessionManager] = []
    for listed in catalogue(request.root, warn):
        entry = listed.known if isinstance(listed, Unreadable) else listed
        if entry is not None and not query.matches(SessionSource.of_entry(entry)):
            continue
        try:
            session = load_session(listed.path)
            # while the folder was listed it may have been unreadable, since its owner replaced it
            if entry is not None or query.matches(SessionSource.of_session(session.path, session.session)):
                found.append(session)
        except SessionUnreadable as error:
            warn(f"{error}. It may be a session of this footage")
        except JournalDamaged as error:
            if not found and not request.fresh:
                raise
            warn(error)
    return found
