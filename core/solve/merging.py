# SPDX-License-Identifier: GPL-3.0-or-later
"""Merges sessions with the files of their solves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..errors import SolveUnreadable
from ..model.types import SOLVE_ID
from ..recording import merge
from ..recording.manager import TrackingSessionManager
from ..storage.files import existing_document
from ..storage.folder import SessionFolder
from .solve import Solve
from .store import read_solve, solve_file, write_solve


def merge_sessions(
    session_paths: Sequence[str | os.PathLike[str]], output_path: str | os.PathLike[str]
) -> TrackingSessionManager:
    """As `core.recording.merge.merge_sessions`, with the files of the solves.

    They come along if the output lies in a session folder, with the numbers that their tracks have there; tracks that a
    session has no more are left out. A solve that cannot be read stays in the folder of its session.
    """
    return merge.merge_sessions(session_paths, output_path, bring=_bring)


def _bring(folder: SessionFolder, session_id: str, merged: merge.MergedSolve) -> None:
    """Write the stored solve, if there is one, for the merged session. Raises StorageFailed."""
    id: str = merged.entry["id"]
    if not (SOLVE_ID.match(id) and SOLVE_ID.match(merged.id)):
        return  # of a script, which stores none
    path = existing_document(solve_file(SessionFolder.of(merged.source.path), merged.source.id, merged.id))
    if not os.path.exists(path):
        return
    try:
        solve = read_solve(path)
    except SolveUnreadable:
        return
    write_solve(folder, session_id, renumbered(replace(solve, id=id), merged.numbers))


def renumbered(solve: Solve, numbers: Mapping[int, int]) -> Solve:
    """The solve with other numbers of tracks, without the tracks that have none."""
    errors = {numbers[track]: found for track, found in solve.marker_errors.items() if track in numbers}
    return replace(
        solve,
        bundles=tuple(one._replace(track=numbers[one.track]) for one in solve.bundles if one.track in numbers),
        marker_errors=errors,
        dropped=tuple(one._replace(track=numbers[one.track]) for one in solve.dropped if one.track in numbers),
        muted=tuple(one._replace(track=numbers[one.track]) for one in solve.muted if one.track in numbers),
    )
