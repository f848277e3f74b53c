# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one parser behind two doors.

Inside Blender `blender -b [file.blend] -c tracking_sessions <command> …`, outside `python <folder> <command> …`, where
only tracking needs the bpy module. Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from .commands import cleaning, exchange, footage, history, review, sessions, solving, tracking
from .commands.arguments import NotAllDone, Parser
from .commands.batch import commands as batches
from .commands.errors import error_words
from .commands.farm import status, submit, task
from .commands.terminal import say
from .core.batch.events import Stopped
from .core.errors import ExitCode, TrackingSessionError


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code.

    0 done, 1 failed, 2 usage, 3 shot unusable or its tracks lost on the way, 4 tracked but no camera, 75 stopped and to
    be resumed.
    """
    _open_closed_streams()
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else ExitCode.FAILED
    try:
        lines: list[str] = options.run(options)
    except TrackingSessionError as error:
        unprinted = _print(error.results) if isinstance(error, NotAllDone) else 0
        words = error_words(error)
        say(words if words.endswith((".", "?", "!")) else f"{words}.")
        if getattr(options, "events", False) and not isinstance(error, NotAllDone):
            _print([Stopped.by(error, words).line()])
        return unprinted or error.exit_code
    except KeyboardInterrupt:
        return ExitCode.STOPPED
    return _print(lines)


def _open_closed_streams() -> None:
    """Open the null device in place of a closed standard stream: else the next file gets its number, and the output of
    Blender."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, os.fdopen(null, "w" if number else "r", closefd=False))


def _print(lines: Sequence[str]) -> int:
    """Print results; returns the exit code."""
    try:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a name may hold characters that the terminal cannot show
        for line in lines:
            print(line)
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # a broken pipe: its reader needs no more
            say(f"The result cannot be printed: {error.strerror}. All tracked frames are recorded.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python can flush at its end
        return ExitCode.FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tracking_sessions",
        description="Motion tracking that is never lost: each tracked frame is recorded before the next one is begun.",
        epilog="Exit codes: 0 done or nothing to do; 1 failed, or a batch has shots that are not done; "
        "2 wrong use; 3 the shot cannot be used, or all its tracks were lost before its end; "
        "4 tracked, but no camera; 75 stopped, resume later.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in (
        tracking,
        solving,
        footage,
        batches,
        submit,
        status,
        task,
        sessions,
        history,
        review,
        exchange,
        cleaning,
    ):
        part.add_commands(commands)
    return parser
