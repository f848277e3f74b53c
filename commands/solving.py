# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that solve: `solve`, and `camera`, which goes from footage to a camera."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..core.batch.events import Begun, Segments
from ..core.errors import Interrupted, SegmentsWanted, TrackingSessionError, UsageError
from ..core.model.counting import Counting
from ..core.model.types import COEFFICIENTS
from ..core.model.wording import short
from ..core.processes.own import own_command
from ..core.processes.process import wait
from ..core.recording.manager import TrackingSessionManager, load_session
from ..core.recording.recorder import FILE_INTERVAL
from ..core.solve import recording
from ..core.solve.job import LIMIT, SolveJob, round_line, solved_line
from ..core.solve.solve import Lens, Round, Solve
from ..core.solve.store import read_solve, solve_file
from ..core.storage.folder import FOLDER_NAME, SessionFolder
from ..core.tracking.plan import CAMERA, LENS, OPTIONS, SENSOR, ShotSpec
from .arguments import (
    add_json,
    add_options,
    add_root,
    add_session,
    command,
    number,
    patiently,
    positive,
)
from .blender import blender_path, bridge_module
from .finding import find_file, root_of
from .solved import outcome, round_words
from .terminal import Signals, drive, quiet_blender, say

if TYPE_CHECKING:
    from ..bridge.tracking.shot import Shot

_POLL = 0.2  # seconds
_REPORT = 10.0  # seconds between two lines of progress


def add_commands(commands: Any) -> None:
    parser = command(commands, "solve", _solve, "solve the camera of a session", "solve 20260131-101500-5f0c2d1e")
    add_session(parser)
    words = "solve only these frames, such as the part of a shot before its cut"
    parser.add_argument("--frames", metavar="A-B", type=_range, help=words)
    add_options(parser, LENS)
    _add_lens(parser)
    words = "store the solve, record nothing, and print a line of JSON for each step: for the owner of the session"
    _add_outcome(parser, words)

    parser = command(
        commands,
        "camera",
        _camera,
        "go from footage to a camera: track, audit, filter, solve, refine, and say what it is worth",
        "camera shots/010/plate_0001.png --json",
    )
    parser.add_argument("footage", metavar="FOOTAGE", type=Path, help=OPTIONS[0].help)
    add_root(parser, "tracking_sessions here, or beside the .blend")
    add_options(parser, CAMERA)
    words = "track in N processes side by side, which changes no marker (default: 1)"
    parser.add_argument("-j", "--jobs", metavar="N", type=positive, default=1, help=words)
    words = "leave the passes to others: write each as N segments, which a farm tracks, and end with 75 (see submit)"
    parser.add_argument("--segments", metavar="N", type=positive, help=words)
    which = parser.add_mutually_exclusive_group()
    words = "keep the camera of the session, if it has one, its tracks have not changed since, and the lens is the same"
    which.add_argument("--resume", action="store_true", help=words)
    which.add_argument("--fresh", action="store_true", help="set the session of this footage aside and start anew")
    _add_lens(parser)
    _add_outcome(parser, "print a line of JSON when tracking begins, and one with the result")


def _add_lens(parser: argparse.ArgumentParser) -> None:
    """What a camera may have beside `LENS`."""
    words = "the width of a pixel, as a share of its height (default: 1)"
    parser.add_argument("--aspect", metavar="A", type=_aspect, default=1.0, help=words)
    words = f"the distortion of the lens, if it is known (default: it is estimated): {_DISTORTION}"
    parser.add_argument("--distortion", metavar="JSON", type=_distortion, help=words)


def _add_outcome(parser: argparse.ArgumentParser, events: str) -> None:
    parser.add_argument(
        "--time-limit",
        metavar="S",
        type=_seconds,
        default=LIMIT,
        help=f"give up if one solve of Blender's takes longer than S seconds (default: {LIMIT:g})",
    )
    words = "where the shot has cuts, solve each part by itself as well"
    parser.add_argument("--parts", action="store_true", help=words)
    how = parser.add_mutually_exclusive_group()
    add_json(how)
    how.add_argument("--events", action="store_true", help=events)


def _aspect(text: str) -> float:
    return number(text, 100.0, "a width and a height")


def _seconds(text: str) -> float:
    return number(text, 1e6, "seconds")


def _distortion(text: str) -> dict[str, Any]:
    """Raises ArgumentTypeError."""
    try:
        content: Any = json.loads(text)
        model, coefficients = str(content["model"]), tuple(map(float, content["coefficients"]))
        x, y = map(float, content.get("centre", (0.0, 0.0)))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, AttributeError):
        raise argparse.ArgumentTypeError("it is no distortion: " + _DISTORTION) from None
    numbers = COEFFICIENTS.get(model, ())
    if len(coefficients) != len(numbers) or not all(map(math.isfinite, (*coefficients, x, y))):
        raise argparse.ArgumentTypeError(f"{short(model)} has no such coefficients: {_DISTORTION}")
    return {"model": model, "coefficients": coefficients, "centre": (x, y)}


_DISTORTION = (
    'write JSON with Blender\'s name of the model and its numbers, such as {"model": "POLYNOMIAL", '
    '"coefficients": [-0.1, 0, 0]}; "centre" is the principal point in pixels from the centre of the picture'
)


def _lens(options: argparse.Namespace) -> Lens:
    sensor = options.sensor or SENSOR
    return Lens(options.focal or sensor, sensor, (1, 1), options.aspect, **(options.distortion or {}))


def _lens_options(options: argparse.Namespace) -> dict[str, str | float]:
    """The options for the process that solves."""
    found: dict[str, str | float] = {"sensor": options.sensor or SENSOR, "aspect": options.aspect}
    found |= {} if options.focal is None else {"focal": options.focal}
    return found if options.distortion is None else found | {"distortion": json.dumps(options.distortion)}


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit() and len(text) < 20):
        raise argparse.ArgumentTypeError(
            f"{short(text)!r} is no range of frames: write the first and the last, as 1-48"
        )
    if int(first) > int(last):
        raise argparse.ArgumentTypeError(f"{text} ends before it begins")
    return int(first), int(last)


def _between(options: argparse.Namespace, counting: Counting) -> tuple[int, int] | None:
    """The clip frames to solve; None for all. Raises UsageError for frames before the clip."""
    asked = getattr(options, "frames", None)
    if asked is None:
        return None
    first, last = (counting.clip_frame(frame) for frame in asked)
    if first < 1:
        raise UsageError(f"The clip begins on frame {counting.shown(1)}")
    return first, last


# One solve


def _solve(options: argparse.Namespace) -> list[str]:
    path = find_file(options.session, root_of(options.root))
    if options.events:
        return _solved_alone(path, options)
    with Signals() as signals, load_session(path) as manager:
        if not len(manager.session.tracked_frames):
            raise UsageError(f"“{short(manager.session.name)}” has no tracked frames: track it first")
        between = _between(options, manager.counting)
        return outcome(manager, _all_solved(manager, options, signals, between=between), options)


def _solved_alone(path: Path, options: argparse.Namespace) -> list[str]:
    """Solve, and store the solve; the parent process records it."""
    with quiet_blender() as output, load_session(path) as manager:

        def tell(step: Round) -> None:
            print(round_line(step), file=output, flush=True)

        is_known = options.focal is not None
        between = _between(options, manager.counting)
        how = {"is_focal_known": is_known, "between": between}
        solve = bridge_module("solve.solving").solve_session(manager, _lens(options), tell, **how)
        print(solved_line(solve.id), file=output, flush=True)
    return []


def _all_solved(
    manager: TrackingSessionManager,
    options: argparse.Namespace,
    signals: Signals,
    *,
    between: tuple[int, int] | None = None,
    kept: Solve | None = None,
) -> list[Solve]:
    """The solve of all frames, or of those `between`, with `--parts` followed by those of the parts that cuts leave.

    `kept`: the solve of all frames that is there already."""
    found = [kept or _solved(manager, options, signals, between)]
    waiting = found[0].parts if options.parts else []
    while waiting:
        part = waiting.pop(0)
        say(f"Solving frames {manager.counting.span(*part)}.")
        found.append(_solved(manager, options, signals, part))
        waiting = found[-1].parts + waiting
    return found


def _solved(
    manager: TrackingSessionManager, options: argparse.Namespace, signals: Signals, between: tuple[int, int] | None
) -> Solve:
    """Solve in a process of its own, and record the solve. Raises Interrupted, SolvingFailed, ProcessEnded."""
    bridge_module("solve.solver")  # says at once if there is no Blender
    folder = SessionFolder.of(manager.path)
    path, how = str(manager.path.absolute()), _lens_options(options)
    if between is not None:
        how["frames"] = "-".join(str(manager.counting.shown(frame)) for frame in between)
    line = own_command(blender_path(), "solve", path, events=True, **how)
    recorder = patiently(lambda is_patient: manager.acquire(wait=is_patient))
    before = recording.begin(manager)
    try:
        job = SolveJob(line, folder.solves(manager.id), options.time_limit)
        shown, due = 0, time.monotonic() + FILE_INTERVAL
        while not job.poll():
            if signals.reason:
                job.stop()
                words = f"{signals.reason}: the solve was stopped; all tracked frames are recorded"
                raise Interrupted(f"{words}. Solve again with: solve {manager.id}")
            for step in job.rounds[shown:]:
                say(f"{round_words(step)}.")
            shown = len(job.rounds)
            if time.monotonic() > due:
                recorder.renew_lease()
                due = time.monotonic() + FILE_INTERVAL
            wait([job.process], _POLL)
        for step in job.rounds[shown:]:
            say(f"{round_words(step)}.")
        solve = read_solve(solve_file(folder, manager.id, job.solve))
    except TrackingSessionError as error:
        recording.end(manager, before, error)
        raise
    recording.finish(manager, solve)
    return solve


# Hands off


def _camera(options: argparse.Namespace) -> list[str]:
    with Signals() as signals, quiet_blender() as output:
        path = _tracked(options, signals, output if options.events else None)
        with load_session(path) as manager:
            kept = _kept(manager, options)
            solves = _all_solved(manager, options, signals, kept=kept)
            return outcome(manager, solves, options, is_kept=kept is not None)


def _kept(manager: TrackingSessionManager, options: argparse.Namespace) -> Solve | None:
    """The solve that the session has, if `--resume` asks for it and another would give no other camera."""
    if not options.resume or options.distortion is not None:
        return None
    from ..core.solve.current import current_solve  # it needs numpy, which Blender has

    sensor = options.sensor if options.focal is None else options.sensor or SENSOR
    return current_solve(manager, focal=options.focal, sensor=sensor, aspect=options.aspect)


def _tracked(options: argparse.Namespace, signals: Signals, events: TextIO | None) -> Path:
    """Track the shot as far as it is not; returns the session file, of which a line in `events` tells at first."""
    headless = bridge_module("tracking.headless")
    spec = ShotSpec(str(options.footage), name=options.name, clip=options.clip)
    root = options.root or (Path(spec.footage).absolute().parent / FOLDER_NAME if spec.is_blend else root_of(None))
    request = headless.Request(spec, root, fresh=options.fresh)
    shown = time.monotonic()

    def check() -> None:
        if signals.reason:
            words = f"{signals.reason}: stopped, with all tracked frames recorded"
            raise Interrupted(f"{words}; go on with the same command")

    def follow(progress: Callable[[], str]) -> None:
        nonlocal shown
        if time.monotonic() - shown > _REPORT:
            shown = time.monotonic()
            say(f"Processes that track, {progress()}.")
        check()

    def aside(shot: Shot) -> Any:
        session = shot.session
        if events is not None:
            print(Begun(str(session.path.absolute()), shot.tracked_before).line(), file=events, flush=True)
        folder = SessionFolder.of(session.path).parts(session.id)
        width, frames = session.session.footage.size[0], shot.clip.frame_duration
        if options.segments:
            segments = bridge_module("solve.segments").Segments
            return segments(spec, folder, options.segments, shot.counting, width, frames)
        side_by_side = bridge_module("solve.side_by_side").SideBySide
        return side_by_side(spec, folder, options.jobs, blender_path(), shot.counting, width, frames, follow)

    track = bridge_module("solve.hands_off").track_shot
    try:
        return track(request, partial(drive, signals), say, aside, check).session.path
    except SegmentsWanted as wanted:
        if events is not None:
            print(Segments(str(wanted.manifest)).line(), file=events, flush=True)
        raise
