# SPDX-License-Identifier: GPL-3.0-or-later
"""Submissions for the engines."""

from collections.abc import Sequence
from pathlib import Path

from tracking_sessions.core.farm.submission import Resources, Submission

BLENDER = ("/opt/blender 5/blender", "--background", "--addons", "bl_ext.system.tracking_sessions", "--command", "x")


def submission(
    folder: Path,
    indices: Sequence[int] = range(1, 25),
    name: str = "seq 010",
    worker: Sequence[str] = BLENDER,
    place: str = "",
    **resources: int | str,
) -> Submission:
    given = Resources(**resources)  # type: ignore[arg-type]
    place = place or str(folder)
    return Submission("20260131-101500-5f0c2d1e", name, folder, place, str(folder.parent), indices, worker, given)
