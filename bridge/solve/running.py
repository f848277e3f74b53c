# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves of the open file's clips, each in another Blender, while the artist goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import TrackingSessionError, UsageError
from ...core.processes.own import own_command
from ...core.recording.manager import TrackingSessionManager
from ...core.solve import recording
from ...core.solve.job import SolveJob
from ...core.solve.solve import Round, Solve
from ...core.solve.store import read_solve, solve_file
from ...core.storage.folder import SessionFolder
from ..clip.editor import redraw
from ..open_file import open_file
from ..review.camera import lens_of
from ..review.deciding import owned
from ..sessions.recording import Recording
from ..tracking import live

if TYPE_CHECKING:
    from bpy.types import MovieClip

TICK = 0.2  # seconds


class Solving:
    """A running solve of a clip. It stops when the file is closed; Blender's end ends its process."""

    def __init__(self, clip: MovieClip, *, is_lens_known: bool) -> None:
        """Begin to solve the clip's tracks, as they are now. `is_lens_known`: the clip's lens is right as it is set.

        Raises UsageError if the clip is not recorded or is solved already, StorageFailed.
        """
        if running(clip) is not None:
            raise UsageError("This clip is being solved")
        self._recording: Recording
        self._recording, session = owned(clip)
        self._recording.look(clip, "", is_wide=True)  # scripts change tracks that no look suspects
        self._session: TrackingSessionManager = session
        self._uid = clip.session_uid
        self._before = recording.begin(session)
        options = _lens_options(clip, is_lens_known)
        command = own_command(bpy.app.binary_path, "solve", str(session.path.absolute()), events=True, **options)
        try:
            self.job = SolveJob(command, self._folder.solves(session.id))
        except TrackingSessionError as error:
            recording.end(session, self._before, error)
            raise
        open_file.view(_Running)[self._uid] = self
        bpy.app.timers.register(self._tick, first_interval=TICK, persistent=True)

    @property
    def _folder(self) -> SessionFolder:
        return SessionFolder.of(self._session.path)

    @property
    def rounds(self) -> list[Round]:
        return self.job.rounds

    @property
    def _is_mine(self) -> bool:
        """Whether the file is open and the session is still this process's to write."""
        is_open = open_file.view(_Running).get(self._uid) is self
        return is_open and self._recording.session is self._session

    def _tick(self) -> float | None:
        try:
            if live.running() is not None:
                return TICK  # the pass has the session meanwhile
            if not self._is_mine:
                self.job.stop()
                self._forget()
                return None
            if not self.job.poll():
                redraw(bpy.context)
                return TICK
            solve = read_solve(solve_file(self._folder, self._session.id, self.job.solve))
            recording.finish(self._session, solve)
            open_file.view(_Results)[self._uid] = solve, ""
        except TrackingSessionError as error:
            open_file.view(_Results)[self._uid] = None, str(error)
            self._fail(error)
        self._forget()
        open_file.forget()
        redraw(bpy.context)
        return None

    def _fail(self, error: TrackingSessionError) -> None:
        try:
            recording.end(self._session, self._before, error)
        except TrackingSessionError:
            pass  # what hinders the record is what the panel of the session says

    def stop(self) -> None:
        """Stop the solve; the session is as before it. Raises the errors of the recorder."""
        self.job.stop()
        self._forget()
        if self._recording.session is self._session:
            recording.stop(self._session, self._before)
        open_file.forget()

    def _forget(self) -> None:
        if open_file.view(_Running).get(self._uid) is self:
            del open_file.view(_Running)[self._uid]


class _Running(dict[int, Solving]):
    """The running solves, by clip (`session_uid`)."""


class _Results(dict[int, tuple[Solve | None, str]]):
    """The last solve of each clip (`session_uid`) in this Blender, or why there is none."""


def running(clip: MovieClip) -> Solving | None:
    """The solve of the clip that goes on, if any."""
    return open_file.view(_Running).get(clip.session_uid)


def failure(clip: MovieClip) -> str:
    """Why the last solve of the clip in this Blender has ended without a result; empty if it has one."""
    return open_file.view(_Results).get(clip.session_uid, (None, ""))[1]


def _lens_options(clip: MovieClip, is_known: bool) -> dict[str, str | float]:
    """The options of the command for the clip's lens: all that Blender's Lens panel has, if it is known."""
    camera: Any = clip.tracking.camera
    found: dict[str, str | float] = {"sensor": camera.sensor_width, "aspect": camera.pixel_aspect}
    if is_known:
        lens = lens_of(clip)
        found["focal"] = lens.focal / lens.size[0] * camera.sensor_width
        values = {"model": lens.model, "coefficients": lens.coefficients, "centre": lens.centre}
        found["distortion"] = json.dumps(values)
    return found
