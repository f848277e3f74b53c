# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that talks to farm engines: one that does not answer must not hold up Blender. Works without bpy.

It prints lines of JSON: asked for the engines one for each, as soon as that has answered; else one with the outcome.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...core.batch.manifest import read_shots
from ...core.errors import SubmitFailed, TrackingSessionError, UsageError
from ...core.farm import engines
from ...core.farm.manifest import Manifest
from ...core.farm.status import RETRIED, Stand, standings
from ...core.farm.submission import Engine, Resources
from ...core.farm.submitting import check_takes, create, send, sent, submission_of
from ...core.tracking.plan import ShotSpec
from ..errors import error_words

APART = 300
"""Shots of a submission above which each has a session folder of its own, as a node that begins a shot looks through
the sessions of its folder."""


@dataclass(frozen=True)
class Request:
    """What is to be done: to ask what the engines miss, to send a new submission, or shots of one again.

    `resources` may have more than the engine takes.
    """

    engines: Sequence[str]
    """Those to ask, or the one of a new submission."""
    is_online: bool
    resources: Resources
    root: str = ""
    """The session folder; empty to ask."""
    id: str = ""
    """The submission of which shots are sent again; empty for a new one."""
    is_for_waiting: bool = False
    """Whether those without a task are sent again, whose job may still wait, or else those that were begun and are not
    done."""
    name: str = ""
    shot: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The only shot of a new submission; if empty they are those of `path`, with `defaults`."""
    path: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rules: str = ""
    """The file with rules for paths, if there is one."""
    worker: Sequence[str] = ()
    is_dry: bool = False
    """Whether the job is only written."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Request:
        values = json.loads(text)
        return cls(**{**values, "resources": Resources(**values["resources"])})


def main() -> None:
    """Do what the last argument asks for."""
    request = Request.from_json(sys.argv[-1])
    found = {engine.name: engine for engine in engines.engines(is_online=request.is_online)}
    if not request.root:
        _ask([found[name] for name in request.engines], request.resources)
        return
    try:
        outcome = _send(found, request)
    except TrackingSessionError as error:
        outcome = {"error": error_words(error)}
    _print(outcome)


def _print(line: Mapping[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _ask(asked: Sequence[Engine], resources: Resources) -> None:
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = {pool.submit(engine.missing, _taken(engine, resources)): engine.name for engine in asked}
        for answer in as_completed(answers):
            _print({"engine": answers[answer], "missing": answer.result()})


def _taken(engine: Engine, resources: Resources) -> Resources:
    """Those of the resources that the engine takes."""
    return Resources(**{name: getattr(resources, name) for name in resources.given() if name in engine.takes})


def _send(found: Mapping[str, Engine], request: Request) -> dict[str, Any]:
    """Send a new submission, or shots of one as they were sent before; returns the outcome."""
    worker, resources, manifest = request.worker, request.resources, None
    if request.id:
        manifest = Manifest.of(Path(request.root), request.id)
        before = sent(manifest)[-1:]
        if not before:
            raise UsageError("These shots were not sent from here: send the job that was written, or submit them anew")
        engine, resources, worker = found[before[0].engine], before[0].resources, before[0].worker
    else:
        engine = found[request.engines[0]]
        resources = _taken(engine, resources)
    check_takes(engine, resources)
    if not request.is_dry and (missing := engine.missing(resources)):
        raise SubmitFailed(missing)
    if manifest is None:
        manifest = _made(request)
        indices = list(range(1, manifest.head.count + 1))
    else:
        wanted = {Stand.WAITING} if request.is_for_waiting else RETRIED - {Stand.WAITING}
        indices = [standing.shot.index for standing in standings(manifest) if standing.stand in wanted]
    outcome: dict[str, Any] = {"id": manifest.head.id, "engine": engine.title, "shots": len(indices), "jobs": []}
    if not indices:
        return outcome
    submission = submission_of(manifest, indices, worker, resources)
    try:
        engine.write(submission)
        outcome["advice"] = engine.advice(submission)
        if not request.is_dry:
            outcome["jobs"] = send(engine, submission)
    except TrackingSessionError as error:
        outcome["error"] = error_words(error)
    return outcome


def _made(request: Request) -> Manifest:
    shots = [ShotSpec.from_json(request.shot)] if request.shot else read_shots([request.path], request.defaults)
    rules = Path(request.rules) if request.rules else None
    return create(Path(request.root), shots, request.name, apart=len(shots) > APART, rules=rules)
