# SPDX-License-Identifier: GPL-3.0-or-later
"""Movie clips: opening footage, what a session keeps of it, and the mark that says what a saved file contains."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ...core.errors import FootageUnusable
from ...core.footage.details import FootageDetails, describe
from ...core.footage.files import Footage, check_system, find_footage, refuse_single_picture
from ...core.footage.frames import check_whole, picture_of
from ...core.footage.pictures.file import Picture
from ...core.journal.chain import Position
from ...core.model.counting import Counting
from ...core.model.types import SESSION_ID, FootageMetadata
from .colour import configuration

if TYPE_CHECKING:
    from bpy.types import MovieClip

_NO_PICTURE = 256, 256
"""The size that Blender gives a clip whose picture it cannot read."""
_MARK = "tracking_sessions"
_FOLDER = "tracking_sessions_folder"


class Plate(NamedTuple):
    """The files of a clip, and what was seen of them."""

    footage: Footage
    details: FootageDetails


def open_footage(footage: Footage) -> MovieClip:
    """A new clip of the footage. Raises FootageUnusable if Blender cannot read it."""
    picture = check_first(footage)
    try:
        clip = bpy.data.movieclips.load(str(footage.first))
    except RuntimeError as error:
        raise FootageUnusable(f"Blender cannot open {footage.first}: {error}", footage.first) from error
    check_readable(clip, footage, picture)
    return clip


def check_first(footage: Footage) -> Picture | None:
    """Look at what Blender reads as soon as it is asked for the size of a clip; None for a movie.

    Raises FootageUnusable.
    """
    if footage.count == 1:
        refuse_single_picture(footage)
    check_whole(footage, 1)
    return picture_of(footage, 1)


def check_readable(clip: MovieClip, footage: Footage, picture: Picture | None) -> None:
    """Raise FootageUnusable if Blender cannot read the clip, or there is nothing in it to follow.

    `picture` is what the first file says, which has been looked at: else this may end the process.
    """
    size = clip_size(clip)
    is_unread = size == _NO_PICTURE and picture is not None and picture[:2] != _NO_PICTURE
    if is_unread or not all(size) or clip.frame_duration < 1:
        raise FootageUnusable(
            f"Blender cannot read {footage.first}: it is damaged, cut, or in a format that Blender does not know",
            footage.first,
        )
    if clip.frame_duration == 1:
        refuse_single_picture(footage)


def plate_of(clip: MovieClip) -> Plate:
    """Look at all files of the clip, before Blender reads them. Raises FootageUnusable."""
    footage = footage_of(clip)
    picture = check_first(footage)
    plate = Plate(footage, describe(footage))
    check_readable(clip, footage, picture)
    _check_count(clip, footage)
    return plate


def _check_count(clip: MovieClip, footage: Footage) -> None:
    """Raise FootageUnusable if Blender sees other files than were looked at; it may have counted them long ago."""
    count = clip.frame_duration
    if footage.source == "MOVIE" or count == footage.count:
        return
    if count > footage.count:
        raise FootageUnusable(
            f"Blender sees {count} files from {footage.file(1).name} on, and {footage.count} are there: "
            f"{footage.file(footage.count + 1).name} is the first that is not. Put it back, or reload the clip",
            footage.file(footage.count + 1),
        )
    raise FootageUnusable(
        f"Blender sees {count} files from {footage.file(1).name} on, and {footage.count} are there: "
        f"{footage.file(count + 1).name} is the first that it does not see. Reload the clip (Clip > Reload Clip)",
        footage.file(count + 1),
    )


def footage_of(clip: MovieClip) -> Footage:
    """The files of the clip, so that `Footage.file` takes clip frames. Raises FootageUnusable."""
    check_system(clip.filepath)
    path = Path(bpy.path.abspath(clip.filepath, library=clip.library))
    footage = find_footage(path)
    return replace(footage.as_clip(path, clip.frame_offset), counting=Counting(clip.frame_start))


def library_of(clip: MovieClip) -> str:
    """The file that the clip is linked from, as Blender writes it; empty for a clip of the open file.

    An override counts as linked: Blender does not save what is tracked in it either.
    """
    override = clip.override_library
    library = override.reference.library if override is not None and override.reference else clip.library
    return library.filepath if library is not None else ""


def linked_words(clip: MovieClip) -> str:
    """Why nothing can be tracked in a linked clip, and what to do; empty for a clip of the open file."""
    library = library_of(clip)
    return f"The clip is linked from {library}: open that file, or make the clip local" if library else ""


def clip_size(clip: MovieClip) -> tuple[int, int]:
    """Width and height of the clip in pixels."""
    width, height = clip.size  # type: ignore[misc]  # the stubs do not know that it can be unpacked
    return width, height


def counting_of(clip: MovieClip) -> Counting:
    """How people count the frames of the clip: as its timeline does."""
    return Counting(clip.frame_start)


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
        colour_configuration=configuration(),
    )


def mark_position(clip: MovieClip, session_id: str, position: Position) -> None:
    """Note in the clip that it contains the session's journal up to `position`; saved with the file."""
    clip[_MARK] = f"{session_id} {position.generation} {position.offset}"


class ClipMark(NamedTuple):
    """The session that a clip belongs to, as the clip notes it."""

    session: str
    position: Position  # how much of the session's journal the clip contains
    root: Path | None = None  # the session folder, if it is none of the file's own


def mark_of(clip: MovieClip) -> ClipMark | None:
    """The mark of the clip; None if it has none that is clear.

    The mark of a linked clip holds for another file.
    """
    if library_of(clip):
        return None
    parts = written_mark(clip).split()
    if len(parts) != 3 or not SESSION_ID.match(parts[0]) or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    root = clip.get(_FOLDER)
    is_root = isinstance(root, str) and os.path.isabs(root)
    return ClipMark(parts[0], Position(int(parts[1]), int(parts[2])), Path(root) if is_root else None)


def position_in(mark: ClipMark | None, session_id: str) -> Position | None:
    """How much of that session's journal a clip with this mark says it contains."""
    return mark.position if mark is not None and mark.session == session_id else None


def written_mark(clip: MovieClip) -> str:
    """What is noted in the clip, whosoever it is, to be compared."""
    return str(clip.get(_MARK, ""))


def unmark(clip: MovieClip) -> None:
    """Let the clip belong to no session."""
    for name in (_MARK, _FOLDER):
        if name in clip:
            del clip[name]


def mark_root(clip: MovieClip, root: Path | None) -> None:
    """Note in the clip in which folder its session is, or with None that it is in one of the file's own."""
    if root is not None:
        clip[_FOLDER] = str(root)
    elif _FOLDER in clip:
        del clip[_FOLDER]
