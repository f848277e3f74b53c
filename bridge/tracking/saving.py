# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving the result of a command as a .blend, which counts only once it was read back."""

from __future__ import annotations

import os
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...core.errors import SaveUnsound, StorageFailed, UsageError
from ...core.journal.rows import width_of
from ..clip.markers import COLUMNS
from ..clip.movie_clip import written_mark

if TYPE_CHECKING:
    from bpy.types import MovieClip, MovieTrackingTrack


def check_save(save: Path | None, blend: Path | None) -> None:
    """Raise UsageError if the result cannot be saved as `save`, or that is `blend`, the file that is opened."""
    if save is None:
        return
    if save.suffix.lower() != ".blend":
        raise UsageError(f"--save needs a name that ends in .blend, not {save.name}")
    if not save.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {save.absolute().parent} to save in: make it first")
    if blend is not None and save.exists() and blend.exists() and os.path.samefile(save, blend):
        raise UsageError("--save names the file that was opened, which is never written to: name another")


def save_result(clip: MovieClip, path: Path) -> Path:
    """Save a copy of the file; what was at `path` is replaced only by a whole new one that holds all of the clip.

    Raises StorageFailed, SaveUnsound.
    """
    clip.use_fake_user = True
    temporary = path.absolute().with_name(f".{path.stem}.{os.getpid()}.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(temporary), copy=True, check_existing=False)
        lacks = _lacks(clip, temporary)
        if lacks:
            raise SaveUnsound(path, lacks)
        os.replace(temporary, path)
    except (RuntimeError, OSError) as error:
        cause = error if isinstance(error, OSError) else OSError(0, str(error).strip())
        raise StorageFailed(path, cause) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _lacks(clip: MovieClip, path: Path) -> str:
    """What the file lacks of the clip, in words; empty if it holds it all."""
    libraries: Any = bpy.data.libraries
    known = {one.session_uid for one in libraries}
    try:
        with libraries.load(str(path), link=True) as (there, wanted):
            if clip.name not in there.movieclips:
                return f"it has no clip “{clip.name}”"
            wanted.movieclips = [clip.name]
        saved: Any = wanted.movieclips[0]  # the clip itself by now
        return _difference(clip, saved)
    except (OSError, RuntimeError) as error:
        return f"it cannot be read ({str(error).strip()})"
    finally:
        for one in [one for one in libraries if one.session_uid not in known]:
            libraries.remove(one)


def _difference(clip: MovieClip, saved: MovieClip | None) -> str:
    if saved is None:
        return f"its clip “{clip.name}” cannot be read"
    if written_mark(saved) != written_mark(clip):
        return "its clip belongs to another state of the session"
    objects = saved.tracking.objects
    for where in clip.tracking.objects:
        tracks = objects[where.name].tracks if where.name in objects else None
        if tracks is None or len(tracks) != len(where.tracks):
            found = 0 if tracks is None else len(tracks)
            return f"of {len(where.tracks)} tracks of “{where.name}” it has {found}"
        for track, other in zip(where.tracks, tracks, strict=True):
            if track.name != other.name or _columns(track) != _columns(other):
                return f"its track “{other.name}” has other markers ({len(other.markers)} of {len(track.markers)})"
    return ""


def _columns(track: MovieTrackingTrack) -> list[array[Any]]:
    """The frames and places of all markers, without the flags, which take as long as all of this."""
    markers = track.markers
    columns: list[array[Any]] = []
    for name, width in (("frame", 1), *((name, width_of(place)) for name, place in COLUMNS.items())):
        kind = "i" if name == "frame" else "f"
        columns.append(array(kind, bytes(4 * width * len(markers))))
        markers.foreach_get(name, columns[-1])
    return columns
