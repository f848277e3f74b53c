# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands, in this process or in one of their own, on sessions made without Blender."""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tracking_sessions.cli import main
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.core.shots import FakeTracker, finish, make_footage, start_child, start_markers, start_run

CHECKOUT = Path(__file__).resolve().parents[2]


class Commands:
    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.environment = environment

    def _arguments(self, given: tuple[object, ...]) -> list[str]:
        arguments = list(map(str, given))
        where = ["--root", str(self.root)] if "--help" not in arguments and "--root" not in arguments else []
        return [*arguments, *where]

    def start(self, *given: object, **options: object) -> subprocess.Popen[str]:
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "env": self.environment,
            **options,
        }
        command = [sys.executable, str(CHECKOUT), *self._arguments(given)]
        return subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]

    def run(self, *given: object, code: int = 0, says: tuple[str, ...] = ()) -> str:
        """The output of a command in this process; each of `says` must be in its standard error."""
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors), open(os.devnull, encoding="ascii") as nothing:
            before, sys.stdin = sys.stdin, nothing
            try:
                exit_code = main(self._arguments(given))
            finally:
                sys.stdin = before
        out, error = output.getvalue(), errors.getvalue()
        assert exit_code == code, (exit_code, out, error)
        assert "Traceback" not in error and all(word in error for word in says), error
        assert not code or not out
        if not says:
            assert not error, error
        return out

    def run_apart(self, *given: object, code: int = 0, says: str = "") -> str:
        """What it prints in a process of its own."""
        process = self.start(*given)
        out, error = process.communicate(timeout=60)
        assert process.returncode == code, (process.returncode, out, error)
        assert "Traceback" not in error and says in error, error
        return out

    def json(self, *given: object, says: tuple[str, ...] = ()) -> object:
        return json.loads(self.run(*given, "--json", says=says))

    def ask(self, *given: object, answer: str) -> tuple[str, str]:
        """What it prints and what it says on a terminal, on which somebody answers."""
        import pty  # not on Windows

        master, slave = pty.openpty()
        process = self.start(*given, stdin=slave, stderr=slave)
        os.close(slave)
        said = b""
        deadline = time.monotonic() + 60
        asked = False
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    data = os.read(master, 4096)
                except OSError:  # the other end is closed
                    break
                said += data
            if b"[y/N] " in said and not asked:
                asked = True
                os.write(master, answer.encode())
        out, _ = process.communicate(timeout=60)
        os.close(master)
        assert process.returncode == 0 and asked
        return out, said.decode().replace("\r\n", "\n")


def make(commands: Commands, name: str = "shot", *, days: float = 0, plates: str = "plates") -> TrackingSessionManager:
    """A session that was stopped on frame 3 of 6, with a track lost there, `days` ago."""
    footage = commands.root.parent / plates
    if not footage.exists():
        make_footage(footage)
    manager = create_session(footage, name, commands.root)
    with start_run(manager, [(1, 6)]) as run:
        run.step()
        run.step()
        run.pause()
    manager.close()
    if days:
        state = read_document(manager.path)
        state["session"]["modified"] = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        manager.path.write_bytes(encode_document(state, ".yaml"))
    return load_session(manager.path)


def make_whole(commands: Commands, name: str = "whole", start: int = 1, end: int = 6) -> TrackingSessionManager:
    footage = commands.root.parent / "plates"
    if not footage.exists():
        make_footage(footage)
    manager = create_session(footage, name, commands.root)
    finish(start_run(manager, [(start, end)], FakeTracker(start_markers((1, 2, 3), start))))
    return load_session(manager.path)


HOLDER = """
from tracking_sessions.core.session import load_session
session = load_session(sys.argv[1])
session.acquire()
print("owned", flush=True)
sys.stdin.readline()
session.close()
"""


@contextmanager
def owned(path: Path) -> Iterator[int]:
    """Another process works on the session, until it is killed; gives its number."""
    with start_child(HOLDER, path) as child:
        assert child.stdout is not None and child.stdout.readline() == "owned\n"
        try:
            yield child.pid
        finally:
            child.kill()
