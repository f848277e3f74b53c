# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes submissions, and notes what was sent of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

from ..errors import StorageFailed, SubmitFailed, UsageError
from ..model.ids import find_id, new_id
from ..model.ranges import FrameRanges
from ..model.wording import timestamp
from ..storage.files import copy_file, make_folder, replace_file, sync_file
from ..storage.folder import SessionFolder
from ..tracking.plan import ShotSpec
from .manifest import FILE, RULES, FarmShot, Head, Manifest, write_manifest
from .path_map import PathMap
from .submission import Engine, Resources, Submission

_SENT = "sent.jsonl"
_JOB = "worker.json"
_LIMIT = 1 << 24  # bytes of what was sent


@dataclass(frozen=True)
class Sent:
    """What was sent of a submission at once. `jobs`: their ids for the engine."""

    engine: str
    worker: tuple[str, ...]
    resources: Resources
    shots: str  # their numbers, as ranges
    jobs: tuple[str, ...]
    time: str


def create(
    root: Path, shots: Sequence[ShotSpec], name: str = "", *, apart: bool = False, rules: Path | None = None
) -> Manifest:
    """Write the manifest of a new submission in the session folder `root`.

    `apart`: each shot has a session folder of its own in it, of the shot's name. `rules`: a file with rules by which
    the paths of this machine become those of the nodes. Raises UsageError, ManifestInvalid, StorageFailed.
    """
    if rules is not None:
        PathMap.read(rules)
    id, used = new_id(), set[str]()
    folder = SessionFolder(root).farm(id)
    listed = [
        FarmShot(index, spec, root / _folder_name(spec.title, index, used) if apart else root)
        for index, spec in enumerate(shots, 1)
    ]
    make_folder(folder / "logs")
    if rules is not None:
        try:
            copy_file(rules, folder / RULES)
        except OSError as error:
            raise StorageFailed(folder / RULES, error) from error
    write_manifest(folder / FILE, Head(id, name, timestamp(), root, len(listed)), listed)
    return Manifest.of(root, id)


def _folder_name(title: str, index: int, used: set[str]) -> str:
    """A name for the session folder of a shot, which no other shot and no file of a session folder has."""
    name = "shot_" + re.sub(r"[^\w.-]+", "_", title)[:60].strip("._")
    if name.lower() in used:
        name = f"{name}-{index}"
    used.add(name.lower())
    return name


def find_submission(root: Path, text: str) -> Manifest:
    """The submission whose id, its beginning, its folder or its manifest is `text`; the newest one if that is empty.

    Raises UsageError, ManifestInvalid.
    """
    path = Path(text)
    if text and path.name == FILE:
        return Manifest(path)
    if text and (path / FILE).is_file():
        return Manifest(path / FILE)
    folder = SessionFolder(root).farms
    try:
        ids = sorted(id for id in os.listdir(folder) if (folder / id / FILE).is_file())
    except OSError:
        ids = []
    try:
        found = find_id(text, ids, "submissions") if text else (ids or [None])[-1]
    except ValueError as error:
        raise UsageError(str(error)) from None
    if found is None:
        words = f"There is no submission {text[:200]!r} in {folder}" if text else f"Nothing was submitted from {folder}"
        raise UsageError(words)
    return Manifest.of(root, found)


def submission_of(
    manifest: Manifest, indices: Sequence[int], worker: Sequence[str], resources: Resources
) -> Submission:
    """These shots of the manifest, for an engine. Raises ManifestInvalid for damaged rules for paths."""
    rules = manifest.folder / RULES
    seen = PathMap.read(rules) if rules.exists() else PathMap()
    folder, head = manifest.folder.absolute(), manifest.head
    place, root = seen(str(folder)), seen(str(head.root))
    return Submission(head.id, head.name, folder, place, root, indices, worker, resources)


def check_takes(engine: Engine, resources: Resources) -> None:
    """Raises UsageError for resources that the engine has not."""
    others = [name.replace("_", " ") for name in resources.given() if name not in engine.takes]
    if others:
        raise UsageError(f"{engine.title} has no {' and no '.join(others)}: leave that out")


def send(engine: Engine, submission: Submission) -> list[str]:
    """Send what the engine has written, and note what it has taken, also before a refusal; returns the ids of the jobs.

    Raises SubmitFailed, StorageFailed.
    """
    try:
        jobs = engine.send(submission)
    except SubmitFailed as error:
        if error.jobs:
            _note_sent(submission, engine, error.jobs)
        raise
    _note_sent(submission, engine, jobs)
    return jobs


def _note_sent(submission: Submission, engine: Engine, jobs: Sequence[str]) -> None:
    """Raises StorageFailed."""
    line = {
        "engine": engine.name,
        "worker": list(submission.worker),
        "resources": asdict(submission.resources),
        "shots": ranges_of(submission.indices),
        "jobs": list(jobs),
        "time": timestamp(),
    }
    path = submission.folder / _SENT
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        sync_file(path)
    except OSError as error:
        raise StorageFailed(path, error) from error


def keep_worker(submission: Submission) -> None:
    """Keep how the shots are done, for tasks that send shots themselves. Raises StorageFailed."""
    kept = {"worker": list(submission.worker), "resources": asdict(submission.resources)}
    replace_file(submission.folder / _JOB, json.dumps(kept).encode())


def kept_worker(manifest: Manifest) -> tuple[list[str], Resources]:
    """What `keep_worker` has kept. Raises UsageError."""
    path = manifest.folder / _JOB
    try:
        kept = json.loads(path.read_bytes())
        return list(map(str, kept["worker"])), Resources(**kept["resources"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} does not say how the shots are done: {error}") from error


def sent(manifest: Manifest) -> list[Sent]:
    """What was sent of a submission, oldest first; damaged lines are left out."""
    try:
        with open(manifest.folder / _SENT, "rb") as file:
            lines = file.read(_LIMIT).splitlines()
    except OSError:
        return []
    return [found for line in lines if (found := _sent(line)) is not None]


def _sent(line: bytes) -> Sent | None:
    try:
        content = cast("dict[str, Any]", json.loads(line))
        known: dict[str, Any] = {entry.name: content["resources"][entry.name] for entry in fields(Resources)}
        default = Resources()
        if any(type(value) is not type(getattr(default, name)) for name, value in known.items()):
            return None
        texts = [str(content[key]) for key in ("engine", "shots", "time")]
        worker, jobs = (tuple(map(str, content[key])) for key in ("worker", "jobs"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return Sent(texts[0], worker, Resources(**known), texts[1], jobs, texts[2])


def ranges_of(indices: Sequence[int]) -> str:
    """Numbers as ranges, such as 1-24,30."""
    return str(FrameRanges.of(indices))
