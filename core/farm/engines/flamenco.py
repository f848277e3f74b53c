# SPDX-License-Identifier: GPL-3.0-or-later
"""Flamenco 3: a job of a type of its own, tracking_sessions.js, which the Manager has to have.

Source: flamenco-openapi.yaml of Flamenco, which a Manager shows at /api/v3/swagger-ui.
"""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from ...errors import SubmitFailed, UsageError
from ...model.ranges import FrameRanges
from ...model.wording import short
from ...storage.files import make_folder, replace_file
from ..reporting import STEPS
from ..submission import Resources, Submission, offline_words
from ..web import ANSWER, ask

_SCRIPT = Path(__file__).with_name("tracking_sessions.js")
_TYPE = "tracking-sessions"  # a Manager calls a type as its file, with - for _
_SETTINGS = ("program", "arguments", "manifest", "shots", "steps")
_JOB = "job.json"
_PRIORITY = 50  # Flamenco's own
_NAME = 200  # characters of the name of a job, at most
_TAKE = 10  # times as long as other answers: the Manager makes and stores all tasks


class Flamenco:
    """The engine. Its ids are those of the jobs of the Manager."""

    name = "flamenco"
    title = "Flamenco"
    takes = frozenset({"queue", "priority", "comment", "url"})

    def __init__(self, *, is_online: bool, patience: float = ANSWER) -> None:
        """`is_online`: whether this process may use the network. `patience`: seconds for the Manager to answer."""
        self._is_online = is_online
        self._patience = patience

    def missing(self, resources: Resources) -> str:
        if not self._is_online:
            return offline_words(self.title)
        try:
            self._job_type(resources.url)
            self._tag(resources)
        except (SubmitFailed, UsageError) as error:
            return str(error)
        return ""

    def write(self, submission: Submission) -> list[Path]:
        resources, (program, *words) = submission.resources, submission.worker
        shots = str(FrameRanges.of(submission.indices))
        values = (program, json.dumps(words, ensure_ascii=False), submission.manifest, shots, STEPS)
        job: dict[str, Any] = {
            "name": short(submission.name.strip() or submission.id, _NAME),
            "type": _TYPE,
            "priority": resources.priority or _PRIORITY,
            "submitter_platform": platform.system().lower(),
            "settings": dict(zip(_SETTINGS, values, strict=True)),
            "metadata": {"submission": submission.id, "comment": resources.comment},
        }
        if resources.queue:
            job["worker_tag"] = resources.queue  # here its id counts; `send` finds it by its name as well
        try:
            data = json.dumps(job, indent=1, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise UsageError("Flamenco takes UTF-8 only, and a name or a path of this submission is none") from None
        contents = {_JOB: data, _SCRIPT.name: _SCRIPT.read_bytes()}
        make_folder(submission.folder)
        for name, content in contents.items():
            replace_file(submission.folder / name, content)
        return [submission.folder / name for name in contents]

    def send(self, submission: Submission) -> list[str]:
        resources, path = submission.resources, submission.folder / _JOB
        if not self._is_online:
            raise SubmitFailed(self.missing(resources))
        try:
            job: dict[str, Any] = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise SubmitFailed(f"{path} cannot be read: {error}") from error
        job["type_etag"] = self._job_type(resources.url)
        if tag := self._tag(resources):
            job["worker_tag"] = tag
        id = _fields(self._ask(resources.url, "jobs", job)).get("id")
        if not isinstance(id, str) or not id:
            raise SubmitFailed("The Flamenco Manager names no job: look there before you send it again")
        return [short(id)]

    def advice(self, submission: Submission) -> str:
        url = submission.resources.url.rstrip("/") or "http://MANAGER:8080"
        job, script = (shlex.quote(str(submission.folder / name)) for name in (_JOB, _SCRIPT.name))
        send = f"curl -H 'Content-Type: application/json' -d @{job} {shlex.quote(f'{url}/api/v3/jobs')}"
        return f"{send} (the Manager has to have {script} in its folder “scripts”)"

    def _job_type(self, url: str) -> str:
        """The hash of the job type that the Manager has. Raises SubmitFailed, UsageError."""
        if not isinstance(_fields(self._ask(url, "version")).get("version"), str):
            raise SubmitFailed(f"{short(url, 200)} is no Flamenco Manager")
        found = _fields(self._ask(url, f"jobs/type/{_TYPE}", may_lack=True))
        if {setting.get("key") for setting in _listed(found.get("settings"))} != set(_SETTINGS):
            which = "the job type" if not found else "the job type of this version"
            words = f"The Flamenco Manager lacks {which}: put {_SCRIPT} into its folder “scripts”, under this name"
            raise SubmitFailed(words)
        return str(found.get("etag") or "")

    def _tag(self, resources: Resources) -> str:
        """The id of the worker tag, which has a name as well; empty without one. Raises SubmitFailed, UsageError."""
        if not resources.queue:
            return ""
        tags = list(_listed(_fields(self._ask(resources.url, "worker-mgt/tags")).get("tags")))
        for tag in tags:
            if resources.queue in (tag.get("id"), tag.get("name")):
                return str(tag.get("id"))
        names = ", ".join(f"“{short(str(tag.get('name')))}”" for tag in tags[:20]) or "none"
        raise SubmitFailed(f"The Flamenco Manager has no worker tag “{short(resources.queue)}”; it has {names}")

    def _ask(self, url: str, what: str, body: object = None, *, may_lack: bool = False) -> object:
        seconds = self._patience if body is None else self._patience * _TAKE
        return ask(url, f"/api/v3/{what}", body, title="Flamenco Manager", seconds=seconds, may_lack=may_lack)


def _fields(content: object) -> dict[str, Any]:
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _listed(content: object) -> Iterator[dict[str, Any]]:
    return (_fields(one) for one in cast("list[object]", content if isinstance(content, list) else []))
