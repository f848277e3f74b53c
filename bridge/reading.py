# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Blender can read a picture: found out in a process of its own, which one that it cannot read may end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bpy

_LIMIT = 60.0  # seconds
_SCRIPT = "import bpy, sys; sys.exit(not all(bpy.data.images.load(sys.argv[-1]).size))"


def can_read(path: Path) -> bool:
    """Let another Blender read the picture. True also if that takes too long or cannot be tried."""
    blender = bpy.app.binary_path
    if blender:
        command = [blender, "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", _SCRIPT]
        command += ["--", str(path)]
    else:  # the wheel
        command = [sys.executable, "-c", _SCRIPT, str(path)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=_LIMIT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode == 0
