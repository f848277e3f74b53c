# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that answer and end: how they ended and what they printed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Answer(NamedTuple):
    """`code` is the exit code: 127 of a program that cannot be started, below 0 minus the signal that ended it."""

    code: int
    output: str
    errors: str


def ask(command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Answer:
    """Run a program to its end. After `seconds` it is killed, with what it has started in its process group."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(127, "", f"{command[0]} cannot be started: {error.strerror}")
    late = ""
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        output, errors = process.communicate()
        late = f"{command[0]} did not end within {seconds:.0f} seconds"
    words = (errors.decode("utf-8", "replace").strip(), late)
    return Answer(process.returncode, output.decode("utf-8", "replace").strip(), "\n".join(filter(None, words)))
