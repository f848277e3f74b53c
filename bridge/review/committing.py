# SPDX-License-Identifier: GPL-3.0-or-later
"""Commits the session of a clip, and writes what is wanted with it: a report, and a copy of the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import StorageFailed, UsageError
from ...core.report.html import export_session_report
from ...core.review.committing import decision
from ...core.review.person import person
from ...core.storage.folder import SessionFolder
from ..open_file import open_file
from .deciding import owned

if TYPE_CHECKING:
    from bpy.types import MovieClip


def check(clip: MovieClip) -> None:
    """Raises TrackingUnfinished if passes of the clip's session are left to track, and the errors of owning it."""
    decision(owned(clip)[1], person(), is_forced=True)


def commit(clip: MovieClip, *, is_forced: bool) -> None:
    """Commit the clip's session. Raises ReviewOpen, unless `is_forced`, TrackingUnfinished and the errors of owning."""
    _, session = owned(clip)
    state, facts = decision(session, person(), is_forced=is_forced)
    if session.session.state is not state:
        session.set_state(state, **facts)
        open_file.forget()


def report_path(clip: MovieClip) -> Path:
    """The report of the clip's session, in its folder."""
    _, session = owned(clip)
    return SessionFolder.of(session.path).report(session.id)


def copy_path(clip: MovieClip) -> Path:
    """A new file for a copy of the open one, beside it; of an unsaved one in the session folder."""
    blend = bpy.data.filepath
    stem = Path(blend).with_suffix("") if blend else SessionFolder.of(owned(clip)[1].path).root / Path(clip.name).stem
    paths = [stem.with_name(f"{stem.name}_committed{number}.blend") for number in ("", *range(2, 100))]
    return next((path for path in paths if not path.exists()), paths[-1])


def check_file(path: Path, suffix: str, *, replaces: bool) -> None:
    """Raise UsageError unless the path has this suffix and may be written: `replaces` allows an existing file."""
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path.name or 'The name'} does not end in {suffix}")
    if not path.exists():
        return
    if bpy.data.filepath and os.path.samefile(path, bpy.data.filepath):
        raise UsageError(f"{path.name} is the open file: choose another name for the copy")
    if not replaces:
        raise UsageError(f"There is a file {path.name} already: choose another name, or turn “Replace” on")


def write_report(clip: MovieClip, path: Path) -> Path:
    """Write the report of the clip's session. Raises StorageFailed and the errors of reading it."""
    return export_session_report(owned(clip)[1].path, path)


def save_copy(path: Path) -> None:
    """Save a copy of the open file, which stays open under its own name. Raises StorageFailed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, check_existing=False)
    except (RuntimeError, OSError) as error:
        cause = error if isinstance(error, OSError) else OSError(0, str(error).strip())
        raise StorageFailed(path, cause) from error
