# SPDX-License-Identifier: GPL-3.0-or-later
"""The session folder and the session that a command names."""

from __future__ import annotations

import sys
from pathlib import Path

from ..core.errors import UsageError
from ..core.library.catalogue import Unreadable, catalogue, session_files
from ..core.model.ids import find_id
from ..core.model.wording import short
from ..core.recording.manager import TrackingSessionManager, load_session
from ..core.storage.files import SUFFIXES
from ..core.storage.folder import SessionFolder
from .terminal import say


def root_of(given: Path | None) -> Path:
    """The session folder: the one named, else beside the .blend that Blender has open, else here."""
    if given is not None:
        return given
    if "bpy" in sys.modules:
        import bpy

        from ..bridge.sessions.finding import default_root

        if bpy.data.filepath:
            return default_root()
    return SessionFolder().root


def find_file(text: str, root: Path) -> Path:
    """The session file that an id, the beginning of one, or a path names. Raises UsageError."""
    path = Path(text)
    try:
        if path.suffix in SUFFIXES and path.is_file():
            return path
    except (OSError, ValueError):
        pass  # no file can have this name
    files = session_files(root)
    try:
        id = find_id(text, (file.stem for file in files), "sessions")
    except ValueError as error:
        raise UsageError(str(error)) from None
    if id is not None:
        return next(file for file in files if file.stem == id)
    raise UsageError(
        f"There is no session {short(text)!r} in {SessionFolder(root).sessions}: "
        "see “list”, or name the folder with --root"
    )


def find(text: str, root: Path) -> TrackingSessionManager:
    """The session that an id, the beginning of one, or a path names. Raises UsageError and the errors of reading it."""
    return load_session(find_file(text, root))


def latest(root: Path) -> TrackingSessionManager | None:
    """The session that was interrupted last. Reports newer sessions that cannot be read."""
    for entry in catalogue(root, say):
        if isinstance(entry, Unreadable):
            say(entry.error)
        elif entry.is_working and not entry.owner:
            return load_session(entry.path)
    return None


def need_bpy(what: str = "Pictures need") -> None:
    """Raises UsageError outside Blender, without its bpy module."""
    try:
        import bpy  # noqa: F401
    except ImportError:
        raise UsageError(f"{what} Blender: run this in Blender, or install its bpy module") from None
