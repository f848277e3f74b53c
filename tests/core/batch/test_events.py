# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a child prints, as its supervisor and as scripts read them."""

import json
from pathlib import Path

import pytest

from tracking_sessions.core import errors
from tracking_sessions.core.batch.events import Begun, Done, Event, Stopped, StopReason, parse

STOPS: list[tuple[errors.TrackingSessionError, StopReason]] = [
    (errors.Interrupted("SIGTERM"), StopReason.INTERRUPTED),
    (errors.LeaseHeld("somebody"), StopReason.SESSION_IN_USE),
    (errors.LeaseLost(), StopReason.SESSION_IN_USE),
    (errors.StorageFailed(Path("x"), OSError(28, "full")), StopReason.STORAGE),
    (errors.FootageUnusable("cut off", Path("x")), StopReason.UNUSABLE),
    (errors.UnfinishedSession("1", "x"), StopReason.USAGE),
    (errors.JournalDamaged(Path("x"), 1, 2, "wrong"), StopReason.FAILED),
    (errors.ProcessEnded("It has ended (SIGKILL)"), StopReason.CRASHED),
    (errors.ProcessEnded("The disk is full", "storage", errors.ExitCode.STOPPED), StopReason.STORAGE),
]


@pytest.mark.parametrize(
    "event",
    [
        Begun("/a “b”/sessions/1.yaml", 7),
        Stopped(StopReason.STORAGE, "The disk\nis full", "StorageFailed"),
        *(Stopped.by(error, str(error)) for error, _ in STOPS),
    ],
)
def test_a_supervisor_reads_the_event_that_was_printed(event: Event) -> None:
    assert "\n" not in event.line()
    assert parse(event.line().encode()) == event


def test_a_result_keeps_the_output_of_the_command() -> None:
    event = parse(Done("1", {"id": "1", "frames": 3}).line().encode())
    assert isinstance(event, Done)
    assert (event.id, event.result["frames"]) == ("1", 3)


@pytest.mark.parametrize("error, reason", STOPS, ids=lambda value: type(value).__name__)
def test_an_error_is_printed_with_its_reason_and_its_class(
    error: errors.TrackingSessionError, reason: StopReason
) -> None:
    line = json.loads(Stopped.by(error, str(error)).line())
    assert line == {"event": "stopped", "kind": type(error).__name__, "reason": reason.value, "error": str(error)}


@pytest.mark.parametrize(
    "line",
    [
        b"Blender 5.2.2",
        b"",
        b"[]",
        b"3",
        b"\xff",
        b"[" * 100_000,
        b'{"event": "begun"}',
        b'{"event": "begun", "session": 3}',
        b'{"event": []}',
        b'{"event": "saved"}',
    ],
)
def test_any_other_line_is_no_event(line: bytes) -> None:
    assert parse(line) is None


@pytest.mark.parametrize("reason", ["later", None, [], 3])
def test_an_unknown_reason_is_a_failure(reason: object) -> None:
    event = parse(json.dumps({"event": "stopped", "reason": reason, "error": "x"}).encode())
    assert event == Stopped(StopReason.FAILED, "x")


def test_nonsense_in_an_event_is_left_out() -> None:
    assert parse(b'{"event": "begun", "session": "a", "tracked_frames": "x"}') == Begun("a", 0)
    done = parse(b'{"event": "done", "id": 3}')
    assert isinstance(done, Done) and done.id == ""
