# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `export` and `import`, without Blender."""

from __future__ import annotations

import io
import math
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tracking_sessions.cli import main
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.solve.placement import guess_placement
from tracking_sessions.core.solve.recording import figures
from tracking_sessions.core.solve.solve import Solve, Verdict, VerdictKind
from tracking_sessions.core.solve.store import write_solve
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.commands.processes import Commands, make_whole
from tracking_sessions.tests.core.exchange import chan_by_hand
from tracking_sessions.tests.core.solve.solves import solved


@pytest.fixture
def session(commands: Commands) -> TrackingSessionManager:
    return make_whole(commands)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "out.chan"


def keep(session: TrackingSessionManager, id: str, kind: VerdictKind = VerdictKind.SOLVED, **changes: Any) -> Path:
    solve: Solve = solved(3, 12, frames=(3, 6), id=id, verdict=Verdict(kind, f"{id}: why", "look"))
    centred = replace(solve, lens=replace(solve.lens, centre=(0.0, 0.0), coefficients=(0.0, 0.0, 0.0)))
    solve = replace(centred, **changes)
    path = write_solve(SessionFolder.of(session.path), session.id, solve)
    with load_session(session.path) as writer:
        writer.mark_solve_complete(id, **figures(writer, solve))
    return path


def test_export_writes_the_best_solve_as_people_count_frames(
    commands: Commands, session: TrackingSessionManager, file: Path
) -> None:
    keep(session, "solve-1", average_error=0.5)
    keep(session, "solve-2", average_error=0.1)
    keep(session, "solve-3", VerdictKind.LOW_PARALLAX, average_error=0.01)
    lines = commands.run("export", session.id, "-o", file).splitlines()
    assert lines[:2] == [str(file), "solve-2, 3 frames, 3 to 5"] and len(lines) == 5
    assert lines[2] == "Before the import give the camera haperture 36, vaperture 20.25 (mm), and rot_order ZXY"
    assert lines[3].startswith("Scale: ") and lines[4].startswith("Floor: ")
    found = chan_by_hand.read(file)
    assert [line.frame for line in found] == [3.0, 4.0, 5.0]
    solve = solved(3, 12)
    placed = guess_placement(solve).camera(solve.cameras[0].matrix)
    assert found[0].place == pytest.approx((placed[3], placed[11], -placed[7]), abs=1e-8)
    assert found[0].angle == pytest.approx(2 * math.degrees(math.atan(540 / 960 * 36 / 2 / 31.5)), abs=1e-8)

    row: Any = commands.json("export", session.id, "-o", file, "--solve", "solve-1", "--order", "XYZ")
    assert (row["solve"], row["verdict"], row["average_error"]) == ("solve-1", "solved", 0.5)
    assert (row["shown_first"], row["shown_last"], row["cameras"], row["order"]) == (3, 5, 3, "XYZ")
    again = chan_by_hand.read(file, "XYZ")
    for one, other in zip(found, again, strict=True):
        for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)):
            first, second = (chan_by_hand.rotated(line.turn, axis) for line in (one, other))
            assert first == pytest.approx(second, abs=1e-8)


def test_export_says_what_a_camera_that_is_not_solved_is_worth(
    commands: Commands, session: TrackingSessionManager, file: Path
) -> None:
    keep(session, "solve-1", VerdictKind.LOW_PARALLAX, lens=replace(solved().lens, centre=(4.0, 0.0)))
    says = ("The verdict on solve-1 is “low parallax”: solve-1: why", "neither distortion nor the principal point")
    commands.run("export", session.id, "-o", file, says=says)
    assert len(chan_by_hand.read(file)) == 3


def test_export_without_a_camera_fails_and_writes_nothing(
    commands: Commands, session: TrackingSessionManager, file: Path
) -> None:
    commands.run("export", session.id, "-o", file, code=1, says=("“whole” has no camera: it was not solved yet",))
    with load_session(session.path) as writer:
        writer.mark_solve_complete("of a script", average_error=0.1)
    commands.run("export", session.id, "-o", file, code=1, says=("no solve of it is stored",))
    keep(session, "solve-1", VerdictKind.CUT, cameras=(), bundles=(), average_error=0.0)
    commands.run("export", session.id, "-o", file, code=1, says=("“whole” has no camera: solve-1: why",))
    commands.run("export", session.id, "-o", file, "--solve", "solve-1", code=1, says=("solve-1 of “whole” has no",))
    assert not file.exists()
    keep(session, "solve-2", VerdictKind.TRIPOD)
    commands.run("export", session.id, "-o", file, says=("“tripod”",))
    assert file.exists()


def test_export_never_takes_another_solve_in_silence(
    commands: Commands, session: TrackingSessionManager, file: Path
) -> None:
    keep(session, "solve-1", average_error=0.5)
    best = keep(session, "solve-2", average_error=0.1)
    best.with_suffix(".bin").write_bytes(b"cut")
    for arguments in ((), ("--solve", "solve-2")):
        commands.run("export", session.id, "-o", file, *arguments, code=1, says=("solve-2.bin cannot be read",))
    assert not file.exists()
    commands.run("export", session.id, "-o", file, "--solve", "solve-1")
    for wanted in ("solve-9", "../solve-1", ""):
        commands.run("export", session.id, "-o", file, "--solve", wanted, code=2, says=("has no stored solve",))
    commands.run("export", session.id, "-o", file, "--solve", "solve", code=2, says=("2 solves begin with solve",))


def test_export_overwrites_only_what_is_its_own(
    commands: Commands, session: TrackingSessionManager, tmp_path: Path
) -> None:
    keep(session, "solve-1")
    other = tmp_path / "plan.txt"
    other.write_text("mine")
    refusals = {
        tmp_path: "no known format",
        tmp_path / "a.fbx": r"ends in .chan",
        tmp_path / "no" / "a.chan": "There is no folder",
    }
    for path, words in refusals.items():
        commands.run("export", session.id, "-o", path, code=2, says=(words,))
    commands.run("export", session.id, "-o", other, "--format", "chan", code=2, says=("exists and is no .chan",))
    assert other.read_text() == "mine"
    folder = tmp_path / "folder.chan"
    folder.mkdir()
    commands.run("export", session.id, "-o", folder, code=2, says=("is a folder",))
    commands.run("export", session.id, "-o", tmp_path / "new.txt", "--format", "chan")
    assert chan_by_hand.read(tmp_path / "new.txt")


def test_import_names_the_line_at_fault_before_it_needs_blender(tmp_path: Path) -> None:
    file, blend = tmp_path / "a.chan", tmp_path / "a.blend"
    arguments = ("import", file, "-o", blend)
    file.write_text("1 0 0 0 0 0 0 40\n2 0 0 x 0 0 0 40\n")
    refused(arguments, 1, "a.chan, line 2: “x” is not a number")
    file.unlink()
    refused(arguments, 1, "a.chan cannot be read: No such file")
    file.write_text("1 0 0 0 0 0 0 40\n")
    refused(arguments, 2, "A .blend needs Blender")
    refused(("import", tmp_path / "a.fbx", "-o", blend), 2, "no known format")
    for option, value in (("--size", "0x5"), ("--size", "1920"), ("--sensor", "nan"), ("--order", "ZZZ")):
        refused((*arguments, option, value), 2, option)
    assert not blend.exists()


def refused(arguments: tuple[object, ...], code: int, words: str) -> None:
    """Check the exit code and the message of a command that takes no session folder."""
    errors = io.StringIO()
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(errors):
        assert main([str(one) for one in arguments]) == code
    assert words in errors.getvalue() and "Traceback" not in errors.getvalue() and not output.getvalue()
