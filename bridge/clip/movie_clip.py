# SPDX-License-Identifier: GPL-3.0-or-later
"""Movie clips: their footage, its metadata, and the mark for the journal position that a saved file contains."""

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
_STAMP = "tracking_sessions_stamp"


class Plate(NamedTuple):
    """The files of a clip, with their details."""

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
    """Check the first picture, which Blender reads for the size of a clip; None for a movie. Raises FootageUnusable."""
    if footage.count == 1:
        refuse_single_picture(footage)
    check_whole(footage, 1)
    return picture_of(footage, 1)


def check_readable(clip: MovieClip, footage: Footage, picture: Picture | None) -> None:
    """Raise FootageUnusable if Blender cannot read the clip, or the clip has one frame only.

    `picture` is the result of `check_first`: Blender may crash on an unchecked picture.
    """
    size = clip_size(clip)
    is_unread = size == _NO_PICTURE and picture is not None and picture[:2] != _NO_PICTURE
    if is_unread or not all(size) or clip.frame_duration < 1:
        raise FootageUnusable(
            f"Blender cannot read {footage.first}: it is damaged, truncated, or in a format that Blender does not know",
            footage.first,
        )
    if clip.frame_duration == 1:
        refuse_single_picture(footage)


def plate_of(clip: MovieClip) -> Plate:
    """Check all files of the clip before Blender reads them. Raises FootageUnusable."""
    footage = footage_of(clip)
    picture = check_first(footage)
    plate = Plate(footage, describe(footage))
    check_readable(clip, footage, picture)
    _check_count(clip, footage)
    return plate


def _check_count(clip: MovieClip, footage: Footage) -> None:
    """Raise FootageUnusable if Blender's count of files, which may be old, differs from the checked files."""
    count = clip.frame_duration
    if footage.source == "MOVIE" or count == footage.count:
        return
    file = footage.file(min(count, footage.count) + 1)
    if count > footage.count:
        problem = f"{file.name} is missing. Put it back, or reload the clip"
    else:
        problem = f"it does not see {file.name}. Reload the clip (Clip > Reload Clip)"
    words = f"Blender sees {count} files from {footage.file(1).name} on, but {footage.count} exist: {problem}"
    raise FootageUnusable(words, file)


def footage_of(clip: MovieClip) -> Footage:
    """The files of the clip; its `Footage.file` takes clip frames. Raises FootageUnusable."""
    check_system(clip.filepath)
    path = Path(bpy.path.abspath(clip.filepath, library=clip.library))
    footage = find_footage(path)
    return replace(footage.as_clip(path, clip.frame_offset), counting=Counting(clip.frame_start))


def library_of(clip: MovieClip) -> str:
    """The file that the clip is linked from, as Blender writes it; empty for a clip of the open file.

    An override counts as linked: Blender does not save its tracks either.
    """
    override = clip.override_library
    library = override.reference.library if override is not None and override.reference else clip.library
    return library.filepath if library is not None else ""


def linked_words(clip: MovieClip) -> str:
    """Why a linked clip cannot be tracked, with the remedy; empty for a clip of the open file."""
    library = library_of(clip)
    return f"The clip is linked from {library}: open that file, or make the clip local" if library else ""


def clip_size(clip: MovieClip) -> tuple[int, int]:
    """Width and height of the clip in pixels."""
    width, height = clip.size  # type: ignore[misc]  # the stubs do not know that it can be unpacked
    return width, height


def counting_of(clip: MovieClip) -> Counting:
    """The frame numbers of the clip for people: those of the timeline."""
    return Counting(clip.frame_start)


def metadata_of(clip: MovieClip) -> FootageMetadata:
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
    """Note in the clip, for the saved file, that it contains the session's journal up to `position`."""
    clip[_MARK] = f"{session_id} {position.generation} {position.offset}"


def write_stamp(clip: MovieClip, stamp: str) -> None:
    """Note the stamp (`core.journal.stamp`) of the state that the clip has, for the saved file."""
    clip[_STAMP] = stamp


def stamp_in(clip: MovieClip) -> str:
    """The stamp of the clip; empty without one."""
    return str(clip.get(_STAMP, ""))


class ClipMark(NamedTuple):
    """The session of a clip, as noted in the clip."""

    session: str
    position: Position  # the clip contains the session's journal up to here
    root: Path | None = None  # the session folder, if the file would not find it


def mark_of(clip: MovieClip) -> ClipMark | None:
    """The mark of the clip; None without a valid one, and for a linked clip, whose mark belongs to another file."""
    if library_of(clip):
        return None
    parts = written_mark(clip).split()
    if len(parts) != 3 or not SESSION_ID.match(parts[0]) or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    root = clip.get(_FOLDER)
    is_root = isinstance(root, str) and os.path.isabs(root)
    return ClipMark(parts[0], Position(int(parts[1]), int(parts[2])), Path(root) if is_root else None)


def position_in(mark: ClipMark | None, session_id: str) -> Position | None:
    """The position of that session's journal in the mark; None without one."""
    return mark.position if mark is not None and mark.session == session_id else None


def written_mark(clip: MovieClip) -> str:
    """The text of the clip's mark, valid or not, for comparisons."""
    return str(clip.get(_MARK, ""))


def unmark(clip: MovieClip) -> None:
    clip.pop(_MARK, None)
    clip.pop(_STAMP, None)
    mark_root(clip, None)


def mark_root(clip: MovieClip, root: Path | None) -> None:
    """Note the session folder in the clip; None deletes the note."""
    if root is not None:
        clip[_FOLDER] = str(root)
    else:
        clip.pop(_FOLDER, None)
