# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands on the states of a session: `history` and `restore`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.errors import UsageError
from ..core.journal.history import State
from ..core.journal.state_words import action_words, difference_words, state_id, state_position
from ..core.journal.states import Comparison, compare
from ..core.model.counting import Counting
from ..core.model.wording import age, count_words, short, size_words
from ..core.recording.going_back import go_back, name_state
from ..core.recording.manager import TrackingSessionManager
from ..core.recording.salvage import Salvaged, salvage
from .arguments import add_force, add_json, add_limit, add_session, age_given, command, patiently
from .finding import find, find_file, root_of
from .terminal import agreed, say

_STATE = "a state: its id in the list, or its name"


def add_commands(commands: Any) -> None:
    words = "list the states of a session, newest first; compare or name them, or let old ones go"
    parser = command(commands, "history", _history, words, "history 20260131-1015 --compare 3:12034 3:48213")
    add_session(parser)
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument("--compare", metavar=("A", "B"), nargs=2, help="show what differs in state B from state A")
    actions.add_argument(
        "--name", metavar=("STATE", "NAME"), nargs=2, help="name a state, so that it stays; an empty name unnames it"
    )
    actions.add_argument(
        "--let-go",
        action="store_true",
        help="let old states go: all but the newest, those with a name, and those that undo or an older file set aside",
    )
    parser.add_argument(
        "--older-than", metavar="AGE", type=age_given, help="with --let-go, only states of this age, as 7d, 2w or 1m"
    )
    add_force(parser)
    add_limit(parser, "states")
    add_json(parser)

    words = "bring an earlier state of a session back; all later states stay in its history"
    parser = command(commands, "restore", _restore, words, "restore 20260131-1015 --to “before cleaning”")
    add_session(parser)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--to", metavar="STATE", help=_STATE)
    wanted.add_argument(
        "--salvage",
        action="store_true",
        help="the newest state of a damaged session: also what can be read behind the damage is kept",
    )
    add_json(parser)


def _history(options: argparse.Namespace) -> list[str]:
    if options.older_than is not None and not options.let_go:
        raise UsageError("--older-than says which states --let-go lets go: give both")
    root = root_of(options.root)
    if options.name:
        return _name(options, find(options.session, root))
    if options.let_go:
        return _let_go(options, find(options.session, root))
    manager = TrackingSessionManager(find_file(options.session, root), salvage=True)  # all before any damage
    if options.compare:
        return _compare(options, manager)
    history = manager.history()
    if history.damage is not None:
        say(history.damage)
    states = history.states[::-1][: options.limit or None]
    if options.json:
        return [json.dumps([_described(state, manager.counting) for state in states], indent=1)]
    if not states:
        say("Nothing is recorded in this session yet.")
    return _table(states, manager.counting)


def _described(state: State, counting: Counting) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": state_id(state.position),
        **state.described(),
        "first": state.first,
        "last": state.last,
        "outcome": state.outcome.value if state.outcome else None,
        "action": action_words(state),
        "name": state.name,
        "set_aside": state.is_set_aside,
    }
    return counting.described(row)


def _table(states: Sequence[State], counting: Counting) -> list[str]:
    rows = [
        (
            state_id(state.position),
            age(state.time),
            short(action_words(state), 40),
            _frames(state, counting),
            count_words(state.tracks, "track") if state.tracks else "",
            _remarks(state),
        )
        for state in states
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return [
        "  ".join(
            [f"{row[0]:<{widths[0]}}", f"{row[1]:>{widths[1]}}"]
            + [f"{row[column]:<{widths[column]}}" for column in (2, 3, 4)]
            + [row[5]]
        ).rstrip()
        for row in rows
    ]


def _frames(state: State, counting: Counting) -> str:
    if state.first is None or state.last is None:
        return ""
    first, last = counting.shown(state.first), counting.shown(state.last)
    return f"{first}-{last}" if first != last else f"{first}"


def _remarks(state: State) -> str:
    parts = [f"“{short(state.name, 200)}”"] if state.name else []
    parts += [state.outcome.value] if state.outcome else []
    parts += ["set aside"] if state.is_set_aside else []
    parts += [f"{count_words(state.let_go, 'state')} before it let go"] if state.let_go else []
    return ", ".join(parts)


def _find(manager: TrackingSessionManager, text: str) -> State:
    """The state with this name or id. Raises UsageError."""
    states = manager.history().states
    position = state_position(text)
    for state in reversed(states):
        if state.name == text or state.position == position:
            return state
    raise UsageError(f"The session has no state {short(text)!r}: see “history {manager.id}”")


def _compare(options: argparse.Namespace, manager: TrackingSessionManager) -> list[str]:
    before, after = (manager.state_at(_find(manager, text).position) for text in options.compare)
    found = compare(before, after, manager.session.footage.size)
    if options.json:
        return [json.dumps(_compared(found, manager.counting), indent=1)]
    return _comparison_lines(found, manager.counting)


def _compared(found: Comparison, counting: Counting) -> dict[str, Any]:
    largest = found.largest
    row: dict[str, Any] = {
        **{
            kind: [{"object": track.object, "name": track.name} for track in tracks]
            for kind, tracks in (
                ("added", found.added),
                ("gone", found.gone),
                ("changed", found.changed),
                ("adjusted", found.adjusted),
            )
        },
        "renamed": [{"object": new.object, "name": new.name, "from": old.name} for old, new in found.renamed],
        "ranges": str(found.frames),
        "largest": {"track": largest.track.name, "frame": largest.frame, "pixels": largest.pixels} if largest else None,
    }
    return counting.described(row)


def _comparison_lines(found: Comparison, counting: Counting) -> list[str]:
    words = difference_words(found)
    lines = [f"{words[0].upper()}{words[1:]}."]
    for title, tracks in (
        ("Added", [track.name for track in found.added]),
        ("Gone", [track.name for track in found.gone]),
        ("Renamed", [f"{old.name} to {new.name}" for old, new in found.renamed]),
        ("Changed", [track.name for track in found.changed]),
        ("Settings", [track.name for track in found.adjusted]),
    ):
        if tracks:
            lines.append(f"{title + ':':<10}{short(', '.join(tracks), 200)}")
    if len(found.frames):
        lines.append(f"{'Frames:':<10}{counting.spans(found.frames)}")
    if found.largest is not None:
        frame = counting.shown(found.largest.frame)
        lines.append(f"{'Largest:':<10}{found.largest.pixels:.4g} pixels, {found.largest.track.name} at frame {frame}")
    return lines


def _name(options: argparse.Namespace, manager: TrackingSessionManager) -> list[str]:
    text, name = options.name
    state = _find(manager, text)

    def record(wait: bool) -> None:
        with manager:
            name_state(manager, state.position, name, wait=wait)

    patiently(record)
    state = _find(manager, state_id(state.position))
    if options.json:
        return [json.dumps(_described(state, manager.counting))]
    where = f"State {state_id(state.position)}"
    return [f"{where} is called “{short(state.name, 200)}”." if state.name else f"{where} has no name."]


def _let_go(options: argparse.Namespace, manager: TrackingSessionManager) -> list[str]:
    before = _moment_before(options.older_than) if options.older_than is not None else ""
    if not options.force:
        question = f"Let old states of “{short(manager.session.name)}” go? That cannot be undone."
        if not agreed(question, f"{question} Say so with --force"):
            raise UsageError("No state was let go")
    done = patiently(lambda wait: manager.let_go(before, wait=wait))
    if options.json:
        return [json.dumps({"id": manager.id, "let_go": done.states, "before": done.before, "after": done.after})]
    if not done.states:
        return ["There is no state to let go."]
    return [f"Let {count_words(done.states, 'state')} go: {size_words(done.before)} became {size_words(done.after)}."]


def _moment_before(age: timedelta) -> str:
    """The time so long ago, as records have it."""
    try:
        return f"{datetime.now(UTC) - age:%Y-%m-%dT%H:%M:%SZ}"
    except OverflowError:  # before the beginning of time
        return "0001"


def _salvage(options: argparse.Namespace) -> list[str]:
    path = find_file(options.session, root_of(options.root))

    def bring_back(wait: bool) -> Salvaged:
        with TrackingSessionManager(path, salvage=True) as manager:
            return salvage(manager, wait=wait)

    done = patiently(bring_back)
    if options.json:
        return [json.dumps({"id": path.stem, "kept": done.kept, "lost": done.lost})]
    if done == (0, 0):
        return ["The session is not damaged."]
    return [f"Brought back {count_words(done.kept, 'record')} behind the damage; lost {done.lost:,}."]


def _restore(options: argparse.Namespace) -> list[str]:
    if options.salvage:
        return _salvage(options)
    manager = find(options.session, root_of(options.root))
    state = _find(manager, options.to)

    def restore(wait: bool) -> Comparison:
        with manager:
            return go_back(manager, state.position, wait=wait)

    found = patiently(restore)
    if options.json:
        return [json.dumps({"id": manager.id, "state": state_id(state.position), **_compared(found, manager.counting)})]
    if found.is_equal:
        return [f"The session is in this state already: {action_words(state)}."]
    return [
        f"Went back to {state_id(state.position)}, {action_words(state)}: {difference_words(found)}.",
        "A .blend of the session gets this state when you restore or resume it there.",
    ]
