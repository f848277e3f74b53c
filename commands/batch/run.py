# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that run a batch: `batch run` and `batch resume`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...bridge.clip.reading import reading_command
from ...core.batch.ledger import Ledger
from ...core.batch.manifest import read_shots
from ...core.batch.progress import BatchProgress
from ...core.batch.shot_runs import CRASHES
from ...core.batch.shots import BatchRow, BatchStatus, ShotRow, ShotStatus
from ...core.batch.supervisor import Supervisor
from ...core.errors import ExitCode, TrackingSessionError, UsageError
from ...core.model.wording import short
from ...core.processes.own import flags, own_command
from ...core.storage.folder import is_foreign
from ...core.tracking.plan import PAUSE_BELOW, SHARED, ShotSpec
from ..arguments import NotAllDone, given
from ..blender import NEEDED, blender_path
from ..finding import root_of
from ..terminal import Signals, say
from ..unfinished import settle
from ..words import root_words, shots_words
from .ledgers import checked_db, home_of, open_ledger, words_of
from .screen import BatchScreen
from .words import BAD, described_batch, summary

_LIMIT = 1000  # jobs, and crashes of a shot
_SHOTS_SHOWN = 3  # for more, a message does not name the whole command


def run(options: argparse.Namespace) -> list[str]:
    check_tracker()
    shots = read_shots(options.shots, given(options, SHARED))
    root = root_of(options.root).absolute()
    db = checked_db(options, make=True)
    settle(root, shots, resume=options.resume, fresh=options.fresh)
    name = options.name or (_name_of(options.shots[0], shots) if len(options.shots) == 1 else "")
    config = {
        "jobs": min(options.jobs, _LIMIT),
        "crashes": min(options.crashes, _LIMIT),
        "command": _again(options) if len(options.shots) <= _SHOTS_SHOWN else [],
    }
    with Ledger(root, db=db) as ledger:
        batch = ledger.create(name, shots, config)
        say(f"Batch {batch.id}{f' “{short(name)}”' if name else ''}: {shots_words(len(shots))}, {_at_a_time(batch)}.")
        return _supervise(ledger, batch, options)


def _name_of(argument: str, shots: Sequence[ShotSpec]) -> str:
    """A name for the batch of one argument: that of the file or folder, else that of its shot."""
    path = Path(os.path.abspath(argument))
    return path.stem if path.exists() or len(shots) != 1 else shots[0].title


def _again(options: argparse.Namespace) -> list[str]:
    """The arguments that name the same shots in any folder, for messages about the batch."""
    words = [shot if is_foreign(shot) else os.path.abspath(shot) for shot in options.shots]
    spec = ShotSpec("", **given(options, SHARED)).with_paths(os.path.abspath)
    return words + spec.to_arguments()[1:] + ([f"--jobs={options.jobs}"] if options.jobs > 1 else [])


def resume(options: argparse.Namespace) -> list[str]:
    check_tracker()
    with open_ledger(options) as ledger:
        if options.batch:
            batch = ledger.batch(options.batch)
        else:
            batch = ledger.latest_unfinished(lambda batch: ledger.owner(batch) is not None)
        if batch is None:
            return _nothing_to_resume(ledger, options)
        shots = ledger.shots(batch.id)
        home = home_of(ledger, batch, options)
        if batch.status is BatchStatus.COMPLETED:
            raise UsageError(_completed_words(ledger, batch, shots))
    with Ledger(home, db=options.db) as ledger:
        if batch.status is BatchStatus.FAILED and ledger.owner(batch.id) is None:
            count = ledger.requeue(batch.id, ShotStatus.FAILED)
            ledger.set_status(batch.id, BatchStatus.IN_PROGRESS)
            say(f"Batch {batch.id} had failed: trying {shots_words(count)} again, {_at_a_time(batch)}.")
        else:
            counts = Counter(shot.status for shot in shots)
            left = counts[ShotStatus.PENDING] + counts[ShotStatus.PROCESSING]
            words = f"{counts[ShotStatus.COMPLETED]} of {shots_words(len(shots))} are done"
            words += "".join(f", {counts[status]} {name}" for status, name in BAD.items() if counts[status])
            say(f"Batch {batch.id}: {words}; going on with {left}, {_at_a_time(batch)}.")
        return _supervise(ledger, batch, options)


def _nothing_to_resume(ledger: Ledger, options: argparse.Namespace) -> list[str]:
    newest = next(iter(ledger.batches()), None)
    hint = ""
    if newest is not None and newest.status is BatchStatus.FAILED:
        hint = f" The latest one failed: try its shots again with: batch resume {newest.id}{words_of(ledger)}."
    say(f"No batch is unfinished: there is nothing to resume.{hint}")
    return ["null"] if options.json else []


def _completed_words(ledger: Ledger, batch: BatchRow, shots: Sequence[ShotRow]) -> str:
    """The advice in place of resuming a completed batch."""
    given = batch.config.get("command")
    words = shlex.join(map(str, given)) if isinstance(given, list) and given else "SHOT…"
    again = f"batch run {short(words, len(words))}"
    where = root_words(Path(batch.root)) + words_of(ledger) if ledger.is_apart else words_of(ledger)
    bad = [shot for shot in shots if shot.status is not ShotStatus.COMPLETED]
    if not bad:
        return f"Batch {batch.id} is completed: all its shots are done. To track them anew: {again} --fresh{where}"
    if all(shot.status is ShotStatus.LOST for shot in bad):
        return (
            f"Batch {batch.id} is completed, though {_bad_words(bad)}. Their tracked frames are recorded; to track "
            f"them anew with other settings or start positions: batch run SHOT… --fresh{where}"
        )
    return (
        f"Batch {batch.id} is completed, though {_bad_words(bad)}. Mend these shots, then: "
        f"{again} --resume{where} (completed shots stay completed)"
    )


def _supervise(ledger: Ledger, batch: BatchRow, options: argparse.Namespace) -> list[str]:
    progress = BatchProgress(ledger.root, ledger.shots(batch.id))
    with Signals() as signals, BatchScreen(progress) as screen:
        supervisor = Supervisor(
            ledger,
            batch,
            lambda shot, session: shot_command(ledger.root, shot.spec, session),
            screen.on_update,
            jobs=_count(batch, "jobs", 1),
            crashes=_count(batch, "crashes", CRASHES),
            reading=partial(reading_command, blender=blender_path()),
        )

        def watch() -> None:
            for running in supervisor.running:
                progress.update(running.shot)
            screen.waits_for = supervisor.stopping and (signals.name or "stopping")
            screen.refresh()

        batch = supervisor.run(lambda: signals.name, watch)
    return _results(ledger, batch, options, progress, signals.name or supervisor.stopping)


def _results(
    ledger: Ledger, batch: BatchRow, options: argparse.Namespace, progress: BatchProgress, stopped: str
) -> list[str]:
    """The output at the end of a batch. Raises NotAllDone if not all of its shots are done."""
    shots = ledger.shots(batch.id)
    bad = [shot for shot in shots if shot.status.is_final and shot.status is not ShotStatus.COMPLETED]
    code = ExitCode.STOPPED if batch.is_unfinished else ExitCode.FAILED if bad else ExitCode.DONE
    run = {"frames": progress.new_frames, "seconds": round(progress.seconds, 1), "exit_code": code}
    for shot in shots:
        progress.update(shot)
    document = described_batch(ledger, batch, progress) | {"run": run}
    results = [json.dumps(document, indent=1)] if options.json else summary(document)
    go_on = f"batch resume {batch.id}{words_of(ledger)}"
    if batch.is_unfinished:
        why = f"{stopped.rstrip('.')}: stopped" if stopped else "Other processes own the remaining sessions"
        raise NotAllDone(f"{why}. Every frame so far is recorded; go on with: {go_on}", code, results)
    if bad:
        again = f"; try again with: {go_on}" if batch.status is BatchStatus.FAILED else ""
        raise NotAllDone(f"{_bad_words(bad)}{again}", code, results)
    return results


def _bad_words(bad: Sequence[ShotRow]) -> str:
    parts: list[str] = []
    verbs = {**BAD, ShotStatus.LOST: "lost all tracks on the way"}
    for status, verb in verbs.items():
        names = [short(shot.spec.title) for shot in bad if shot.status is status]
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            parts.append(f"{shots_words(len(names))} {verb} ({', '.join(names[:5])}{more})")
    return ", ".join(parts)


def _at_a_time(batch: BatchRow) -> str:
    jobs = _count(batch, "jobs", 1)
    return f"{jobs} at a time" if jobs > 1 else "one at a time"


def _count(batch: BatchRow, key: str, default: int) -> int:
    """A number from the configuration, checked, as anybody may have written it."""
    value = batch.config.get(key)
    return value if isinstance(value, int) and 0 < value <= _LIMIT else default


# Child processes


def check_tracker() -> None:
    """Raises TrackingSessionError if a child could not track. Does not import bpy into this process."""
    if not blender_path() and importlib.util.find_spec("bpy") is None:
        raise TrackingSessionError(f"Tracking needs Blender: {NEEDED}")


def shot_command(root: Path, spec: ShotSpec, session: Path | None = None, segments: int | None = None) -> list[str]:
    """The command line that does a shot as far as it is not done, in the session folder `root`, and prints events.

    `session`: its session, if it is known. `segments`: see `camera`.
    """
    own = own_command(blender_path())
    if session is None or spec.camera:  # `camera` finds its session by itself
        words = [*replace(spec, name=spec.title).command_line(), *flags(root=str(root), resume=True)]
        words += flags(segments=segments) if segments and spec.camera else []
    else:
        words = ["resume", str(session), *PAUSE_BELOW.arguments(spec.pause_below)]
    return [*own, *words, *flags(events=True)]
