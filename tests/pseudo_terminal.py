# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal for a process: interprets its output and types for it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from typing import Any

LIMIT = 120.0  # seconds to wait for anything
_PART = re.compile(r"\x1b\[(\d*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])")


class Picture:
    """All lines of a terminal since its start. It interprets only the control sequences that the program may use."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines = [""]
        self.row = self.column = 0
        self.wrapped: list[str] = []

    def show(self, text: str) -> None:
        """Interpret printed text. Raises AssertionError for any other control sequence."""
        end = 0
        for match in _PART.finditer(text):
            assert match.start() == end, text[end : match.start()]
            end = match.end()
            number, letter, back, down, character = match.groups()
            if letter:
                self._control(letter, int(number or 0))
            elif back:
                self.column = 0
            elif down:
                self._down()
            else:
                self._write(character)
        assert end == len(text), text[end:]

    def _control(self, letter: str, number: int) -> None:
        if letter == "A":
            self.row = max(0, self.row - max(1, number))
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif letter == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]
        else:
            raise AssertionError(f"control sequence {number}{letter}")

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _write(self, character: str) -> None:
        if self.column == self.columns:
            self.wrapped.append(self.lines[self.row])
            self.column = 0
            self._down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
        self.column += 1

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class Terminal:
    """A process with a terminal as its standard input and error, and a pipe as its standard output."""

    def __init__(self, command: Sequence[str], *, rows: int = 24, columns: int = 80, **options: Any) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=subprocess.PIPE, stderr=slave, text=True, start_new_session=True, **options
        )
        self.picture = Picture(columns)
        self.screens: list[str] = []
        """The text of the screen after each read."""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, condition: Callable[[str], bool] | str) -> None:
        """Wait until the screen has the text, or the condition holds for it, or the process has ended."""
        deadline = time.monotonic() + LIMIT
        while not (condition in self.picture.text if isinstance(condition, str) else condition(self.picture.text)):
            assert time.monotonic() < deadline, self.picture.text
            if not self._read(0.05) and self.process.poll() is not None:
                return

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns exit code and standard output. Checks that the terminal has its old settings."""
        deadline = time.monotonic() + LIMIT
        while self._read(0.05) or self.process.poll() is None:
            assert time.monotonic() < deadline, self.picture.text
        assert self.process.stdout is not None
        stdout = self.process.stdout.read()
        assert termios.tcgetattr(self._slave) == self.before
        os.close(self._master)
        os.close(self._slave)
        return self.process.returncode, stdout

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        data = os.read(self._master, 65536)
        while True:
            try:
                text = data.decode()
                break
            except UnicodeDecodeError:  # the rest of a character has not arrived
                data += os.read(self._master, 1)
        self.picture.show(text)
        self.screens.append(self.picture.text)
        return True
