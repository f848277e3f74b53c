# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the open file, beside the session."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ...core.errors import StorageFailed

COPY_NAME = "copy.blend"
FRESH_NAME = "fresh.blend"  # the copy while Blender writes it


def save_copy(folder: Path) -> Path:
    """Save a copy of the open file as `COPY_NAME` in the folder of a session.

    Raises StorageFailed; the earlier copy then stays.
    """
    path, fresh = folder / COPY_NAME, folder / FRESH_NAME
    try:
        # Blender keeps a file that it overwrites as a numbered version beside the journal
        fresh.unlink(missing_ok=True)
        # without the remap, which a preference for new paths may turn off, Blender breaks the file's relative paths
        bpy.ops.wm.save_as_mainfile(filepath=str(fresh), copy=True, check_existing=False, relative_remap=True)
        os.replace(fresh, path)
    except (OSError, RuntimeError) as error:  # a RuntimeError has Blender's message
        cause = error if isinstance(error, OSError) else OSError(0, str(error).removeprefix("Error: ").strip())
        raise StorageFailed(path, cause) from error
    return path
