# SPDX-License-Identifier: GPL-3.0-or-later
"""What is submitted to a farm, and the Protocol of the engines that take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from ..processes.own import flags
from .manifest import FILE
from .path_map import path_like


@dataclass(frozen=True)
class Resources:
    """What a job may use, and what the farm is told about it. Empty values and 0 leave it to the farm."""

    max_running: int = 0  # tasks at the same time
    time_limit: int = 0  # minutes of a task
    cpus: int = 0
    memory: int = 0  # MiB of a task
    queue: str = ""  # a partition, a queue or a worker tag
    priority: int = 0
    comment: str = ""
    mail: str = ""
    url: str = ""  # of the manager
    segments: int = 0  # tasks that share the work on one shot

    def given(self) -> list[str]:
        """The names of the values that are given."""
        return [entry.name for entry in fields(self) if getattr(self, entry.name)]


@dataclass(frozen=True)
class Submission:
    """Shots of a manifest for an engine. All files of it lie in its folder, which the nodes see as well."""

    id: str
    name: str  # for people: any text
    folder: Path
    place: str  # the folder as the nodes see it; they may have another system
    root: str  # the session folder as the nodes see it
    indices: Sequence[int]  # of the shots to do, ascending, from 1
    worker: Sequence[str]  # the command line on a node: the program and its arguments, up to the command `task`
    resources: Resources

    @property
    def manifest(self) -> str:
        """As the nodes see it."""
        return str(path_like(self.place, FILE))

    @property
    def logs(self) -> str:
        """The folder of the logs as the nodes see it."""
        return str(path_like(self.place, "logs"))

    def command(self, index: str, **options: str | float | bool) -> list[str]:
        """The command line of the task of a shot; `index` is its number, or the engine's word for that.

        `options`: more of them, such as `progress="slurm"`.
        """
        return [*self.worker, "task", *flags(manifest=self.manifest, index=index, **options)]


class Engine(Protocol):
    """A farm engine."""

    name: str
    """Its name in command lines and files."""
    title: str
    """For people."""
    takes: frozenset[str]
    """The names of the `Resources` that it has."""

    def missing(self, resources: Resources) -> str:
        """What is missing to submit from this machine, in words for users; empty if nothing is."""
        ...

    def write(self, submission: Submission) -> list[Path]:
        """Write the job into the folder of the submission, to look at or to send from another machine.

        Returns its files, the one to send first. Raises StorageFailed, or UsageError for what the engine cannot take.
        """
        ...

    def send(self, submission: Submission) -> list[str]:
        """Send what was written; returns the ids of the jobs. Raises SubmitFailed."""
        ...

    def advice(self, submission: Submission) -> str:
        """The command that sends what was written from a machine of the farm, in words for users."""
        ...


def offline_words(title: str) -> str:
    """What an engine says that needs the network where Blender may not use it."""
    return f"Blender is offline: to reach {title}, switch on Allow Online Access in its preferences (System)"
