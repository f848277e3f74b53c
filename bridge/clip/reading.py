# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in a process of its own whether Blender can read a picture, because some pictures crash Blender."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ...core.batch.suspects import READING_TIME, is_unreadable
from ...core.errors import ExitCode

# A clip reads the picture, because a Blender image has no pixels for an EXR of several layers or parts. The operator
# raises without a picture, and finds nothing above this threshold.
_SCRIPT = f"""
import bpy, sys
clip = bpy.data.movieclips.load(sys.argv[-1])
window = bpy.context.window_manager.windows[0]
area = window.screen.areas[0]
area.type = "CLIP_EDITOR"
area.spaces.active.clip = clip
area.spaces.active.clip_user.frame_current = clip.frame_start
with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
    if bpy.ops.clip.detect_features.poll():
        try:
            bpy.ops.clip.detect_features(threshold=1.0)
        except RuntimeError:
            sys.exit({ExitCode.UNUSABLE})
"""


def reading_command(path: Path, blender: str) -> list[str]:
    """The command line of a Blender that reads the picture; `is_unreadable` judges its exit code.

    `blender` is the program; empty for the wheel. Works without bpy.
    """
    if blender:
        return [blender, "--background", "--factory-startup", "--python-expr", _SCRIPT, "--", str(path)]
    return [sys.executable, "-c", _SCRIPT, str(path)]


def can_read(path: Path) -> bool:
    """Let another Blender read the picture. True also if that takes too long or the process does not start."""
    import bpy

    try:
        done = subprocess.run(
            reading_command(path, bpy.app.binary_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=READING_TIME,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return not is_unreadable(done.returncode)
