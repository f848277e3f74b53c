# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that sends shots to a farm: `submit`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ...core.batch.manifest import read_shots
from ...core.batch.shot_entry import KEYS
from ...core.errors import TrackingSessionError, UsageError
from ...core.farm.engines import NAMES, engine_of
from ...core.farm.manifest import Manifest
from ...core.farm.status import RETRIED, Stand, standings
from ...core.farm.submission import Engine, Resources
from ...core.farm.submitting import check_takes, create, find_submission, ranges_of, send, sent, submission_of
from ...core.model.wording import short
from ...core.processes.own import farm_command
from ...core.tracking.plan import SHARED
from ..arguments import add_json, add_options, add_root, command, given, positive
from ..blender import blender_path, is_online
from ..finding import root_of
from ..terminal import say
from ..words import root_words, shots_words


def add_commands(commands: Any) -> None:
    words = "send shots to a render farm, as a job of its engine"
    parser = command(commands, "submit", _submit, words, "submit --engine slurm shots.csv --root /show/sessions")
    parser.add_argument(
        "shots", metavar="SHOT", nargs="*", help=f"as for batch run; the keys of a list are {', '.join(KEYS)}"
    )
    parser.add_argument("--engine", choices=NAMES, help="the engine (with --retry by default that of the last time)")
    parser.add_argument(
        "--retry",
        metavar="SUBMISSION",
        nargs="?",
        const="",
        help="send again what is not done of a submission (its id, the beginning of it, or its folder; default: the "
        "newest one): shots without a task, interrupted, failed and skipped ones",
    )
    words = "only write the job, to look at or to send from another machine"
    parser.add_argument("--dry-run", action="store_true", help=words)
    add_root(parser)
    words = "each shot gets a session folder of its own in the session folder: for more than a few hundred shots"
    parser.add_argument("--apart", action="store_true", help=words)
    parser.add_argument("--name", default="", help="a name for the submission (default: that of the list, or shot)")
    words = "rules by which paths of this machine become those of the nodes, in the form of OpenJD"
    parser.add_argument("--path-map", metavar="FILE", type=Path, help=words)
    words = "the Blender of the nodes, which loads this extension alone (default: as this process is run)"
    parser.add_argument("--blender", metavar="PROGRAM", default="", help=words)
    words = "the name of this extension there, such as bl_ext.system.tracking_sessions (default: as here)"
    parser.add_argument("--extension", metavar="NAME", default="", help=words)
    _add_resources(parser.add_argument_group("what the tasks may use, and what the engine is told"))
    add_options(parser.add_argument_group("for all shots without an option of their own"), SHARED, shared=True)
    add_json(parser)


def _add_resources(group: argparse._ArgumentGroup) -> None:
    counts = {
        "max-running": ("N", "at most N tasks at a time"),
        "time-limit": ("MIN", "minutes after which a task is stopped, to go on in another"),
        "cpus": ("N", "processors of a task"),
        "memory": ("MIB", "memory of a task"),
        "priority": ("P", "the priority of the job"),
        "segments": ("N", "share the work on each camera between N tasks (slurm)"),
    }
    for name, (metavar, words) in counts.items():
        group.add_argument(f"--{name}", metavar=metavar, type=positive, default=0, help=words)
    texts = {
        "queue": ("Q", "a partition, a queue or a worker tag"),
        "comment": ("TEXT", "a comment on the job"),
        "mail": ("ADDRESS", "who gets a mail at the end"),
        "url": ("URL", "the manager of the farm (flamenco)"),
    }
    for name, (metavar, words) in texts.items():
        group.add_argument(f"--{name}", metavar=metavar, default="", help=words)


def _submit(options: argparse.Namespace) -> list[str]:
    if options.retry is not None:
        return _retried(options)
    if not options.shots or options.engine is None:
        raise UsageError("Name the engine and the shots: submit --engine E SHOT…")
    engine = engine_of(options.engine, is_online=is_online())
    resources = _resources(options)
    _check(engine, resources, options)
    shots = read_shots(options.shots, given(options, SHARED))
    name = options.name or (Path(options.shots[0]).stem if len(options.shots) == 1 else "")
    root = root_of(options.root).absolute()
    manifest = create(root, shots, name, apart=options.apart, rules=options.path_map)
    return _sent(manifest, range(1, len(shots) + 1), engine, resources, _worker(options), options)


def _retried(options: argparse.Namespace) -> list[str]:
    if options.shots:
        raise UsageError("With --retry the shots are those of the submission: name no others")
    manifest = find_submission(root_of(options.root).absolute(), options.retry)
    before = sent(manifest)[-1:]
    if options.engine is None and not before:
        raise UsageError(f"{manifest.head.id} was not sent yet: name the engine")
    name = options.engine or before[0].engine
    engine = engine_of(name, is_online=is_online())
    is_same = bool(before) and before[0].engine == name
    resources = _resources(options, before[0].resources if is_same else Resources())
    worker = before[0].worker if is_same and not options.blender else _worker(options)
    found = list(standings(manifest))
    indices = [standing.shot.index for standing in found if standing.stand in RETRIED]
    running = sum(standing.stand is Stand.RUNNING for standing in found)
    if not indices:
        say(f"Of {manifest.head.id} nothing is left to send" + (f"; {shots_words(running)} run." if running else "."))
        return ["null"] if options.json else []
    _check(engine, resources, options)
    return _sent(manifest, indices, engine, resources, worker, options)


def _check(engine: Engine, resources: Resources, options: argparse.Namespace) -> None:
    check_takes(engine, resources)
    missing = "" if options.dry_run else engine.missing(resources)
    if missing:
        raise TrackingSessionError(
            f"{missing}. With --dry-run the job is written all the same, to send it from another machine"
        )


def _resources(options: argparse.Namespace, before: Resources | None = None) -> Resources:
    """Those of the command line, else those of the last time."""
    values = {entry.name: getattr(options, entry.name) for entry in fields(Resources)}
    return replace(before or Resources(), **{name: value for name, value in values.items() if value})


def _worker(options: argparse.Namespace) -> list[str]:
    return farm_command(options.blender or blender_path(), options.extension)


def _sent(
    manifest: Manifest,
    indices: Sequence[int],
    engine: Engine,
    resources: Resources,
    worker: Sequence[str],
    options: argparse.Namespace,
) -> list[str]:
    """Write the job of these shots and send it; returns the output."""
    submission = submission_of(manifest, indices, worker, resources)
    files = engine.write(submission)
    jobs = [] if options.dry_run else send(engine, submission)
    if options.json:
        document = {
            "id": submission.id,
            "engine": engine.name,
            "folder": str(submission.folder),
            "manifest": str(manifest.path),
            "shots": ranges_of(indices),
            "files": [str(path) for path in files],
            "jobs": jobs,
            "dry_run": options.dry_run,
        }
        return [json.dumps(document, indent=1)]
    name = f" “{short(submission.name)}”" if submission.name else ""
    head = f"Submission {submission.id}{name}: {shots_words(len(indices))}"
    if options.dry_run:
        return [f"{head}, not sent.", *(f"  {path}" for path in files), f"Send it with: {engine.advice(submission)}"]
    words = root_words(manifest.head.root)
    return [
        f"{head}, sent to {engine.title} as {', '.join(jobs[:5])}{', …' * (len(jobs) > 5)}.",
        f"Where they stand: status {submission.id}{words}",
    ]
