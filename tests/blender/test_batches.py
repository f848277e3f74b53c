# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender -b -c tracking_sessions batch …`: the supervisor and its children are whole Blenders."""

from __future__ import annotations

import json
import signal

from tracking_sessions.tests.blender.machine import Machine, Markers, recorded_markers, steps_recorded
from tracking_sessions.tests.footage import Shot

BATCH = ("-q", "-b", "-c", "tracking_sessions", "batch")


def test_a_batch_stops_and_resumes(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    root = machine.folder / "tracking_sessions"
    started = machine.start(*BATCH, "run", "plate", "missing_0001.png", "--tracks=tracks.json", "--jobs=2")
    started.wait_for(lambda: steps_recorded(root) >= 10)
    started.signal(signal.SIGTERM)
    done = started.wait()
    assert done.returncode == 75, done
    assert "SIGTERM: stopped. Every frame so far is recorded; go on with: batch resume" in done.stderr
    assert 10 <= steps_recorded(root) < shot.frames - 1

    done = machine.call(machine.executable, *BATCH, "resume", "--json", timeout=300)
    assert done.returncode == 1, done
    assert "1 shot skipped (missing)." in done.stderr and "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert [shot["status"] for shot in document["shots"]] == ["completed", "skipped"]
    assert document["shots"][0]["tracked_frames"] == shot.frames
    assert recorded_markers(root) == uninterrupted
