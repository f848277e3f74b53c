# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in a real window, in both themes, at each width and scale: it has a background, and pictures of it.

TRACKING_SESSIONS_PICTURES names a folder for a sheet of each theme, made in the newest Blender of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracking_sessions.tests.blender.machine import Machine
from tracking_sessions.tests.blender.real import BLENDERS, ROOT
from tracking_sessions.tests.blender.screen import Screen, pixels

NARROW = 190  # pixels: the width of the sidebar
HEIGHTS = {"usual": 700, "narrow": 700, "scaled": 700}  # of the pictures, in pixels
ROWS = (("usual", "narrow"), ("scaled",))  # of a sheet
STRIP = (470, 30)  # pixels of the editor's lower left corner
THEMES = ("dark", "light")


@contextmanager
def shown(machine: Machine) -> Iterator[Screen]:
    for script in ("start_window.py", "fit_window.py"):
        shutil.copy(ROOT / "tests" / "blender" / script, machine.folder)
    scripts = ("--python", "start_window.py", "--python", "fit_window.py")
    with machine.window("shot.blend", *scripts) as window:
        yield Screen(machine, window)


class Sheets:
    """The pictures of a state in each theme, width and scale."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.parts: dict[tuple[str, str], list[str]] = {}  # the files, by theme and look

    def boxes(self, screen: Screen) -> dict[str, list[int]]:
        screen.ask("box")
        return json.loads((self.machine.folder / "box.json").read_text(encoding="utf-8"))

    def add(self, screen: Screen, state: str) -> None:
        for theme in THEMES:
            screen.ask(theme)
            self._take(screen, state, theme, "usual")
            with self.narrow(screen):
                self._take(screen, state, theme, "narrow")
            screen.ask("scaled")
            self._take(screen, state, theme, "scaled")
            screen.ask("unscaled")

    @contextmanager
    def narrow(self, screen: Screen) -> Iterator[None]:
        """Drag the edge of the sidebar."""
        left, _, width, _ = self.boxes(screen)["UI"]
        self._drag(screen, left, left + width - NARROW)
        yield
        left, _, found, _ = self.boxes(screen)["UI"]
        assert abs(found - NARROW) < 4
        self._drag(screen, left, left - (width - found))

    def _drag(self, screen: Screen, start: float, end: float) -> None:
        y = screen.top + 400
        screen.window.point(start, y)
        screen.settle()
        screen.window._on_screen("xdotool", "mousedown", "1")
        screen.settle()
        for x in ((start + end) / 2, end):
            screen.window.point(x, y)
            screen.settle()
        screen.window._on_screen("xdotool", "mouseup", "1")
        screen.settle()
        screen.point_at_clip()

    def _take(self, screen: Screen, state: str, theme: str, look: str) -> None:
        screens = [b""]

        def is_still() -> bool:  # panels slide into position
            screen.ask("nothing")
            screens.append(screen.window.screenshot(self.machine.folder / "fit.ppm").read_bytes())
            return screens[-1] == screens[-2]

        screen.wait_until(is_still)
        left, top, width, height = self.boxes(screen)["UI"]
        image = pixels(self.machine.folder / "fit.ppm")
        panel = image[top + 17, left + width // 2]  # the header of Session, between its title and its button
        background = image[top + height - 4, left + 3]
        assert (panel > background).all(), (state, theme, look, "the panel has no background of its own")
        name = f"{state}-{theme}-{look}.png"
        crop = f"{width}x{min(height, HEIGHTS[look])}+{left}+{top}"
        self._convert("fit.ppm", "-crop", crop, "+repage", name)
        self.parts.setdefault((theme, look), []).append(name)
        if look == "usual":
            left, top, width, height = self.boxes(screen)["WINDOW"]
            crop = f"{STRIP[0]}x{STRIP[1]}+{left}+{top + height - STRIP[1]}"
            self._convert("fit.ppm", "-crop", crop, "+repage", f"strip-{name}")
            self.parts.setdefault((theme, "strip"), []).append(f"strip-{name}")

    def _convert(self, *arguments: str) -> None:
        done = self.machine.call("convert", *arguments)
        assert done.returncode == 0, done.stderr

    def save(self) -> None:
        wanted = os.environ.get("TRACKING_SESSIONS_PICTURES")
        if not wanted or self.machine.name != BLENDERS[-1]:
            return
        for theme in THEMES:
            rows = [[name for look in looks for name in self.parts[theme, look]] for looks in (*ROWS, ("strip",))]
            sheet = f"fit-{theme}.png"
            parts = [word for row in rows for word in ("(", *row, "+append", ")")]
            self._convert(*parts, "-background", "gray50", "-append", "+dither", "-colors", "64", f"PNG8:{sheet}")
            shutil.copy(self.machine.folder / sheet, Path(wanted) / sheet)


def test_the_panel_fits_in_both_themes_at_each_width_and_scale(machine: Machine) -> None:
    sheets = Sheets(machine)
    with shown(machine) as screen:
        screen.click(right=True)  # Forwards
        screen.point_at_clip()
        screen.wait_for_steps(30)
        screen.ask("freeze")
        sheets.add(screen, "tracking")
        screen.ask("thaw")
        screen.window.key("Escape")
        screen.wait_until(lambda: screen.outcome == "paused")
        sheets.add(screen, "paused")
        machine.signal(screen.window, signal.SIGKILL)
        screen.window.wait_until_closed()
    with shown(machine) as screen:
        sheets.add(screen, "recovery")
        screen.leave()
    sheets.save()
