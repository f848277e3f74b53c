# SPDX-License-Identifier: GPL-3.0-or-later
"""A task of a farm in a whole Blender that loads this extension alone, offline and without preferences."""

from __future__ import annotations

from tracking_sessions.core.farm.submitting import create
from tracking_sessions.core.processes.own import farm_command
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.blender.machine import Machine, Markers, json_in, recorded_markers
from tracking_sessions.tests.footage import Shot


def test_a_task_in_a_blender_without_preferences(machine: Machine, shot: Shot, uninterrupted: Markers) -> None:
    root = machine.folder / "show" / "sessions"
    footage, tracks = machine.folder / "plate", machine.folder / "tracks.json"
    manifest = create(root, [ShotSpec(str(footage), tracks=str(tracks)), ShotSpec(str(machine.folder / "gone.mov"))])
    worker = farm_command(machine.executable)
    task = [*worker, "task", f"--manifest={manifest.path}"]

    assert machine.call(*task, "--check").returncode == 0
    done = machine.call(*task, "--index=1", "--progress=openjd", timeout=300)
    assert done.returncode == 0, done
    assert "openjd_progress: 100.0" in done.stdout.splitlines()
    assert recorded_markers(root) == uninterrupted
    again = machine.call(*task, "--index=1")
    assert again.returncode == 0 and "was done before" in again.stderr, again
    bad = machine.call(*task, "--index=2")
    assert bad.returncode == 3 and "gone.mov" in bad.stderr, bad
    assert machine.call(*task, "--index=2", "--shot-exit=0").returncode == 0

    status = machine.call(*worker, "status", f"--root={root}", "--json")
    shots = json_in(status.stdout)["shots"]
    assert [one["status"] for one in shots] == ["completed", "skipped"]

    (machine.folder / "home" / ".config" / "blender").rename(machine.folder / "preferences")
    without = machine.call(*task, "--check")
    assert without.returncode == 1, without  # which fails a job before its first shot
