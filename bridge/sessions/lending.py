# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that a recording of this Blender owns, for others: an artist's action on one, its deletion or its move."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import UsageError
from ...core.recording.manager import TrackingSessionManager
from ..clip.movie_clip import mark_of
from ..open_file import open_file
from .finding import find_session
from .recording import known_recording

if TYPE_CHECKING:
    from bpy.types import MovieClip


@contextmanager
def borrowed(clip: MovieClip) -> Generator[TrackingSessionManager]:
    """The session of the clip for a change by the artist: that of its recording, up to date, or else as found.

    Raises UsageError if the clip has none, and the errors of reading it.
    """
    recording = known_recording(clip)
    lent = recording.lend(clip) if recording is not None else None
    if recording is None or lent is None:
        found = find_session(clip, mark_of(clip))
        if found is None:
            raise UsageError("This clip has no session yet")
        with found:
            yield found
        open_file.recordings.pop(clip.session_uid, None)  # it has not seen what has changed
        return
    try:
        yield lent
    finally:
        recording.take_back(clip, lent)


def holds(path: Path) -> bool:
    """Whether a recording of this Blender owns the session of the file."""
    return any(known.session is not None and known.session.path == path for known in open_file.recordings.values())


def give_up(path: Path) -> None:
    """Release the session of the file, if a recording owns it; the next change of its clip owns it again."""
    for known in open_file.recordings.values():
        if known.session is not None and known.session.path == path:
            known.close()
