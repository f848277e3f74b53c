# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as processes outside Blender."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from tracking_sessions.cli import main
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.library.catalogue import list_sessions
from tracking_sessions.core.model.types import TrackingSession
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.pictures import link
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.comparison import recorded_frames, session_file
from tracking_sessions.tools.kill_batch import children_of

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0  # seconds for a process
LONG = 200  # frames of the clip that the stopped runs track
Outcome = subprocess.CompletedProcess[str]


def start(*arguments: str | Path, python: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, *python, str(ROOT), *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **options}
    return subprocess.Popen(command, text=True, **options)


def printed(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the process; returns standard output and standard error, which shows no traceback."""
    try:
        stdout, stderr = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert "Traceback" not in (stderr or ""), stderr
    return stdout or "", stderr or ""


def end(process: subprocess.Popen[str], code: int, *words: str) -> Outcome:
    """Wait for the process; check its exit code, and that its last words contain these and no traceback."""
    stdout, stderr = printed(process)
    return _checked(subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr), code, *words)


def _checked(done: Outcome, code: int, *words: str) -> Outcome:
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, (word, done.stderr)
    if code:
        assert not done.stdout
        assert done.stderr.rstrip().endswith((".", "?", "!")) or code == 2 or not done.stderr
    return done


def run_here(*arguments: str | Path, code: int = 0, says: tuple[str, ...] = ()) -> Outcome:
    """The same as `run` in this process and its Blender, for what ends before anything is tracked."""
    given, output, errors = list(map(str, arguments)), io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        exit_code = main(given)
    done = subprocess.CompletedProcess(given, exit_code, output.getvalue(), errors.getvalue())
    return _checked(done, code, *says)


def run(*arguments: str | Path, code: int = 0, says: tuple[str, ...] = (), **options: Any) -> Outcome:
    return end(start(*arguments, **options), code, *says)


def wait_for_frames(process: subprocess.Popen[str], root: Path, count: int) -> None:
    wait_until(lambda: len(recorded_frames(root)) >= count, f"{count} recorded frames", process=process)


def replay_of(root: Path) -> Replay:
    path = session_file(root)
    assert path is not None
    return load_session(path).replay()


def sessions_in(root: Path) -> list[TrackingSession]:
    """The content of the session files in the folder, newest first."""
    return [load_session(path).session for path in list_sessions(root)]


def copied(folder: Path, target: Path) -> Path:
    """A copy whose images are links to the same files: replace them, never write to them."""

    def copy(source: str, to: str) -> None:
        link(Path(source), Path(to)) if source.endswith(".png") else shutil.copy2(source, to)

    shutil.copytree(folder, target, copy_function=copy)
    return target


def spoiled(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """Replace `path` by a changed file."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(change(data))
    return path


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x55]) + data[middle + 1 :]


@contextmanager
def children_stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    """Stop the children of the batch for the time of the block."""
    children = children_of(process.pid)

    def send(number: int) -> None:
        for pid in children:
            with suppress(ProcessLookupError):  # it was done before
                os.kill(pid, number)

    send(signal.SIGSTOP)
    try:
        yield
    finally:
        send(signal.SIGCONT)
