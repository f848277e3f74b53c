# SPDX-License-Identifier: GPL-3.0-or-later
"""SLURM: each shot is a task of a job array; `slurm.sh` runs it, and has it run again where that helps.

The numbers of the tasks of an array are limited, so many shots are several arrays, each with the offset of its shots.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path, PurePath

from ...errors import SubmitFailed, UsageError
from ...model.ranges import FrameRanges
from ...processes.answers import ask
from ...processes.own import flags
from ...processes.process import PARENT
from ...storage.files import make_folder, replace_file
from ..arrays import arrays
from ..manifest import Manifest
from ..path_map import path_like
from ..submission import Resources, Submission
from ..submitting import keep_worker, kept_worker, submission_of

SCRIPT = "slurm.sh"
SUBMIT = "submit.sh"
WARNING = 90  # seconds before the time limit: the frame in flight is recorded in them
LEAST_TIME = 5  # minutes: SLURM may warn a minute earlier than asked, and Blender has to start
_ARRAY_SIZE = 1001  # the default of MaxArraySize
_ANSWER = 30.0  # seconds for a controller to answer; it has less time itself
_TAKE = 600.0  # seconds to send all; sbatch waits up to two minutes while the controller has too many jobs
_HEAD = """\
#!/bin/sh
# Sends the shots to SLURM from a machine that has sbatch and sees this folder; prints each job and its last shot.
set -e
cd -- "$(dirname -- "$0")"
jobs=
"""


class Slurm:
    """The engine. Its ids are those of the job arrays."""

    name = "slurm"
    title = "SLURM"
    takes = frozenset(entry.name for entry in fields(Resources)) - {"url"}

    def missing(self, resources: Resources) -> str:
        if not shutil.which("sbatch"):
            return "SLURM's sbatch is not on the PATH of this machine"
        answer = ask(["scontrol", "ping"], _ANSWER)
        said = (answer.errors or answer.output).splitlines()[-1:]
        return f"SLURM's controller does not answer: {''.join(said)}" if answer.code else ""

    def write(self, submission: Submission) -> list[Path]:
        if submission.resources.segments:
            keep_worker(submission)
        return _write(submission.folder, [submission])

    def send(self, submission: Submission) -> list[str]:
        return _send(submission.folder / SUBMIT)

    def hand_on(self, manifest: Path, index: int, segments: Path) -> list[str]:
        """Send all segments of a shot, and the shot again, which goes on after the end of all of them.

        `segments`: their manifest; the job is written beside it. Returns the ids of the jobs, that of the shot last.
        Raises SubmitFailed, StorageFailed, ManifestInvalid.
        """
        shot, parts = Manifest(manifest), Manifest(segments)
        worker, resources = kept_worker(shot)
        tasks = submission_of(parts, range(1, parts.head.count + 1), worker, replace(resources, segments=0))
        _write(parts.folder, [tasks, submission_of(shot, [index], worker, resources)])
        return _send(parts.folder / SUBMIT)

    def advice(self, submission: Submission) -> str:
        return f"sh {shlex.quote(str(path_like(submission.place, SUBMIT)))}"


def _write(folder: Path, submissions: Sequence[Submission]) -> list[Path]:
    """Write the job of submissions of which each begins after the end of those before it."""
    size, count = _limits()
    shots = sum(len(submission.indices) for submission in submissions)
    if 0 < count < shots:
        raise UsageError(f"This SLURM has at most {count} jobs at a time (MaxJobCount): {shots} shots are too many")
    lines = [_HEAD]
    for number, submission in enumerate(submissions):
        if 0 < submission.resources.time_limit < LEAST_TIME:
            raise UsageError(f"A time limit on SLURM is {LEAST_TIME} minutes or more, to be warned of it in time")
        if "\\" in submission.place:
            raise UsageError(f"SLURM writes no logs into {submission.place}: name a folder without a backslash")
        make_folder(submission.folder / PurePath(submission.logs).name)
        for part, (offset, ids) in enumerate(arrays(submission.indices, max(1, size - 1))):
            waits = bool(number) if not part else bool(submission.resources.max_running)
            lines += _lines(submission, offset, ids, waits)
    replace_file(folder / SCRIPT, Path(__file__).with_name(SCRIPT).read_bytes())
    replace_file(folder / SUBMIT, "".join(lines).encode("utf-8", "surrogateescape"))
    return [folder / SUBMIT, folder / SCRIPT]


def _lines(submission: Submission, offset: int, ids: FrameRanges, waits: bool) -> list[str]:
    """The shell's lines that send an array; `waits`: it begins after the end of all before it."""
    resources = submission.resources
    options = {
        "parsable": True,
        "job_name": " ".join("".join(c if c.isprintable() else " " for c in submission.name).split()) or submission.id,
        "chdir": submission.place,
        "output": f"{submission.logs.replace('%', '%%')}/slurm-%A_%a.log",
        "open_mode": "append",
        "requeue": True,
        "signal": f"B:USR1@{WARNING}",
        "array": f"{ids}%{resources.max_running}".removesuffix("%0"),
        "time": resources.time_limit,
        "cpus_per_task": resources.cpus,
        "mem": resources.memory and f"{resources.memory}M",
        "partition": resources.queue,
        "priority": resources.priority,
        "comment": resources.comment,
        "mail_user": resources.mail,
        "mail_type": "END,FAIL" if resources.mail else "",
    }
    words = flags(**{name: value for name, value in options.items() if value})
    more = {"segments": resources.segments} if resources.segments else {}
    words += [f"./{SCRIPT}", str(offset), *submission.command("TASK", progress="slurm", **more)]
    after = 'sbatch --dependency="afterany$jobs"' if waits else "sbatch"
    last = offset + max(end for _, end in ids.ranges())
    return [f"job=$({after} {shlex.join(words)})\n", f'job=${{job%%;*}} && jobs=$jobs:$job && echo "$job {last}"\n']


def _send(submit: Path) -> list[str]:
    """Run the script; returns the ids of the jobs. They are no part of a job that this runs in. Raises SubmitFailed."""
    own = tuple(name for name in os.environ if name.startswith("SLURM_") and name != "SLURM_CONF")
    environment = {name: value for name, value in os.environ.items() if name not in (*own, PARENT)}
    code, words, errors = ask(["sh", str(submit)], _TAKE, environment)
    sent: list[tuple[str, str]] = re.findall(r"^(\d+) (\d+)$", words, re.MULTILINE)
    ids = [id for id, _ in sent]
    if code:
        before = f". The shots up to {sent[-1][1]} were sent before, as {', '.join(ids)}" if sent else ""
        raise SubmitFailed(f"SLURM has not taken the job: {errors or 'sbatch says nothing'}{before}", ids)
    return ids


def _limits() -> tuple[int, int]:
    """The size of an array, its ids being below, and the number of jobs of this SLURM; 0 if it is not known."""
    config = ask(["scontrol", "show", "config"], _ANSWER).output
    found = dict(re.findall(r"^(MaxArraySize|MaxJobCount)\s*=\s*(\d+)", config, re.MULTILINE))
    return int(found.get("MaxArraySize", _ARRAY_SIZE)), int(found.get("MaxJobCount", 0))
