# SPDX-License-Identifier: GPL-3.0-or-later
"""Movie clips: opening footage, what a session keeps of it, and the mark that says what a saved file contains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..core.errors import FootageUnusable
from ..core.footage import Footage, describe, find_footage
from ..core.journal import Position
from ..core.model import FootageMetadata
from .preferences import preferences

if TYPE_CHECKING:
    from bpy.types import MovieClip

_MARK = "tracking_sessions"


def open_footage(footage: Footage) -> MovieClip:
    """A new clip of the footage. Raises FootageUnusable if Blender cannot read it."""
    try:
        clip = bpy.data.movieclips.load(str(footage.first))
    except RuntimeError as error:
        raise FootageUnusable(f"Blender cannot open {footage.first}: {error}", footage.first) from error
    check_readable(clip, footage)
    return clip


def check_readable(clip: MovieClip, footage: Footage) -> None:
    """Raise FootageUnusable if Blender cannot read the clip."""
    if not all(clip_size(clip)) or clip.frame_duration < 1:
        describe(footage)  # may say more exactly what is wrong
        raise FootageUnusable(
            f"Blender cannot read {footage.first}: it is damaged, cut, or in a format that Blender does not know",
            footage.first,
        )


def footage_of(clip: MovieClip) -> Footage:
    """The files of the clip, so that `Footage.file` takes clip frames. Raises FootageUnusable."""
    path = Path(bpy.path.abspath(clip.filepath, library=clip.library))
    footage = find_footage(path)
    if footage.source == "MOVIE":
        return footage
    named = int(path.name[len(footage.head) : len(path.name) - len(footage.tail)] or 0) if footage.digits else 0
    return footage.shifted(named - footage.number + clip.frame_offset)


def clip_size(clip: MovieClip) -> tuple[int, int]:
    """Width and height of the clip in pixels."""
    width, height = clip.size  # type: ignore[misc]  # the stubs do not know that it can be unpacked
    return width, height


def metadata_of(clip: MovieClip) -> FootageMetadata:
    """What Blender knows of the footage."""
    return FootageMetadata(
        path="",
        source=clip.source,
        size=clip_size(clip),
        fps=round(clip.fps, 6),
        start=clip.frame_start,
        frame_count=clip.frame_duration,
        colour_space=clip.colorspace_settings.name,
    )


def mark_position(clip: MovieClip, session_id: str, position: Position) -> None:
    """Note in the clip that it contains the session's journal up to `position`; saved with the file."""
    clip[_MARK] = f"{session_id} {position.generation} {position.offset}"


def marked_position(clip: MovieClip) -> tuple[str, Position] | None:
    """The session that the clip belongs to and how much of its journal it contains; None if it says nothing clear."""
    parts = str(clip.get(_MARK, "")).split()
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    return parts[0], Position(int(parts[1]), int(parts[2]))


def unmark(clip: MovieClip) -> None:
    """Let the clip belong to no session."""
    if _MARK in clip:
        del clip[_MARK]


def default_root() -> Path:
    """Where new sessions go: as the preferences say, or beside the .blend, or to the user while there is none."""
    chosen = preferences().folder
    if chosen and (bpy.data.filepath or not chosen.startswith("//")):
        return Path(bpy.path.abspath(chosen))
    return _beside() or user_root()


def user_root() -> Path:
    """The session folder of files that were not saved yet; it is kept when the extension is removed."""
    return Path(bpy.utils.user_resource("DATAFILES", path="tracking_sessions"))


def roots() -> list[Path]:
    """The folders in which a session of the open file may be: it may have been made before the file was saved."""
    beside = _beside()
    return list(dict.fromkeys([default_root(), *([beside] if beside else []), user_root()]))


def _beside() -> Path | None:
    return Path(bpy.data.filepath).parent / "tracking_sessions" if bpy.data.filepath else None
