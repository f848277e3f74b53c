# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster of the tests: machines that die with everything on them, and nothing that outlives the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tracking_sessions.tests.farm.cluster import Cluster
from tracking_sessions.tests.farm.machine import descendants
from tracking_sessions.tests.waiting import wait_until
from tracking_sessions.tools.kill_batch import lives

PROGRAM = """\
import sys, time
sys.path.insert(0, sys.argv[1])
import conftest
from pathlib import Path
from tracking_sessions.tests.farm.cluster import Cluster
cluster = Cluster(Path(sys.argv[2]), nodes=1)
cluster.run("sbatch", "--output=/dev/null", "--wrap=sleep 600")
print(*(cluster.machine(name) for name in ("munge", "controller", "n1")), flush=True)
time.sleep(600)
"""


def on(cluster: Cluster, node: str) -> list[int]:
    return descendants(cluster.machine(node))


def left(cluster: Cluster) -> dict[str, int]:
    states = [state for state in cluster.jobs().values() if state in ("RUNNING", "PENDING")]
    return {state: states.count(state) for state in set(states)}


def test_a_node_dies_with_everything_on_it_and_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    for _ in range(3):
        cluster.run("sbatch", "--output=/dev/null", f"--chdir={tmp_path}", "--wrap=sleep 600 & sleep 600")
    wait_until(lambda: all(len(on(cluster, node)) >= 5 for node in cluster.nodes), "a job on each node")
    dead, *others = ([cluster.machine(node), *on(cluster, node)] for node in cluster.nodes)
    cluster.kill_node("n1")
    assert not any(map(lives, dead)) and all(lives(pid) for pids in others for pid in pids)
    wait_until(lambda: cluster.states()["n1"].startswith("down"), "the controller to miss the node")
    assert left(cluster) == {"RUNNING": 2, "PENDING": 1}
    cluster.start_node("n1")
    wait_until(lambda: left(cluster) == {"RUNNING": 3}, "the third job")


def test_nothing_outlives_tests_that_are_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="farm-") as folder:
        command = [sys.executable, "-c", PROGRAM, str(Path(__file__).resolve().parents[1]), folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            machines = [int(word) for word in process.stdout.readline().split()]
            assert len(machines) == 3
            wait_until(lambda: len(descendants(machines[2])) >= 4, "the job")
            everything = [*machines, *(pid for machine in machines for pid in descendants(machine))]
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        wait_until(lambda: not any(map(lives, everything)), "the end of all processes", 10)
