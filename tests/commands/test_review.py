# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `audit`, `commit` and `discard`, as processes of a Python without Blender."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.core.journal.records import Event, MarkersRecord, TracksRecord, tracks_removed
from tracking_sessions.core.model.flags import Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.core.review import actions
from tracking_sessions.core.storage.files import encode_document, read_document
from tracking_sessions.tests.commands.processes import Commands, make, make_whole
from tracking_sessions.tests.core.review.reviews import audit, begin, jump, put

# discard and commit


def test_discard_and_commit_and_the_way_back(commands: Commands) -> None:
    done, part = make_whole(commands), make(commands)
    new = create_session(commands.root.parent / "plates", "new", commands.root)

    def state(manager: TrackingSessionManager) -> str:
        return load_session(manager.path).session.state.value

    one = done.session.id
    assert commands.run("commit", one) == f"Committed “whole” ({one}).\n"
    assert commands.run("commit", one, says=(f"Nothing to do: “whole” ({one}) is committed.",)) == ""
    assert commands.run("discard", one) == f"Discarded “whole” ({one}); bring it back with: commit {one}\n"
    generations = len(list(done.folder.iterdir()))
    assert commands.run("discard", one, says=("Nothing to do",)) == "" and state(done) == "discarded"
    assert len(list(done.folder.iterdir())) == generations  # nothing was written
    row = commands.json("commit", one)
    assert isinstance(row, dict) and (row["state"], row["owner"]) == ("committed", "")

    two = part.session.id
    commands.run("commit", two, code=2, says=(f"resume {two}", f"discard {two}"))
    assert state(part) == "active"
    commands.run("discard", two)
    assert commands.run("commit", two) == f"“shot” ({two}) is back; go on with: resume {two}\n"
    assert state(part) == "active" and load_session(part.path).is_interrupted
    commands.run("discard", new.path)
    assert commands.run("commit", new.path).endswith("go on with: track --resume\n")


def test_a_discarded_session_is_not_resumed_unless_it_is_named(commands: Commands) -> None:
    manager = make(commands)
    commands.run("discard", manager.session.id)
    commands.run("resume", says=("No session was interrupted",))
    commands.run("commit", manager.session.id)
    commands.run_apart("resume", code=1, says="Tracking needs Blender")  # it was found


def reviewed(commands: Commands) -> TrackingSessionManager:
    """A session of six frames: one failed, one is suspect, one is not audited."""
    path = make_whole(commands).path
    with TrackingSessionManager(path) as manager:
        begin(manager)
        audit(manager, "1-5", jump(1, 2), jump(3, 4, Severity.WARNING))
    return load_session(path)


def test_a_session_with_open_frames_is_committed_only_if_told(commands: Commands) -> None:
    one = reviewed(commands).id
    words = "“whole” is not approved: 1 failed, 1 suspect, 1 not audited: commit it all the same with --force."
    commands.run("commit", one, code=1, says=(words,))
    assert load_session(reviewed_path(commands)).session.state.value == "active"
    commands.run("commit", one, "--force", "--who", "Mara")
    decided = load_session(reviewed_path(commands)).state["history"][-1]
    assert (decided["state"], decided["who"], decided["open"]) == (
        "committed",
        "Mara",
        "1 failed, 1 suspect, 1 not audited",
    )
    assert commands.run("commit", one, says=("Nothing to do",)) == ""


def reviewed_path(commands: Commands) -> Path:
    return next((commands.root / "sessions").glob("*.yaml"))


def test_a_session_whose_frames_are_approved_is_committed_with_its_report(commands: Commands) -> None:
    manager = reviewed(commands)
    with TrackingSessionManager(manager.path) as owner:
        audit(owner, "6")
        put(owner, actions.approved(owner, FrameRanges([(2, 4)]), "Jo", ""))
        put(owner, actions.noted(owner, 2, 2, "<b>the car</b>", "Jo", 1))
    report = commands.root.parent / "010.html"
    out = commands.run("commit", manager.id, "--report", report, says=(f"Wrote {report}.",))
    assert out.startswith("Committed “whole”")
    page = report.read_text(encoding="utf-8")
    assert re.search(r"Committed</th><td>20\d\d-[^<]* by [^<;]+</td>", page)
    assert "6 approved" in page and "&lt;b&gt;the car&lt;/b&gt;" in page
    assert "JUMP" not in page  # somebody has approved its frame


# audit


def filmed(commands: Commands, *, jump: float = 0) -> TrackingSessionManager:
    """A session of 40 tracks on 60 frames, one of them off by `jump` pixels on frame 1030: the 30th of a plate."""
    numpy = pytest.importorskip("numpy")
    from tracking_sessions.tests.core.review.shots import SIZE, Journal, dolly

    positions = dolly()
    positions[3, 29] += numpy.array([jump, 0])
    journal = Journal(positions)
    manager = make_whole(commands)
    state = read_document(manager.path)
    state["footage"] |= {"size": list(SIZE), "start": 1001, "frame_count": 60}
    manager.path.write_bytes(encode_document(state, manager.path.suffix))
    with TrackingSessionManager(manager.path) as owner:
        recorder = owner.acquire()
        recorder.append(tracks_removed([1, 2, 3]), TracksRecord(tuple(journal.tracks.values())))
        recorder.append(*(MarkersRecord(number, journal.rows(number)) for number in journal.tracks))
        recorder.append_event(Event.TRACKED, frames="1-60")
        recorder.write_file()
    return load_session(manager.path)


def audited(commands: Commands, *given: object) -> tuple[int, list[dict[str, Any]], str]:
    process = commands.start("audit", *given, "--json")
    out, error = process.communicate(timeout=120)
    assert "Traceback" not in error
    return process.returncode, json.loads(out), error


def test_an_audit_lists_what_is_suspect_and_says_by_its_exit_code_whether_the_session_passes(
    commands: Commands,
) -> None:
    manager = filmed(commands, jump=6)
    code, flags, error = audited(commands, manager.id)
    assert code == 1 and "“whole” does not pass: 1 finding at “error”" in error
    jump = {key: value for key, value in flags[0].items() if key not in ("value", "threshold")}
    wanted = {"flag": "JUMP", "object": "Camera", "track": "Track.4", "frame": 1030, "clip_frame": 30}
    assert jump == {**wanted, "unit": "px", "severity": "error"}
    assert flags[0]["threshold"] < flags[0]["value"] == pytest.approx(6, abs=1)
    known = load_session(manager.path)
    assert str(known.review.failed) == "30" and len(known.review.approved) == 59
    assert (known.review.anchor, known.review.shot, str(known.review.full)) == (1, "whole", "1-60")


def test_an_audit_of_good_tracks_passes(commands: Commands) -> None:
    manager = filmed(commands)
    code, flags, error = audited(commands, manager.id)
    assert (code, error) == (0, "") and all(flag["severity"] == "note" for flag in flags)
    assert len(load_session(manager.path).review.approved) == 60


def test_the_bar_of_an_audit(commands: Commands) -> None:
    manager = filmed(commands, jump=6)
    with TrackingSessionManager(manager.path) as owner:
        begin(owner)
        code, flags, _ = audited(commands, manager.id)  # the owner lives: it is not recorded
        assert code == 1 and not owner.review.flags
    audited(commands, manager.id)
    with TrackingSessionManager(manager.path) as owner:
        put(owner, actions.accepted(owner, owner.review.flags[0], "Mara"))
    code, flags, _ = audited(commands, manager.id, "--bar", "warning")
    assert (code, flags[0]["fine"]) == (0, True)


def test_an_audit_in_words_and_the_review_of_a_frame(commands: Commands) -> None:
    manager = filmed(commands, jump=6)
    process = commands.start("audit", manager.id, "--quick", "--limit", "1")
    out, _ = process.communicate(timeout=120)
    lines = out.splitlines()
    assert (process.returncode, len(lines)) == (1, 2)
    assert lines[0].split()[:4] == ["error", "JUMP", "1030", "Track.4"]
    assert lines[1].startswith("1 error") and lines[1].endswith("frames: 1 failed, 59 approved.")
    assert "Review:   1 failed" in commands.run("info", manager.id, "--frame", "1030")
    row = commands.json("info", manager.id, "--frame", "1030")
    assert isinstance(row, dict)
    frame = row["frame"]
    assert (frame["frame"], frame["clip_frame"], frame["status"], frame["score"]) == (1030, 30, "audit_fail", 0.5)
    assert frame["id"] == f"{row['review']['id']}:30" and frame["flags"][0]["flag"] == "JUMP"
    assert row["review"]["states"]["approved"] == "1001-1029,1031-1060"


def test_what_cannot_be_audited_says_why(commands: Commands) -> None:
    manager = make(commands)
    state = read_document(manager.path)
    state["footage"]["size"] = [0, 0]
    manager.path.write_bytes(encode_document(state, manager.path.suffix))
    process = commands.start("audit", manager.id)
    assert "The size of the footage is not known" in process.communicate(timeout=60)[1] and process.returncode == 2
    empty = create_session(commands.root.parent / "plates", "new", commands.root)
    process = commands.start("audit", empty.id)
    assert "No frame is tracked" in process.communicate(timeout=60)[1] and process.returncode == 2
