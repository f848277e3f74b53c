# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `commit` and `discard`, as processes of a Python without Blender."""

from pathlib import Path

from tracking_sessions.core.model.flags import Severity
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.core.review import actions
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
    assert "6 approved" in page and "&lt;b&gt;the car&lt;/b&gt;" in page
    assert "JUMP" not in page  # somebody has approved its frame
