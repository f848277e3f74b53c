# SPDX-License-Identifier: GPL-3.0-or-later
"""The session panel in a real window: finds its buttons and does the clicks of an artist.

TRACKING_SESSIONS_PICTURES names a folder for pictures of the panel in the newest Blender of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.tests.blender.machine import (
    Machine,
    Markers,
    newest_session,
    steps_recorded,
)
from tracking_sessions.tests.blender.real import BLENDERS, ROOT, Window

TALL = 27  # pixels: the main buttons are half as high again as the others with 20
EDITOR = 240  # pixels of the editor to the left of the sidebar in pictures
HEIGHT = 470


class Screen:
    """A window that shows shot.blend with the sidebar of the Clip Editor open."""

    def __init__(self, machine: Machine, window: Window, *, is_saved: bool = True) -> None:
        self.machine = machine
        self.window = window
        self.is_saved = is_saved
        self._is_halted = False
        self.reach = 300  # pixels from the top of the sidebar that have buttons of the extension
        window.wait_for("ready")
        sidebar = json.loads((machine.folder / "window.json").read_text(encoding="utf-8"))
        assert sidebar["scale"] == 1, "the tests count pixels at a scale of 1"
        self.left, self.top, self.width = sidebar["left"], sidebar["top"], sidebar["width"]

    @property
    def root(self) -> Path:
        """The session folder: beside the file, or that of the user."""
        if self.is_saved:
            return self.machine.folder / "tracking_sessions"
        found = list((self.machine.folder / "home").glob(".config/blender/*/datafiles/tracking_sessions"))
        return found[0] if found else self.machine.folder / "home" / "nothing yet"

    def wait_until(self, condition: Callable[[], object], timeout: float = 180) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert self.window.process.poll() is None, self.printed
            if time.monotonic() > end:
                picture = self.window.screenshot(self.machine.folder / "late.png")
                raise AssertionError(f"no result after {timeout} s; the screen is in {picture}\n{self.printed}")
            time.sleep(0.02)

    @property
    def printed(self) -> str:
        return self.window.log.read_text(encoding="utf-8", errors="replace")

    @property
    def outcome(self) -> str:
        """The outcome of the last pass; empty while it runs."""
        if not session_files(self.root):
            return ""
        passes = newest_session(self.root).passes  # none before the first pass is recorded
        return passes[-1].outcome or "" if passes else ""

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Stop Blender and the screen inside the block; clicks and keys reach Blender afterwards."""
        self.machine.signal(self.window, signal.SIGSTOP)
        self._is_halted = True
        yield
        self._is_halted = False
        self.machine.signal(self.window, signal.SIGCONT)

    def settle(self) -> None:
        """Wait until Blender has handled all events and has drawn."""
        if not self._is_halted:
            self.ask("nothing")

    def wait_for_steps(self, count: int) -> None:
        """Wait until the running pass has recorded `count` frames."""
        self.wait_until(lambda: steps_recorded(self.root) >= count)
        assert not self.outcome, "the pass was over too soon"

    def buttons(self) -> list[float]:
        """Wait for the tall button, and return the y of each row of active buttons from it on, in pixels."""
        self.point_at_clip()  # a button under the mouse has another colour
        found: list[float] = []
        self.wait_until(lambda: found.extend(self._rows()) or found)
        return found

    def _rows(self) -> list[float]:
        """The y of each row of active buttons from the tall button on; none without a tall button."""
        found = self._boxes()
        first = next((i for i, (a, b) in enumerate(found) if b - a >= TALL), len(found))
        return [self.top + (a + b) / 2 for a, b in found[first:]]

    def first_button(self) -> float:
        """The y of the first row of active buttons, tall or not, in pixels."""
        self.point_at_clip()
        start, end = self._boxes()[0]
        return self.top + (start + end) / 2

    def _boxes(self) -> list[tuple[int, int]]:
        """The first and last y of each row of active buttons, from the top of the sidebar."""
        picture = self.window.screenshot(self.machine.folder / "screen.ppm")
        end = self.left + self.width - 39  # the right end of the buttons, without words and icons
        edge = pixels(picture)[self.top : self.top + self.reach, end - 5 : end]
        is_button = ((edge.max(2) - edge.min(2) < 3) & (edge[..., 0] > 78) & (edge[..., 0] < 92)).all(1)
        changes = np.flatnonzero(np.diff(np.concatenate(([0], is_button, [0]))))
        return [(int(a), int(b)) for a, b in changes.reshape(-1, 2) if b - a > 15]

    def click(self, index: int = 0, *, right: bool = False, buttons: list[float] | None = None) -> None:
        """Click a button of the panel: the tall button (0) or one below; `right` takes the right one of two."""
        x = self.left + (self.width - 60 if right else 30)
        y = (buttons or self.buttons())[index]
        self.window.point(x, y)
        self.settle()
        self.window.click(x, y)

    def point_at_clip(self) -> None:
        """Move the mouse to the picture, where keys act on the clip."""
        self.window.point(self.left / 2, self.top + 300)
        self.settle()

    def picture(self, state: str, height: int = HEIGHT, editor: int = EDITOR) -> None:
        """Save a picture of the sidebar and `editor` pixels of the editor beside it, so many pixels high."""
        screens = [b""]

        def is_still() -> bool:  # panels slide into position
            self.settle()
            screens.append(self.window.screenshot(self.machine.folder / f"{state}-screen.ppm").read_bytes())
            return screens[-1] == screens[-2]

        self.wait_until(is_still)
        crop = f"{editor + self.width}x{height}+{self.left - editor}+{self.top}"
        names = (f"{state}-screen.ppm", "-crop", crop, "+repage", "+dither", "-colors", "256", f"{state}.png")
        done = self.machine.call("convert", *names)
        assert done.returncode == 0, done.stderr
        wanted = os.environ.get("TRACKING_SESSIONS_PICTURES")
        if wanted and self.machine.name == BLENDERS[-1]:
            shutil.copy(self.machine.folder / f"{state}.png", Path(wanted) / f"session-{state}.png")

    def pictures(self, state: str, height: int = HEIGHT, editor: int = EDITOR) -> None:
        """As `picture`, in the light and in the dark theme."""
        for theme in ("light", "dark"):
            self.ask(theme)
            self.picture(f"{state}-{theme}", height, editor)

    def ask(self, action: str) -> None:
        request = self.machine.folder / f"ask-{action}"
        request.touch()
        self.wait_until(lambda: not request.exists())

    def markers(self) -> Markers:
        """All markers in the clip."""
        self.ask("markers")
        tracks = json.loads((self.machine.folder / "markers.json").read_text(encoding="utf-8"))
        return {
            (object_, name): {int.from_bytes(row[:4], "little", signed=True): row for row in map(bytes.fromhex, rows)}
            for object_, name, rows in tracks
        }

    def leave(self) -> None:
        (self.machine.folder / "ask-quit").touch()
        assert self.window.wait_until_closed() == 0
        assert "Traceback" not in self.printed, self.printed


def pixels(picture: Path) -> NDArray[np.int16]:
    """The pixels of a PPM file, height x width x 3."""
    data = picture.read_bytes()
    kind, width, height, depth, _ = data.split(maxsplit=4)
    assert (kind, depth) in ((b"P6", b"255"), (b"P6", b"65535")), data[:20]
    bytes_each = 1 if depth == b"255" else 2
    count = int(width) * int(height) * 3
    values = np.frombuffer(data[-count * bytes_each :], np.uint8)[::bytes_each]
    return values.reshape(int(height), int(width), 3).astype(np.int16)


@contextmanager
def opened(machine: Machine, blend: str = "shot.blend") -> Iterator[Screen]:
    """Open a file in a window; without a name, a new file with the clip."""
    for script in ("start_window.py", "make_blend.py"):
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    first = [blend] if blend else ["--python", "make_blend.py"]
    with machine.window(*first, "--python", "start_window.py") as window:
        yield Screen(machine, window, is_saved=bool(blend))
