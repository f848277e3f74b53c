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
from ..core.session import sessions_folder
from .preferences import preferences

if TYPE_CHECKING:
    from bpy.types import MovieClip

COPY_NAME = "copy.blend"  # of the copy of the open file that is kept with a session
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
    return roots()[0]


def roots() -> list[Path]:
    """The folders in which a session of the open file may be: it may have been made before the file was saved."""
    *chosen, user = homeless_roots()
    beside = [_beside(Path(bpy.data.filepath))] if bpy.data.filepath else []
    return list(dict.fromkeys([*chosen, *beside, user]))


def _beside(blend: Path) -> Path:
    root = blend.parent.parent.parent
    is_copy = blend.name == COPY_NAME and blend.parent.parent == sessions_folder(root)
    return root if is_copy else blend.parent / "tracking_sessions"


def homeless_roots() -> list[Path]:
    """The folders for sessions of files that were not saved yet: that of the preferences, if any, and the user's.

    The user's is not the one that Blender deletes together with the extension.
    """
    user = Path(bpy.utils.user_resource("DATAFILES", path="tracking_sessions"))
    chosen = preferences().folder
    if not chosen or (chosen.startswith("//") and not bpy.data.filepath):
        return [user]
    return [Path(bpy.path.abspath(chosen)), user]
