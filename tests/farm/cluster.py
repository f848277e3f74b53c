# SPDX-License-Identifier: GPL-3.0-or-later
"""A SLURM cluster on this host: munge, a controller and nodes on loopback, everything in a folder of its own."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tracking_sessions.tests.farm.machine import descendants, send
from tracking_sessions.tests.waiting import LIMIT, wait_until

MACHINE = Path(__file__).with_name("machine.py")

CONFIGURATION = """\
ClusterName=farm
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n.spool
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/controller.log
SlurmdLogFile={folder}/%n.log
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1,default_queue_depth=1000
SlurmdParameters=config_overrides
MpiDefault=none
SlurmctldTimeout=30
SlurmdTimeout=6
MessageTimeout=5
KillWait=10
ReturnToService=2
{settings}
NodeName={names} NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes={names} Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """A running cluster; `stop` ends it. `folder` has a short path that others may read: sockets are in it.

    `settings` are lines of slurm.conf that stand for themselves, such as `MaxArraySize=11`.
    """

    def __init__(self, folder: Path, *settings: str, nodes: int = 3, cpus: int = 1) -> None:
        self.folder = folder
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._machines: dict[str, subprocess.Popen[bytes]] = {}
        folder.chmod(0o755)  # munge refuses a socket that not everyone can reach
        (folder / "state").mkdir()
        first = _free_ports(nodes + 1)
        text = CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0],
            user=getpass.getuser(),
            folder=folder,
            ports=(first, first + 1, first + nodes),
            names=f"n[1-{nodes}]",
            cpus=cpus,
            settings="\n".join(settings),
        )
        (folder / "slurm.conf").write_text(text, "utf-8")
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n", "utf-8")
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        with ExitStack() as stack:
            stack.callback(self.stop)
            files = {"key-file": key, "socket": folder / "munge.socket", "pid-file": folder / "munge.pid"}
            files |= {"log-file": folder / "munge.log", "seed-file": folder / "munge.seed"}
            self._start("munge", "munged", "--foreground", *(f"--{name}={path}" for name, path in files.items()))
            wait_until((folder / "munge.socket").exists, "munge", 30)
            self._start("controller", "slurmctld", "-D", "-i")
            for node in self.nodes:
                self.start_node(node)
            wait_until(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "idle nodes", 20)
            stack.pop_all()

    def stop(self) -> None:
        """Kill everything that runs on the cluster, and the cluster."""
        for name in list(self._machines):
            self._cut_power(name)

    # Machines

    def _start(self, machine: str, *command: str) -> None:
        with open(self.folder / f"{machine}.out", "ab") as log:
            self._machines[machine] = subprocess.Popen(
                [sys.executable, str(MACHINE), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def _cut_power(self, machine: str) -> None:
        process = self._machines.pop(machine)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)

    def machine(self, name: str) -> int:
        """The id of the process that is the ancestor of all on this machine: a node, `controller` or `munge`."""
        return self._machines[name].pid

    def start_node(self, node: str) -> None:
        self._start(node, "slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill the node and everything on it, as if its power failed."""
        self._cut_power(node)

    def freeze_node(self, node: str) -> None:
        """Stop everything on the node: it vanishes, and does not know it."""
        send(signal.SIGSTOP, descendants(self.machine(node)))

    def thaw_node(self, node: str) -> None:
        send(signal.SIGCONT, descendants(self.machine(node)))

    def restart_controller(self) -> None:
        """Stop the controller, as its administrator does, and start it again."""
        self.stop_controller()
        self.start_controller()

    def stop_controller(self) -> None:
        self.run("scontrol", "shutdown", "slurmctld")
        wait_until(lambda: not (self.folder / "controller.pid").exists(), "the end of the controller", 30)
        self._cut_power("controller")

    def start_controller(self) -> None:
        self._start("controller", "slurmctld", "-D")
        wait_until(lambda: "is UP" in self.run("scontrol", "ping", fails=True), "the controller", 30)

    # Commands

    def run(self, *command: str | Path, fails: bool = False) -> str:
        """What a command of SLURM prints. It has to succeed, if it may not fail."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        assert fails or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.logs()}"
        return done.stdout

    def warn(self, id: str) -> None:
        """Send a job the signal that SLURM sends before the time limit, and in the same way."""
        with suppress(subprocess.TimeoutExpired):  # scancel tries again while the job is on its way to be run again
            command = ("scancel", "--batch", "--signal=USR1", id)
            subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=3)

    def states(self) -> dict[str, str]:
        """The state of each node, as sinfo has it."""
        lines = self.run("sinfo", "--noheader", "--Node", "--format=%N %t", fails=True).splitlines()
        return dict(line.split() for line in lines)

    def jobs(self) -> dict[str, str]:
        """The state of each job or array task that the controller knows, such as COMPLETED, by ids such as 5_1."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def job(self, id: str) -> dict[str, str]:
        """What `scontrol show job` says of a job, by its names, such as Restarts."""
        words = self.run("scontrol", "--oneliner", "show", "job", id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for_end(self, *ids: str, limit: float = LIMIT) -> None:
        """Wait until no task of these jobs is left to run; without ids, of all jobs."""

        def left() -> str:
            time.sleep(0.3)  # a node has better things to do than to tell
            only = [f"--jobs={','.join(ids)}"] if ids else []
            return self.run("squeue", "--noheader", *only, fails=True)

        try:
            wait_until(lambda: not left().strip(), f"the end of {', '.join(ids) or 'all jobs'}", limit)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.run('scontrol', 'show', 'job')}{self.logs()}") from None

    def clear(self) -> None:
        """Cancel what is left of all jobs, and wait until each machine is up and idle."""
        self.run("scancel", f"--user={getpass.getuser()}")
        for machine in self.nodes:
            if machine not in self._machines:
                self.start_node(machine)
        self.wait_for_end()
        wait_until(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "idle nodes")

    def logs(self) -> str:
        """The ends of all logs, for the message of a test that fails."""
        files = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "".join(f"\n--- {file.name}\n{file.read_text('utf-8', 'replace')[-2000:]}" for file in files)


def _free_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    for first in range(23000 + os.getpid() % 97 * 50, 32000, 50):
        held: list[socket.socket] = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
        return first
    raise AssertionError("no free ports")
