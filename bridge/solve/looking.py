# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis of a clip's footage before it is tracked for its camera, a slice at a time, so that the window never
waits."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING

import bpy

from ...core.errors import SessionUnreadable, TrackingSessionError, UsageError
from ...core.footage.analysis.known import Analysis, keep_analysis, known_analysis
from ...core.footage.details import FootageDetails, describing, save_details
from ...core.footage.files import Footage
from ...core.recording.manager import TrackingSessionManager
from ...core.storage.folder import SessionFolder
from ..clip.analyzing import analyzing
from ..clip.movie_clip import clip_size, footage_of
from ..open_file import open_file
from ..sessions.finding import default_root
from .solves import session_of

if TYPE_CHECKING:
    from bpy.types import MovieClip

SLICE = 1 / 30  # seconds of reading per tick, one picture at least


class Looking:
    """The analysis of the footage of a clip. It stops when the file is closed."""

    def __init__(self, clip: MovieClip) -> None:
        """Begin, or be over at once if the analysis is known. Raises FootageUnusable and the errors of sessions."""
        self.total = clip.frame_duration
        """The frames of the clip."""
        self.done = 0
        """The share of them that is done, in frames."""
        self.found: Analysis | None = None
        """The analysis, at the end."""
        self.remark = ""
        """Why the analysis is not kept; empty if it is."""
        session = session_of(clip)
        self._folder = SessionFolder.of(session.path) if session is not None else SessionFolder(default_root())
        if session is not None:
            self.found = known_analysis(self._folder, session.session.footage.fingerprint)
        self._work = self._steps(session, footage_of(clip), clip_size(clip), clip.frame_offset)
        self._uid = clip.session_uid
        if self.found is None:
            open_file.view(_Now).looking = self

    @property
    def is_over(self) -> bool:
        return open_file.view(_Now).looking is not self

    @property
    def clip(self) -> MovieClip | None:
        """The clip, which undo may have replaced; None if it is gone."""
        return next((clip for clip in bpy.data.movieclips if clip.session_uid == self._uid), None)

    def tick(self, seconds: float = SLICE) -> bool:
        """Look for so many seconds, at one picture at least; returns whether there is more. Raises FootageUnusable."""
        until = time.perf_counter() + seconds
        try:
            while not self.is_over:
                self.done = min(self.total, round(next(self._work) * self.total))
                if time.perf_counter() >= until:
                    return True
        except StopIteration:
            pass
        except BaseException:
            self.stop()
            raise
        self.stop()
        return False

    def stop(self) -> None:
        """Stop; without a result nothing is kept. Can be repeated."""
        self._work.close()
        if not self.is_over:
            open_file.view(_Now).looking = None

    def _steps(
        self, session: TrackingSessionManager | None, footage: Footage, size: tuple[int, int], offset: int
    ) -> Generator[float, None, None]:
        """Yields the share done."""
        details = yield from _details(session, footage)
        self.found = known_analysis(self._folder, details.fingerprint)
        if self.found is not None:
            return
        found = yield from analyzing(footage, details, size, self.total, offset)
        try:
            save_details(self._folder, footage, details)
            keep_analysis(self._folder, details.fingerprint, found)
        except TrackingSessionError as error:
            self.remark = f"The analysis of the footage is not kept: {error}"
        self.found = found


def _details(session: TrackingSessionManager | None, footage: Footage) -> Generator[float, None, FootageDetails]:
    """Those of the session, else read from the files."""
    if session is not None:
        try:
            return session.details()
        except (SessionUnreadable, UsageError):
            pass  # whatever hinders the analysis costs no tracking
    files = describing(footage)
    while True:
        try:
            next(files)
        except StopIteration as end:
            return end.value
        yield 0.0


class _Now:
    """The analysis that goes on in this Blender."""

    looking: Looking | None = None


def looking() -> Looking | None:
    """The analysis that goes on in this Blender, if any."""
    return open_file.view(_Now).looking
