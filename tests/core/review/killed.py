# SPDX-License-Identifier: GPL-3.0-or-later
"""A review by chance, in processes that are killed meanwhile and in others that go on with it.

Each action follows from the seed, its number and the state of the session, so that the same actions lead to the same
review, whoever does them.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tracking_sessions.core.errors import UsageError
from tracking_sessions.core.journal.codec import event_record
from tracking_sessions.core.journal.records import EditRecord, Event, JournalRecord, RecordType
from tracking_sessions.core.journal.review import OverrideKind
from tracking_sessions.core.model.flags import Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.manager import TrackingSessionManager
from tracking_sessions.core.review import actions
from tracking_sessions.core.storage.lease import Lease, read_owner
from tracking_sessions.tests.core.review.reviews import KINDS, WHO, jump, put, tracked_session
from tracking_sessions.tests.core.shots import marker

SEEDS = 8
FRAMES = 10
ELSEWHERE = "farm-17"
_LEASE_TIME = 0.05  # seconds for which the lease of another host has to stand still, in place of a minute
_LONGEST = 0.01  # seconds: longer than any action takes


def reviewed_session(folder: Path) -> Path:
    """A tracked session that knows the size of its footage."""
    with tracked_session(folder, FRAMES) as session:
        state = session._content.file_state
        session._content.set_file({**state, "footage": {**state["footage"], "size": [100, 200]}})
        session.acquire().write_file()
    return session.path


def known(path: Path) -> dict[str, Any]:
    """The review, its decisions and edits one by one, and the state of the session: without ids and times."""
    session = TrackingSessionManager(path)
    decided: list[Any] = []
    for record in session._content.reader().records():
        if record.type == RecordType.EDIT:
            decided.append(record.payload.hex())
        elif record.type == RecordType.EVENT:
            event = json.loads(record.payload)
            if event["event"] in (Event.REVIEW, Event.STATE) and event.get("action") != "override":
                decided.append(_lasting(event))
    return {"review": _lasting(session.review.to_state()), "decided": decided, "state": session.session.state}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(part) for key, part in value.items() if key not in ("id", "begun", "time")}
    return [_lasting(part) for part in value] if isinstance(value, list) else value


def act(session: TrackingSessionManager, number: int, seed: int) -> None:
    """Do the action of this number; the first one begins the review, and each leaves a trace of its own."""
    if number == 0:
        return put(session, actions.begin(session))
    chance = random.Random(f"{seed} {number}")
    order = [_audit, *random.Random(seed).sample(_ACTIONS, len(_ACTIONS))]
    if chance.random() < 0.3:
        session.acquire().write_file()
    try:
        order[number - 1](session, chance, f"{WHO} {number}")
    except (UsageError, IndexError):  # nothing can be approved, accepted or muted there
        _note(session, chance, f"{WHO} {number}")


def _audit(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    first = chance.randint(1, FRAMES)
    frames = FrameRanges([(first, chance.randint(first, FRAMES))])
    flags = [
        jump(chance.choice((1, 3)), frame, chance.choice([*Severity])) for frame in frames if chance.random() < 0.4
    ]
    put(session, actions.audited(session, frames, flags, KINDS, is_full=chance.random() < 0.5))


def _approve(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    review = session.review
    frame = chance.choice([*review.failed, *review.warned, *review.approved.without(review.signed)])
    put(session, actions.approved(session, FrameRanges([(frame, frame)]), who))


def _accept(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    put(session, actions.accepted(session, chance.choice(session.review.open_flags), who, "fine"))


def _note(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    first = chance.randint(1, FRAMES)
    put(session, actions.noted(session, first, FRAMES, "soft: “focus”", who, chance.choice((0, 1))))


def _mute(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    first = chance.randint(1, FRAMES)
    put(session, actions.muted(session, session.replay().rows(1), 1, first, min(first + 1, FRAMES), who))


def _nudge(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    by = chance.uniform(-2, 2), chance.uniform(-2, 2)
    put(session, actions.nudged(session, session.replay().rows(3), 3, chance.randint(1, FRAMES), by, who, ""))


def _retrack(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    """Announce a re-track, and record its markers later, as in Blender."""
    frame = chance.randint(1, FRAMES)
    put(session, actions.overridden(session, OverrideKind.RETRACK, 3, frame, frame, who))
    records: list[JournalRecord] = [event_record(Event.EDITED, operator="Re-track")]
    put(session, [*records, EditRecord(3, (), marker(3, frame, (chance.random(),)))])


def _commit(session: TrackingSessionManager, chance: random.Random, who: str) -> None:
    is_committed = session.session.state is SessionState.COMMITTED
    session.set_state(SessionState.ACTIVE if is_committed else SessionState.COMMITTED, who=who)


_ACTIONS = 2 * (_audit, _approve, _accept, _note, _mute, _nudge, _retrack, _commit)
ACTIONS = 2 + len(_ACTIONS)


def review(path: Path, begin: int, seed: int, say: Callable[[int], object], *, wait: bool = False) -> None:
    """Do the actions from `begin` on; `say` gets the number of each when it is done."""
    with TrackingSessionManager(path) as session:
        session.acquire(wait=wait)
        for number in range(begin, ACTIONS):
            act(session, number, seed)
            say(number)


# In processes, each forked by one without threads


def kill_at_any_moment(folder: str, session: str, count: str) -> None:
    """Kill that many processes, each with a copy of the folder `shot` in `folder` and one of `SEEDS` seeds.

    `session` is a path in that folder. Prints a line of JSON for each process: its copy, its seed and the number of
    actions that it said are done.
    """
    for number in range(int(count)):
        seed = number % SEEDS
        _kill(
            Path(folder), session, seed, lambda path, say, seed=seed: review(path, 0, seed, say), random.Random(number)
        )


def kill_within_each_write(folder: str, session: str, seed: str) -> None:
    """As `kill_at_any_moment`: each process dies one write later than the last, before, within and after it."""
    for share in (0.0, random.Random(seed).uniform(0.1, 0.9), 1.0):
        number, died = 0, True
        while died:
            number += 1

            def work(path: Path, say: Callable[[int], object], number: int = number, share: float = share) -> None:
                _die_in_write(number, share)
                review(path, 0, int(seed), say)

            died = _kill(Path(folder), session, int(seed), work)


def _kill(
    folder: Path,
    session: str,
    seed: int,
    work: Callable[[Path, Callable[[int], object]], object],
    chance: random.Random | None = None,
) -> bool:
    """Let a process work until it dies, or with `chance` until it is killed; returns whether it died of that."""
    copy = folder / f"{sum(1 for _ in folder.iterdir())}"
    shutil.copytree(folder / "shot", copy)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with open(writing, "wb", 0) as pipe:  # not by os.write, which may be lethal
                work(copy / session, lambda number: pipe.write(bytes((number,))))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb", 0) as pipe:
        said = 0
        if chance is not None:
            for _ in range(chance.randint(0, ACTIONS - 1)):
                said += len(pipe.read(1))
            time.sleep(chance.uniform(0, _LONGEST))
            os.kill(child, signal.SIGKILL)
        while done := len(pipe.read(ACTIONS)):
            said += done
    died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    if died:
        sys.stdout.write(json.dumps({"session": str(copy / session), "seed": seed, "said": said}) + "\n")
    return died


def _die_in_write(number: int, share: float) -> None:
    """Let the write of this number, from now on, write a part of its bytes, and be the last thing that happens."""
    real, count = os.write, 0

    def write(descriptor: int, data: Any) -> int:
        nonlocal count
        count += 1
        if count < number:
            return real(descriptor, data)
        real(descriptor, bytes(data)[: int(share * len(data))])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it goes on after SIGKILL")

    os.write = write


def go_on_elsewhere(lines: Sequence[str]) -> None:
    """Go on with the reviews of these lines of JSON, in the process of another host."""
    platform.node = lambda: ELSEWHERE
    Lease.take.__func__.__kwdefaults__["lease_time"] = _LEASE_TIME
    for line in lines:
        fields = json.loads(line)
        path = Path(fields["session"])
        review(path, fields["done"], fields["seed"], lambda _: None, wait=True)


def owner_of(path: Path) -> str:
    """The host of the last owner of the session."""
    folder = TrackingSessionManager(path).folder
    owner = read_owner(folder, max(int(file.suffix[1:]) for file in folder.glob("lease.*")))
    return owner.host if owner is not None else ""
