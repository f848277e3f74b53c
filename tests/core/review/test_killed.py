# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that review are killed between any two actions and within them: each action is there as a whole or not."""

from __future__ import annotations

import json
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.tests.core.review import killed
from tracking_sessions.tests.core.shots import run_child, start_child

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL and fork of POSIX")]

CHILD = """
import os
os.fsync = lambda descriptor: None  # no power cut: data in the kernel counts as on disk
from tracking_sessions.tests.core.review import killed
"""
KILLS = 80
SEED = 1  # of a review with all kinds
KINDS = {"begin", "audit", "approve", "fine", "note", "state", "mute", "nudge", "retrack"}


def undisturbed(path: Path, seed: int) -> list[dict[str, Any]]:
    """What is known of a review that nobody disturbs, after each number of actions."""
    states = [killed.known(path)]
    killed.review(path, 0, seed, lambda _: states.append(killed.known(path)))
    assert all(one != after for one, after in pairwise(states)), "an action left no trace"
    return states


def kinds_of(known: dict[str, Any]) -> set[str]:
    """The kinds of actions that were done."""
    events = [event for event in known["decided"] if isinstance(event, dict)]
    overrides = {override["kind"] for override in known["review"]["overrides"]}
    return {event.get("action", event["event"]) for event in events} | overrides


def check_kills(folder: Path, function: str, *arguments: object) -> list[dict[str, Any]]:
    """Kill reviews in copies of the folder `shot`, as the function of `killed` does, and go on with each elsewhere.

    Each has the actions that were said to be done and at most one more, and is at its end as if nothing had happened.
    Returns the fields of each.
    """
    path = killed.reviewed_session(folder / "shot").relative_to(folder / "shot")
    code = f"{CHILD}killed.{function}(*sys.argv[1:])"
    reviews = [json.loads(line) for line in run_child(code, folder, path, *arguments).splitlines()]
    wanted = {
        seed: undisturbed(shutil.copytree(folder / "shot", folder / f"undisturbed-{seed}") / path, seed)
        for seed in {fields["seed"] for fields in reviews}
    }
    assert set().union(*(kinds_of(states[-1]) for states in wanted.values())) == KINDS
    ahead = 0
    for fields in reviews:
        states, said = wanted[fields["seed"]], fields["said"]
        found = killed.known(Path(fields["session"]))
        assert found in states[said : said + 2], (fields, found)
        fields["done"] = states.index(found)
        ahead += fields["done"] - said
    assert ahead, "no process died between an action and its word"
    child = start_child(f"{CHILD}killed.go_on_elsewhere(sys.stdin.readlines())")
    child.communicate("".join(json.dumps(fields) + "\n" for fields in reviews), timeout=300)
    assert child.returncode == 0
    for fields in reviews:
        path = Path(fields["session"])
        assert killed.known(path) == wanted[fields["seed"]][-1], fields
        assert killed.owner_of(path) == killed.ELSEWHERE
    return reviews


def test_a_kill_at_any_moment_loses_no_action_and_doubles_none(tmp_path: Path) -> None:
    reviews = check_kills(tmp_path, "kill_at_any_moment", KILLS)
    assert len(reviews) > KILLS // 2 and len({fields["said"] for fields in reviews}) > killed.ACTIONS // 2


def test_a_kill_within_any_write_loses_no_action_and_doubles_none(tmp_path: Path) -> None:
    reviews = check_kills(tmp_path, "kill_within_each_write", SEED)
    assert {fields["said"] for fields in reviews} >= set(range(killed.ACTIONS))
