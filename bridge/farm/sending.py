# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the farm engines, and sends submissions, in a process beside Blender.

Not in a thread: Blender's operators let go of Python's lock, and crash if a thread runs meanwhile.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import bpy

from ...core.errors import StorageFailed, SubmitFailed, TrackingSessionError, UsageError
from ...core.farm import engines
from ...core.farm.submission import Resources
from ...core.model.wording import count_words
from ...core.processes.own import farm_command
from ...core.processes.process import Process, cause_words
from ...core.tracking.plan import ShotSpec
from ..clip.movie_clip import footage_of
from ..errors import error_words
from ..open_file import open_file
from ..preferences import preferences
from ..sessions.finding import user_root
from ..sessions.lending import give_up
from ..sessions.recording import known_recording
from .child import Request
from .shots import refresh, session_folder

if TYPE_CHECKING:
    from bpy.types import MovieClip

PATIENCE = 1.5
"""Seconds that a dialog waits for the engines."""
WAIT = 1.0
"""Seconds that a button waits for the end of a sending; a longer one goes on while the artist does."""
TICK = 0.2  # seconds
_POLL = 0.02  # seconds
_JOBS = 3  # ids of jobs that are told
_NO_ADDRESS = "name the address of its Manager in the preferences of this extension"
_SILENT = "does not answer"

SCRIPT = """
import importlib.util, json, sys
root, sys.path[:] = sys.argv[1], json.loads(sys.argv[2])
name, file = "tracking_sessions", root + "/__init__.py"
spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[root])
sys.modules[name] = importlib.util.module_from_spec(spec)
importlib.import_module(name + ".bridge.farm.child").main()
"""
_ROOT = Path(__file__).resolve().parents[2]


class _Child:
    """The process, with its files in a folder that goes at its end."""

    def __init__(self, request: Request) -> None:
        """Raises UsageError if it cannot be started, StorageFailed if there is no room for its files."""
        self.lines: list[dict[str, Any]] = []
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="tracking_sessions-"))
        except OSError as error:
            raise StorageFailed(Path(error.filename or tempfile.gettempdir()), error) from error
        command = [sys.executable, "-c", SCRIPT, str(_ROOT), json.dumps(sys.path), request.to_json()]
        try:
            self._process = Process(command, self._folder / "child")
        except TrackingSessionError:
            self._clear()
            raise

    def poll(self) -> bool:
        """Read its lines; returns whether it goes on. Raises SubmitFailed if it has crashed."""
        lines, code = self._process.poll()
        self.lines += map(json.loads, lines)
        if code is None:
            return True
        said = self._process.log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
        self._clear()
        if code:
            raise SubmitFailed(f"The process that talks to the farm has ended ({cause_words(code)}): {said}")
        return False

    def kill(self) -> None:
        self._process.kill()
        self._clear()

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


# The engines


class Answer(NamedTuple):
    """An engine, and what is missing to submit from here: a sentence without its full stop, empty if nothing is."""

    name: str
    title: str
    takes: frozenset[str]
    missing: str = ""


def known_engines() -> list[Answer]:
    """All engines, which nobody has asked."""
    found = engines.engines(is_online=bpy.app.online_access)
    return [Answer(engine.name, engine.title, engine.takes) for engine in found]


def ask_engines(resources: Resources) -> list[Answer]:
    """All engines with their answers; one without an answer after `PATIENCE` counts as missing."""
    is_online = bpy.app.online_access
    has_address = bool(resources.url) or not is_online  # offline the engine says so, and asks nobody
    known = {answer.name: answer for answer in known_engines()}
    missing = {name: "" if has_address or "url" not in known[name].takes else _NO_ADDRESS for name in known}
    asked = [name for name, words in missing.items() if not words]
    missing |= dict.fromkeys(asked, _SILENT)
    try:
        child = _Child(Request(asked, is_online, resources))
        end, goes_on = time.monotonic() + PATIENCE, True
        while goes_on and time.monotonic() < end:
            time.sleep(_POLL)
            goes_on = child.poll()
        if goes_on:
            child.kill()
        missing |= {line["engine"]: line["missing"] for line in child.lines}
    except TrackingSessionError as error:
        missing |= dict.fromkeys(asked, str(error))
    return [answer._replace(missing=missing[name]) for name, answer in known.items()]


# The shots


def folder_obstacle() -> str:
    """Why nodes may not see the session folder; empty if they may."""
    if session_folder() != Path(os.path.abspath(user_root())):
        return ""
    return "Nodes may not see your user folder: save the file first, or choose a session folder in the preferences"


def saved_obstacle() -> str:
    """Why nodes would not get the tracks of the open file; empty if they would."""
    if not bpy.data.filepath:
        return "The file is not saved: save it first, as the nodes read the tracks from it"
    is_dirty = bpy.data.is_dirty and not bpy.app.background  # without a window Blender says so of every file
    return "The file has changes that are not saved: save it first" if is_dirty else ""


def resources_of(max_running: int = 0, time_limit: int = 0) -> Resources:
    """With what the preferences say."""
    chosen = preferences()
    return Resources(
        max_running=max_running, time_limit=time_limit, queue=chosen.farm_queue.strip(), url=chosen.farm_url.strip()
    )


def submission(
    clip: MovieClip,
    engine: str,
    resources: Resources,
    *,
    shots: str = "",
    has_tracks: bool = False,
    has_camera: bool = False,
    is_dry: bool = False,
) -> Request:
    """The request for a new submission: of the footage of the clip, of the file with the clip's tracks (`has_tracks`),
    or of the path `shots`, a list of shots or a folder.

    `has_camera`: go on to a camera. Raises UsageError, FootageUnusable.
    """
    defaults = {"camera": True} if has_camera else {"detect": True}  # features, where a shot has no tracks
    shot: dict[str, Any] = {}
    if has_tracks:
        if words := saved_obstacle():
            raise UsageError(words)
        recording = known_recording(clip)
        if recording is not None and recording.session is not None:
            give_up(recording.session.path)  # a node has to own it; the next change of the clip owns it again
        spec = ShotSpec(os.path.abspath(bpy.data.filepath), clip=clip.name, camera=has_camera)
        shot, name = spec.to_json(), f"{Path(bpy.data.filepath).stem} {clip.name}"
    elif shots:
        shots = os.path.abspath(bpy.path.abspath(shots))
        if not os.path.exists(shots):
            raise UsageError(f"There is no {shots}: choose a list of shots, a movie, an image sequence or a folder")
        name = Path(shots).stem
    else:
        footage = footage_of(clip)
        shots, name = str(footage.first), clip.name
    chosen = preferences()
    return Request(
        [engine],
        bpy.app.online_access,
        resources,
        root=str(session_folder()),
        name=name,
        shot=shot,
        path=shots,
        defaults=defaults,
        rules=os.path.abspath(bpy.path.abspath(chosen.farm_rules)) if chosen.farm_rules else "",
        worker=farm_command(chosen.farm_blender or bpy.app.binary_path, chosen.farm_extension.strip()),
        is_dry=is_dry,
    )


def again(id: str, *, is_for_waiting: bool) -> Request:
    """The request to send again the shots of a submission that wait, or else those that were begun and are not done."""
    is_online, root = bpy.app.online_access, str(session_folder())
    return Request((), is_online, Resources(), root=root, id=id, is_for_waiting=is_for_waiting)


# Sending


class Outcome(NamedTuple):
    words: str = ""
    is_error: bool = False
    id: str = ""
    """Of the submission; empty if there is none."""


class _Outcomes:
    """The last outcome in the open file."""

    def __init__(self) -> None:
        self.last = Outcome()


class _Sending:
    """What is being sent."""

    def __init__(self) -> None:
        self.child: _Child | None = None


_SENDING = _Sending()  # it does not end with the open file


def is_sending() -> bool:
    return _SENDING.child is not None


def last_outcome() -> Outcome:
    return open_file.view(_Outcomes).last


def send(request: Request) -> Outcome | None:
    """Begin, and wait a moment for the outcome, in background for any time; None if it comes later, for the panel.

    Raises UsageError or StorageFailed if the process cannot be started.
    """
    _SENDING.child = _Child(request)
    end = time.monotonic() + WAIT
    while tick() is not None:
        if time.monotonic() > end and not bpy.app.background:
            bpy.app.timers.register(tick, first_interval=TICK, persistent=True)
            return None
        time.sleep(_POLL)
    return last_outcome()


def tick() -> float | None:
    """Look for the outcome."""
    if _SENDING.child is None:
        return None
    try:
        if _SENDING.child.poll():
            return TICK
        outcome = _outcome(_SENDING.child.lines[-1])
    except TrackingSessionError as error:
        outcome = Outcome(error_words(error), is_error=True)
    _SENDING.child = None
    open_file.view(_Outcomes).last = outcome
    refresh(bpy.context)
    return None


def _outcome(line: Mapping[str, Any]) -> Outcome:
    id = line.get("id", "")
    if "error" in line:
        return Outcome(line["error"], is_error=True, id=id)
    if not line["shots"]:
        return Outcome("Nothing is left to send", id=id)
    shots, jobs = count_words(line["shots"], "shot"), line["jobs"]
    words = f"{shots} sent to {line['engine']} as {_named(jobs)}" if jobs else ""
    return Outcome(words or f"{shots}, only written. Send with: {line['advice']}", id=id)


def _named(jobs: Sequence[str]) -> str:
    more = f" and {len(jobs) - _JOBS} more" if len(jobs) > _JOBS else ""
    return ", ".join(jobs[:_JOBS]) + more


def register() -> None:
    """Nothing is sent yet."""


def unregister() -> None:
    """Watch nothing any more; what is being sent goes on."""
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    _SENDING.child = None
