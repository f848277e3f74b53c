# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that vanishes in the middle of a shot and comes back, while another one has been given the shot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tracking_sessions.core.farm.engines.slurm import Slurm
from tracking_sessions.core.farm.status import Stand, standings
from tracking_sessions.tests.bpy.command_line import replay_of
from tracking_sessions.tests.farm.cluster import Cluster
from tracking_sessions.tests.farm.small import made, make_plates, spec, state, tracked_here, wait_for
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.comparison import recorded_frames


def test_a_zombie_and_its_successor_track_no_frame_twice(cluster: Cluster, tmp_path: Path) -> None:
    plates = make_plates(tmp_path / "plates")
    manifest, submission = made(tmp_path / "farm", spec(plates, "long"))
    Slurm().write(submission)
    (job,) = Slurm().send(submission)
    root = manifest.shot(1).root
    wait_until(lambda: state(manifest).session != "", "the session")
    wait_for(root, 10)
    node = cluster.job(job)["NodeList"]
    cluster.freeze_node(node)
    frozen = state(manifest)
    wait_until(lambda: state(manifest).task != frozen.task, "the task on another node")
    wait_until(lambda: state(manifest).error != "", "its wait for the session")
    assert next(standings(manifest)).stand is Stand.RUNNING and cluster.job(job)["NodeList"] != node
    cluster.thaw_node(node)
    cluster.wait_for_end(job)
    assert next(standings(manifest)).stand is Stand.COMPLETED
    assert set(Counter((number, frame) for number, frame, *_ in recorded_frames(root)).values()) == {1}
    assert replay_of(root).markers == tracked_here(plates, "long", tmp_path / "here")
