# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves the result of a command as a .blend, and reads it back before it replaces a file."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import Action, SaveUnsound, StorageFailed, UsageError
from ...core.journal.rows import width_of
from ..clip.markers import COLUMNS
from ..clip.movie_clip import written_mark

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack


def check_save(save: Path | None, blend: Path | None) -> None:
    """Raise UsageError if the result cannot be saved as `save`, or if `save` is `blend`, the opened file."""
    if save is None:
        return
    if save.suffix.lower() != ".blend":
        raise UsageError(f"{save.name} does not end in .blend", Action.CHOOSE_SAVE)
    if not save.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {save.absolute().parent} to save in: make it first")
    if blend is not None and save.exists() and blend.exists() and os.path.samefile(save, blend):
        raise UsageError(f"{save.name} is the opened file, which stays as it is", Action.CHOOSE_SAVE)


def save_result(clip: MovieClip, path: Path) -> Path:
    """Save a copy of the open file; it replaces the file at `path` only if it holds the whole clip.

    Raises StorageFailed, SaveUnsound.
    """
    clip.use_fake_user = True
    return save_copy(path, lambda saved: _loss(clip, saved))


def save_copy(path: Path, loss_of: Callable[[Path], str]) -> Path:
    """Save a copy of the open file; it replaces the file at `path` only if `loss_of` finds nothing, in words, that it
    lacks. Raises StorageFailed, SaveUnsound.
    """
    temporary = path.absolute().with_name(f".{path.stem}.{os.getpid()}.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(temporary), copy=True, check_existing=False)
        loss = loss_of(temporary)
        if loss:
            raise SaveUnsound(path, loss)
        os.replace(temporary, path)
    except (RuntimeError, OSError) as error:
        cause = error if isinstance(error, OSError) else OSError(0, str(error).strip())
        raise StorageFailed(path, cause) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _loss(clip: MovieClip, path: Path) -> str:
    """The first part of the clip that the file lacks, in words; empty if the file holds the whole clip."""
    libraries: Any = bpy.data.libraries
    known = {library.session_uid for library in libraries}
    try:
        with libraries.load(str(path), link=True) as (there, wanted):
            if clip.name not in there.movieclips:
                return f"it has no clip “{clip.name}”"
            wanted.movieclips = [clip.name]
        saved: Any = wanted.movieclips[0]  # the end of the block replaced the name by the clip
        return _difference(clip, saved)
    except (OSError, RuntimeError) as error:
        return f"it cannot be read ({str(error).strip()})"
    finally:
        for library in [library for library in libraries if library.session_uid not in known]:
            libraries.remove(library)


def _difference(clip: MovieClip, saved: MovieClip | None) -> str:
    if saved is None:
        return f"its clip “{clip.name}” cannot be read"
    if written_mark(saved) != written_mark(clip):
        return "its clip belongs to another state of the session"
    objects = saved.tracking.objects
    for object_ in clip.tracking.objects:
        tracks = objects[object_.name].tracks if object_.name in objects else None
        if tracks is None or len(tracks) != len(object_.tracks):
            found = 0 if tracks is None else len(tracks)
            return f"of {len(object_.tracks)} tracks of “{object_.name}” it has {found}"
        for track, other in zip(object_.tracks, tracks, strict=True):
            if track.name != other.name or _columns(track) != _columns(other):
                return f"its track “{other.name}” has other markers ({len(other.markers)} of {len(track.markers)})"
    return ""


def _columns(track: MovieTrackingTrack) -> list[array[Any]]:
    """The frames and positions of all markers, without the flags, which take as long to read as all of these."""
    markers = track.markers
    columns: list[array[Any]] = []
    for name, width in (("frame", 1), *((name, width_of(place)) for name, place in COLUMNS.items())):
        kind = "i" if name == "frame" else "f"
        columns.append(array(kind, bytes(4 * width * len(markers))))
        markers.foreach_get(name, columns[-1])
    return columns
