# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts, kills and restarts a Blender, and reads the records of its sessions."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tracking_sessions.core.journal.chain import JournalReader
from tracking_sessions.core.journal.records import RecordType
from tracking_sessions.core.journal.replay import Replay
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.blender.real import ROOT, Blender, Window, debian_root
from tracking_sessions.tests.footage import Shot
from tracking_sessions.tests.waiting import wait_until

Markers = dict[tuple[str, str], dict[int, bytes]]
"""The packed markers of each track (tracking object, name) by frame, without the track's number."""

_NUMBER_SIZE = 4


class Machine(Blender):
    """Blender on one computer, whose processes see each other, so that a process finds a dead owner.

    All commands share one entry into the root. (`Blender` enters it again for each command, like a new container each
    time: a process in one cannot tell whether a process of another is dead.)
    """

    name = ""

    @classmethod
    @contextlib.contextmanager
    def started(cls, name: str, folder: Path) -> Iterator[Machine]:
        """The machine; its processes end with the block."""
        machine = cls(name, folder)
        machine.name = name
        if "/" in name:
            yield machine
            return
        command = [ROOT / "tools" / "in-root", debian_root(name), folder, "bash", "-c", "echo; exec sleep infinity"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None and process.stdout.readline(), "the root cannot be entered"
            inside = ("--mount", "--pid", "--root", f"--wd=/proc/{_child(process.pid)}/cwd")
            machine._enter = ["nsenter", "--target", str(_child(process.pid)), *inside]
            yield machine
        finally:
            process.kill()
            process.wait(30)
            process.stdout.close()

    def start(self, *arguments: str | Path) -> Started:
        """Start Blender with these arguments; `Started.wait` returns its output."""
        return Started(self.command(self.executable, *arguments), self.folder)

    def signal(self, window: Window, number: signal.Signals) -> None:
        """Send a signal to the Blender of a window."""
        send(window.process, number, wrapped=bool(self._enter))

    def make_blend(self, name: str, picture: str = "plate/shot_0001.png") -> None:
        """Make a .blend with the clip of `picture` and its tracks, selected, on frame 1."""
        shutil.copy(ROOT / "tests" / "blender" / "make_blend.py", self.folder)
        done = self.run(
            "--factory-startup", "--python-exit-code", "7", "--python", "make_blend.py", "--", name, picture
        )
        assert done.returncode == 0, done


class Started:
    """A command that runs beside the test. Signals go to the program, not to the process that entered the root."""

    def __init__(self, command: list[str | Path], folder: Path) -> None:
        self._wrapped = command[0] == "nsenter"
        self._out, self._err = folder / "started.out", folder / "started.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def signal(self, number: signal.Signals) -> None:
        send(self.process, number, wrapped=self._wrapped)

    def wait(self, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            raise
        return subprocess.CompletedProcess([], code, self._out.read_text("utf-8"), self._err.read_text("utf-8"))

    def wait_for(self, condition: Callable[[], bool], timeout: float = 180) -> None:
        """Wait until the condition holds, which must be before the program ends."""
        wait_until(lambda: self.process.poll() is not None or condition(), "an event in Blender", timeout)
        assert condition(), f"it ended early:\n{self._out.read_text()}{self._err.read_text()}"


def send(process: subprocess.Popen[bytes], number: signal.Signals, *, wrapped: bool) -> None:
    """Send a signal to the program that the process runs, in a root if it is `wrapped`."""
    if wrapped:
        os.kill(_child(process.pid), number)
    if not wrapped or number == signal.SIGCONT:  # nsenter stops with its program, but does not continue with it
        os.kill(process.pid, number)


def _child(pid: int) -> int:
    """The only child of a process; waits for its start."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: children.read_text(encoding="ascii"), f"a child of process {pid}")
    return int(children.read_text(encoding="ascii").split()[0])


def put_clip(shot: Shot, folder: Path) -> None:
    """Put plate/ and tracks.json into a folder, with hard links if possible."""
    (folder / "plate").mkdir()
    for file in shot.files:
        try:
            os.link(file, folder / "plate" / file.name)
        except OSError:
            shutil.copy(file, folder / "plate")
    shutil.copy(shot.folder.parent / "tracks.json", folder)


def start_outside(folder: Path, *arguments: str | Path) -> Started:
    """Start a command of the checkout with the bpy wheel."""
    return Started([sys.executable, ROOT, *arguments], folder)


def newest_session(root: Path) -> TrackingSessionManager:
    """The newest session in the session folder `root`."""
    return load_session(session_files(root)[-1])


def steps_recorded(root: Path) -> int:
    """The number of recorded frames of the newest session in `root`, while another process writes; 0 without any."""
    files = session_files(root)
    if not files:
        return 0
    records = JournalReader(files[-1].with_suffix(""), files[-1].stem).records()
    return sum(record.type == RecordType.FRAME for record in records)


def recorded_markers(root: Path) -> Markers:
    """All recorded markers of the newest session in `root`."""
    return markers_in(newest_session(root).replay())


def markers_in(replay: Replay) -> Markers:
    """All markers of a state of a session."""
    return {
        (data.object, data.name): {frame: row[_NUMBER_SIZE:] for frame, row in sorted(replay.markers[number].items())}
        for number, data in replay.tracks.items()
    }


def json_in(output: str) -> Any:
    """The JSON in the output of Blender, which adds a line of its own without -q before -b."""
    start = min(at for at in (output.find("{"), output.find("["), output.find("null")) if at >= 0)
    return json.JSONDecoder().raw_decode(output[start:])[0]
