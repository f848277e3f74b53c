# SPDX-License-Identifier: GPL-3.0-or-later
"""A child of a batch that tracks without Blender: `shot_child.py ROOT FOOTAGE`, with real sessions and a fake tracker.

`behave.json` in the folder of the footage sets its behaviour: `delay` (seconds per frame), `crash` (a segmentation
fault after this frame, `times` often, which first cuts the picture `cut`), `dies` (before it has a session), `stopped`
(an event printed in place of tracking, with its `code`), `frames`, `lose` (the frame on which all tracks are lost),
`camera` (the result of `camera`, printed after tracking).
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
spec = importlib.util.spec_from_file_location(
    "tracking_sessions", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
assert spec is not None
sys.modules["tracking_sessions"] = importlib.util.module_from_spec(spec)

from tracking_sessions.commands import terminal  # noqa: E402
from tracking_sessions.core.batch.events import Begun, Done, Event, Stopped, StopReason  # noqa: E402
from tracking_sessions.core.errors import ExitCode, TrackingSessionError  # noqa: E402
from tracking_sessions.core.journal.lost_passes import lost_passes  # noqa: E402
from tracking_sessions.core.recording.create import create_session  # noqa: E402
from tracking_sessions.core.recording.manager import load_session  # noqa: E402
from tracking_sessions.core.tracking.run import Run  # noqa: E402
from tracking_sessions.tests.core import shots  # noqa: E402


def report(event: Event) -> None:
    print(event.line(), flush=True)


def main(root: Path, footage: Path) -> int:
    behave: dict[str, Any] = json.loads((footage / "behave.json").read_text("utf-8"))
    print("Blender 5.2.2 (not a line of JSON)", flush=True)
    if "dies" in behave:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "stopped" in behave:
        report(Stopped(StopReason(behave["stopped"]["reason"]), behave["stopped"].get("error", "")))
        (footage / "said").touch()
        if behave["code"] < 0:  # a signal, on the way out
            os.kill(os.getpid(), -behave["code"])
        return int(behave["code"])
    known = footage / "session"
    if not known.exists():
        known.write_text(create_session(footage, footage.name, root).path.name, "utf-8")
    path = root / "sessions" / known.read_text("utf-8")
    before = len(load_session(path).session.tracked_frames)
    step = Run.step
    if "lose" in behave:
        tracker, lost_at = shots.FakeTracker, int(behave["lose"])
        shots.FakeTracker = lambda markers, lost: tracker(markers, dict.fromkeys((1, 2, 3), lost_at))  # type: ignore

    def slow_step(run: Run) -> bool:
        (footage / "stepping").touch()
        time.sleep(behave.get("delay", 0.0))
        if run.frame == behave.get("crash"):
            crashes = footage / "crashes"
            count = len(crashes.read_text("utf-8")) if crashes.exists() else 0
            if count < behave.get("times", 1):
                crashes.write_text("x" * (count + 1), "utf-8")
                if "cut" in behave:
                    os.truncate(footage / behave["cut"], 40)
                os.kill(os.getpid(), signal.SIGSEGV)
        return step(run)

    try:
        with terminal.Signals() as signals:

            def drive(run: shots.SessionRun) -> None:
                report(Begun(str(path), before))
                Run.step = slow_step  # type: ignore[method-assign]
                with run:
                    terminal.drive(signals, SimpleNamespace(session=run.session), run)  # type: ignore[arg-type]
                run.session.mark_tracking_complete()
                run.session.close()

            shots.finish = drive
            shots.go_on(path, [(1, behave.get("frames", 6))])
    except TrackingSessionError as error:
        report(Stopped.by(error, str(error)))
        return error.exit_code
    if "camera" in behave:
        report(Done(path.stem, behave["camera"]))
        return 0 if behave["camera"].get("verdict") == "solved" else ExitCode.NO_CAMERA
    manager = load_session(path)
    lost = lost_passes(manager.passes, manager.session.tracked_frames)
    report(Done(path.stem, {"outcome": "lost" if lost else "complete"}))
    return ExitCode.UNUSABLE if lost else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
