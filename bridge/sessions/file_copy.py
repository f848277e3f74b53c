# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the open file, kept with a session."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ...core.errors import StorageFailed

COPY_NAME = "copy.blend"  # of the copy of the open file that is kept with a session
FRESH_NAME = "fresh.blend"  # of that copy while it is being written


def save_copy(folder: Path) -> Path:
    """Save the open file as `COPY_NAME` into the folder of a session; the open file stays what and where it was.

    Raises StorageFailed; the copy of before is then still there.
    """
    path, fresh = folder / COPY_NAME, folder / FRESH_NAME
    try:
        # never written over: Blender would keep each file of before as a numbered version beside the journal
        fresh.unlink(missing_ok=True)
        # the preference for relative paths is about new paths, but with it off, Blender breaks those that there are
        bpy.ops.wm.save_as_mainfile(filepath=str(fresh), copy=True, check_existing=False, relative_remap=True)
        os.replace(fresh, path)
    except OSError as error:
        raise StorageFailed(path, error) from error
    except RuntimeError as error:  # in Blender's words
        raise StorageFailed(path, OSError(0, str(error).removeprefix("Error: ").strip())) from error
    return path
