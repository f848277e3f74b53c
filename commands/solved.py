# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands that solve print: a line for each round, and the verdict with its figures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from ..core.batch.events import Done
from ..core.errors import ExitCode
from ..core.model.wording import count_words
from ..core.recording.manager import TrackingSessionManager
from ..core.solve.recording import USABLE
from ..core.solve.solve import Round, Solve, VerdictKind
from ..core.storage.folder import SessionFolder
from .arguments import NotAllDone

TITLES = {
    VerdictKind.SOLVED: "Solved",
    VerdictKind.TRIPOD: "The camera turns on the spot",
    VerdictKind.STATIC: "The camera does not move",
    VerdictKind.LOW_PARALLAX: "Low parallax",
    VerdictKind.FOCAL_UNDETERMINED: "The focal length is not determined",
    VerdictKind.CUT: "The shot has a cut",
    VerdictKind.TOO_FEW_TRACKS: "Too few tracks",
    VerdictKind.TWO_MOTIONS: "Two motions",
    VerdictKind.NOT_SOLVED: "Not solved",
}


def round_words(step: Round) -> str:
    words = f"{step.name}: {count_words(step.tracks, 'track')}, {count_words(step.markers, 'marker')}"
    return f"{words}, {step.error:.3f} px, {count_words(step.cameras, 'camera')}" if step.cameras else words


def outcome(
    manager: TrackingSessionManager, solves: Sequence[Solve], options: argparse.Namespace, *, is_kept: bool = False
) -> list[str]:
    """The output for a solve, and for those of its parts; `is_kept`: the first one was made before.

    Raises NotAllDone, with exit code 4, unless it is solved, or each of its parts is."""
    if options.json or options.events:
        facts = _facts(manager, solves[0]) | {"kept": is_kept}
        if options.parts:
            facts["parts"] = [_facts(manager, solve) for solve in solves[1:]]
        lines = [json.dumps(facts, indent=1) if options.json else Done(manager.id, facts).line()]
    else:
        lines = [line for solve in solves for line in _lines(manager, solve)]
    whole = [solve for solve in solves if not (options.parts and solve.parts)]
    unsolved = next((solve.verdict for solve in whole if solve.verdict.kind is not VerdictKind.SOLVED), None)
    if unsolved is not None:
        kept = "Its solve is kept" if unsolved.kind in USABLE else "The tracks are kept"
        raise NotAllDone(f"{unsolved.reason}. {kept}", ExitCode.NO_CAMERA, lines)
    return lines


def _facts(manager: TrackingSessionManager, solve: Solve) -> dict[str, Any]:
    """What `--json` prints of a solve."""
    return {
        "session": str(manager.path.absolute()),
        "verdict": solve.verdict.kind.value,
        "reason": solve.verdict.reason,
        "advice": solve.verdict.advice,
        "solve": solve.id,
        "average_error": solve.average_error,
        "cameras": len(solve.cameras),
        "frames": solve.frames[1] - solve.frames[0] + 1,
        "range": [manager.counting.shown(frame) for frame in solve.frames],
        "focal_length": solve.lens.focal,
        "tracks_kept": len(solve.bundles),
        "tracks_made": solve.tracks_made,
        "figures": dict(solve.verdict.figures),
    }


def _lines(manager: TrackingSessionManager, solve: Solve) -> list[str]:
    verdict, frames = solve.verdict, solve.frames[1] - solve.frames[0] + 1
    return [
        f"{TITLES[verdict.kind]}: {verdict.reason}.",
        *([f"{verdict.advice}."] if verdict.advice else []),
        f"{len(solve.cameras)} of {frames} frames have a camera, {len(solve.bundles)} of {solve.tracks_made} "
        f"tracks were kept, the error is {solve.average_error:.3f} px, the focal length {solve.lens.focal:.2f} mm.",
        f"Solve {solve.id} of session {manager.id} in {SessionFolder.of(manager.path).root}",
    ]
