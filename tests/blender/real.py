# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a whole Blender, in a root of tools/debian-root or of this machine, from outside as a person does.

Every `Blender` has a folder with a throw-away home; paths in that folder are the same inside a root and outside.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BLENDERS = [os.environ["BLENDER"]] if os.environ.get("BLENDER") else ["trixie", "sid"]
ROOT = Path(__file__).resolve().parent.parent.parent
SCREEN = (1600, 900)


def debian_root(suite: str) -> Path:
    """The root of a Debian suite; `make test-blender` has made it before the first test."""
    made = subprocess.run([ROOT / "tools" / "debian-root", suite], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


class Blender:
    """Blender of the Debian suite of that name, or the executable at that path."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self._environment = {"HOME": str(folder / "home"), "LC_ALL": "C.UTF-8"}
        for needed in (folder / "home", folder / ".X11-unix"):
            needed.mkdir(parents=True, exist_ok=True)
        if "/" in name:
            self.executable = name
            # HOME alone moves the folders of its user
            kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "BLENDER"))}
            self._environment = {**kept, **self._environment}
            self._enter: list[str | Path] = []
            self._kept_caches = None
        else:
            self.executable = "/usr/bin/blender"
            root = debian_root(name)
            self._enter = [ROOT / "tools" / "in-root", root, folder]
            self._kept_caches = root / "var" / "cache" / "tracking-sessions"

    def command(self, *command: str | Path, **environment: str) -> list[str | Path]:
        """The command line on this machine that runs the command in the root of this Blender."""
        variables = [f"{key}={value}" for key, value in {**self._environment, **environment}.items()]
        return [*self._enter, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *variables, *command]

    def call(self, *command: str | Path, timeout: float = 180, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the root of this Blender to its end; kills it after the timeout."""
        return subprocess.run(
            self.command(*command, **environment),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def run(self, *arguments: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run Blender without a window, with these arguments after `--background`."""
        return self.call(self.executable, "--background", *arguments, timeout=timeout)

    def install(self, package: Path) -> None:
        """Install and enable an extension package, as `Install from Disk` does."""
        copy = self.folder / package.name
        copy.write_bytes(package.read_bytes())
        done = self.run("--command", "extension", "install-file", "--repo=user_default", "--enable", copy)
        assert done.returncode == 0, done.stdout + done.stderr

    def take_caches(self) -> bool:
        """Copy the caches of `keep_caches`, if any, into the home. They save ten seconds of the first window."""
        if self._kept_caches is None or not self._kept_caches.exists():
            return False
        shutil.copytree(self._kept_caches, self.folder / "home" / ".cache", dirs_exist_ok=True)
        return True

    def keep_caches(self) -> None:
        """Keep compiled shaders and indexed assets in the root, for the next homes."""
        if self._kept_caches is not None:
            copy = Path(tempfile.mkdtemp(dir=self._kept_caches.parent)) / "caches"
            shutil.copytree(self.folder / "home" / ".cache", copy)
            with contextlib.suppress(OSError):  # another worker was quicker
                copy.rename(self._kept_caches)
            shutil.rmtree(copy.parent)

    @contextlib.contextmanager
    def window(self, *arguments: str | Path) -> Iterator["Window"]:
        """Blender in a window that fills a screen of its own; both end with the block."""
        width, height = SCREEN
        screen = ["-screen", "0", f"{width}x{height}x24", "-dpi", "96", "-nolisten", "tcp"]
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(
                _ended(self.command("Xvfb", "-displayfd", "1", *screen), stdout=subprocess.PIPE)
            )
            assert server.stdout is not None
            display = f":{server.stdout.readline().decode().strip()}"
            assert display != ":", "the X server did not start"
            log = self.folder / "window.log"
            command = self.command(
                self.executable,
                *("--window-geometry", "0", "0", str(width), str(height)),
                *("--gpu-backend", "opengl", "-noaudio", *arguments),
                DISPLAY=display,
                LIBGL_ALWAYS_SOFTWARE="1",
                GALLIUM_DRIVER="llvmpipe",
                LP_NUM_THREADS="0",  # draw in Blender's thread
            )
            with log.open("wb") as output:
                process = stack.enter_context(_ended(command, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder))
            yield Window(self, process, display, log)


@contextlib.contextmanager
def _ended(command: list[str | Path], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, in a root with all its children."""
    process: subprocess.Popen[bytes] = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


class Window:
    """Blender's window as a person uses it: a picture, a mouse and keys. Y counts from the top."""

    def __init__(self, blender: Blender, process: subprocess.Popen[bytes], display: str, log: Path) -> None:
        self.blender = blender
        self.process = process
        self.log = log
        self.presses: list[str] = []
        """The keys and the clicks so far, each combination as one."""
        self._display = display

    def wait_for(self, text: str, timeout: float = 180) -> str:
        """Wait until Blender has printed the text, and return its whole output (scripts have to flush it)."""
        end = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None
            printed = self.log.read_text(encoding="utf-8", errors="replace")
            if text in printed:
                return printed
            assert not ended, f"Blender ended with {self.process.returncode} before it printed {text!r}:\n{printed}"
            assert time.monotonic() < end, f"Blender did not print {text!r} in {timeout} s:\n{printed}"
            time.sleep(0.05)

    def wait_until_closed(self, timeout: float = 180) -> int:
        """Wait for Blender to end by itself, and return its exit code."""
        return self.process.wait(timeout)

    def screenshot(self, picture: Path) -> Path:
        """Save the screen in a file in Blender's folder. (Blender's own screenshots are black on llvmpipe.)"""
        self._on_screen("import", "-window", "root", picture)
        return picture

    def point(self, x: float, y: float) -> None:
        """Move the mouse to x, y in pixels from the upper left corner of the screen. Blender sees it a little later."""
        self._on_screen("xdotool", "mousemove", f"{x:.0f}", f"{y:.0f}")

    def click(self, x: float, y: float, button: int = 1, *, held: str = "") -> None:
        """Click at x, y, while a key is held. Move the mouse there first: a button reacts only after Blender has seen
        the mouse on it."""
        self.presses.append(f"{held} button {button}".lstrip())
        click: list[str] = ["click", str(button)]
        if held:  # as long as a hand does
            click = ["keydown", held, "sleep", "0.1", "mousedown", str(button), "sleep", "0.1", "mouseup", str(button)]
            click += ["sleep", "0.1", "keyup", held]
        self._on_screen("xdotool", "mousemove", f"{x:.0f}", f"{y:.0f}", *click)

    def wander(self) -> None:
        """Move the mouse for a second, twenty times."""
        self._on_screen("bash", "-c", "for x in $(seq 300 10 490); do xdotool mousemove $x 400; sleep 0.05; done")

    def key(self, *keys: str) -> None:
        """Press keys or combinations, one after the other, as xdotool spells them: "Escape", "ctrl+z"."""
        self.presses.extend(keys)
        self._on_screen("xdotool", "key", "--delay", "100", *keys)

    def type(self, text: str) -> None:
        self.presses.extend(text)
        self._on_screen("xdotool", "type", "--delay", "50", text)

    def _on_screen(self, *command: str | Path) -> None:
        done = self.blender.call(*command, DISPLAY=self._display)
        assert done.returncode == 0, shlex.join(map(str, command)) + "\n" + done.stderr
