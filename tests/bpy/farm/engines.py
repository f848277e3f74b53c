# SPDX-License-Identifier: GPL-3.0-or-later
"""Small real engines in the place of the farms, in this process and in the one that talks to them.

The environment variable FARM has for each engine, as JSON, what it misses (`missing`), how many seconds it thinks
before it answers (`thinks`) or sends (`sends`), why it takes no job (`refuses`) and which it took before (`took`); all
of it may be left out.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from tracking_sessions.core.errors import SubmitFailed
from tracking_sessions.core.farm import engines
from tracking_sessions.core.farm.submission import Engine, Resources, Submission

TAKES = {"slurm": {"max_running", "time_limit", "queue"}, "openjd": set[str](), "flamenco": {"queue", "url"}}
TITLES = {"slurm": "SLURM", "openjd": "OpenJD", "flamenco": "Flamenco"}


class Fake:
    """Writes its submission as JSON, and sends it into the file `sent` beside the session folder."""

    def __init__(self, name: str, *, is_online: bool) -> None:
        self._is_online = is_online
        self.name, self.title, self.takes = name, TITLES[name], frozenset(TAKES[name])
        self._how: dict[str, Any] = json.loads(os.environ.get("FARM", "{}")).get(name, {})

    def missing(self, resources: Resources) -> str:
        if "url" in self.takes and not self._is_online:
            return "Blender is offline: allow that in its preferences"
        time.sleep(self._how.get("thinks", 0))
        return self._how.get("missing", "")

    def write(self, submission: Submission) -> list[Path]:
        file = submission.folder / "job.json"
        given = {name: getattr(submission.resources, name) for name in submission.resources.given()}
        content = {"worker": list(submission.worker), "indices": list(submission.indices), "resources": given}
        file.write_text(json.dumps({"engine": self.name, **content}), encoding="utf-8")
        return [file]

    def send(self, submission: Submission) -> list[str]:
        time.sleep(self._how.get("sends", 0))
        if refusal := self._how.get("refuses", ""):
            raise SubmitFailed(refusal, self._how.get("took", []))
        with open(submission.folder / "taken", "a", encoding="utf-8") as file:
            file.write("x")
        return [str(40 + os.path.getsize(submission.folder / "taken"))]

    def advice(self, submission: Submission) -> str:
        return f"take {submission.folder / 'job.json'}"


def fakes(*, is_online: bool) -> list[Engine]:
    return [Fake(name, is_online=is_online) for name in engines.NAMES]


def take_place() -> None:
    engines.engines = fakes
