# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that says where the shots of a submission stand: `status`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.farm.manifest import Manifest
from ...core.farm.status import RETRIED, Stand, Standing, counts, standings
from ...core.farm.submitting import find_submission, sent
from ...core.model.wording import short
from ..arguments import add_json, add_root, command
from ..finding import root_of
from ..terminal import columns_of, fit
from ..words import root_words, shots_words

_TITLE = 24  # columns
_JOBS = 5  # ids that are shown


def add_commands(commands: Any) -> None:
    words = "say where each shot of a submission stands, whatever the engine"
    parser = command(commands, "status", _status, words, "status --root /show/sessions")
    parser.add_argument(
        "submission",
        metavar="SUBMISSION",
        nargs="?",
        default="",
        help="its id, the beginning of it, or its folder (default: the newest one)",
    )
    words = "one line for all shots, and one for each that has failed or was skipped"
    parser.add_argument("--short", action="store_true", help=words)
    add_root(parser)
    add_json(parser)


def _status(options: argparse.Namespace) -> list[str]:
    manifest = find_submission(root_of(options.root).absolute(), options.submission)
    found = list(standings(manifest))
    if options.json:
        return [json.dumps(_document(manifest, found), indent=1)]
    shown = [one for one in found if one.stand in (Stand.FAILED, Stand.SKIPPED)] if options.short else found
    return [*_lines(shown), *_summary(manifest, found, options.root)]


def _document(manifest: Manifest, found: Sequence[Standing]) -> dict[str, Any]:
    counted = counts(found)
    return {
        "id": manifest.head.id,
        "name": manifest.head.name,
        "folder": str(manifest.folder),
        "root": str(manifest.head.root),
        "created": manifest.head.created,
        "sent": [
            {"engine": one.engine, "shots": one.shots, "jobs": list(one.jobs), "time": one.time}
            for one in sent(manifest)
        ],
        "counts": {stand.value: counted[stand] for stand in Stand},
        "shots": [described(one) for one in found],
    }


def described(one: Standing) -> dict[str, Any]:
    """A shot as JSON for scripts."""
    state = one.state
    return {
        "index": one.shot.index,
        "name": one.shot.spec.title,
        "footage": one.shot.spec.footage,
        "root": str(one.shot.root),
        "status": one.stand.value,
        "session": state.session,
        "tracked_frames": one.tracked,
        "total_frames": one.total,
        "verdict": state.verdict,
        "error": state.error,
        "host": state.host,
        "job": state.job,
        "started": state.started,
        "ended": state.ended,
    }


def _lines(found: Sequence[Standing]) -> list[str]:
    digits = max((len(str(one.shot.index)) for one in found), default=1)
    titles = [fit(one.shot.spec.title, _TITLE) for one in found]
    width = max(map(columns_of, titles), default=0)
    lines: list[str] = []
    for one, title in zip(found, titles, strict=True):
        facts: list[str] = []
        if one.total:
            facts.append(f"{one.tracked} of {one.total} frames")
        if one.state.verdict:
            facts.append(f"camera: {one.state.verdict.replace('_', ' ')}")
        if one.stand is Stand.RUNNING and one.state.host:
            facts.append(f"on {short(one.state.host)}")
        stand = one.stand.value.replace("_", " ")
        pad = " " * (width - columns_of(title))
        lines.append(f"{one.shot.index:>{digits}}  {title}{pad}  {stand:<11}  {', '.join(facts)}".rstrip())
        if one.state.error and one.stand is not Stand.COMPLETED:
            lines.append(f"{' ' * (digits + 2)}{short(one.state.error, 500)}")
    return lines


def _summary(manifest: Manifest, found: Sequence[Standing], root: Path | None) -> list[str]:
    counted = counts(found)
    name = f" “{short(manifest.head.name)}”" if manifest.head.name else ""
    parts = [f"{counted[stand]} {stand.value.replace('_', ' ')}" for stand in Stand if counted[stand]]
    lines = [f"Submission {manifest.head.id}{name}, {shots_words(len(found))}: {', '.join(parts)}."]
    for one in sent(manifest):
        more = f" and {len(one.jobs) - _JOBS} more" if len(one.jobs) > _JOBS else ""
        lines.append(f"Sent to {one.engine}, shots {short(one.shots)}: {', '.join(one.jobs[:_JOBS])}{more}.")
    is_idle = counted[Stand.WAITING] and not counted[Stand.RUNNING]  # its jobs may be gone
    if is_idle or any(counted[stand] for stand in RETRIED - {Stand.WAITING}):
        where = root_words(manifest.head.root) if root is None else root_words(root.absolute())
        lines.append(f"What is not done is sent again with: submit --retry {manifest.head.id}{where}")
    return lines
