# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a session to another folder: all of it goes, and nothing stops halfway that would lose or double it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracking_sessions.core.errors import LeaseHeld, SessionUnreadable, StorageFailed, TrackingSessionError, UsageError
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.library.moving import has_all_of, move_session
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.report.html import export_session_report
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.files import read_document
from tracking_sessions.core.storage.folder import SessionFolder, resolve
from tracking_sessions.tests.core.faults import ERRORS, WRITING, Faults, failing, flip, nothing
from tracking_sessions.tests.core.shots import (
    go_on,
    make_footage,
    make_session,
    run_child,
    start_child,
    start_run,
)

RANGES = [(1, 5)]
posix = pytest.mark.skipif(os.name != "posix", reason="signals, fork and links of POSIX")


def old_root(folder: Path) -> Path:
    return folder / "user" / "data" / "tracking_sessions"


def new_root(folder: Path) -> Path:
    return folder / "work" / "tracking_sessions"


def interrupted(folder: Path) -> Path:
    """A session with a report and a solve, and a pass that is interrupted on frame 3."""
    (folder / "work").mkdir()
    footage, blend = make_footage(folder / "plates"), folder / "work" / "shot.blend"
    with create_session(footage, "shot", old_root(folder), blend=str(blend), clip="plate") as session:
        run = start_run(session, RANGES)
        run.step()
        run.step()
    export_session_report(session.path, SessionFolder(old_root(folder)).report(session.id))
    solves = SessionFolder(old_root(folder)).solves(session.id)
    solves.mkdir(parents=True)
    (solves / "1.yaml").write_text("a solve")
    return session.path


def contents(root: Path) -> dict[str, bytes]:
    """All files in a session folder but its index, the lease files and the session file."""
    files = (path for path in root.rglob("*") if path.is_file() and path.parent.name != "sessions")
    kept = (path for path in files if path.name != "index.db" and not path.name.startswith("lease."))
    return {str(path.relative_to(root)): path.read_bytes() for path in kept}


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != "index.db"]


def shown(*roots: Path) -> list[Path]:
    """The session files, without those that an earlier folder has all of."""
    found: list[Path] = []
    for path in (path for root in roots for path in session_files(root)):
        if not any(other.name == path.name and has_all_of(other, path) for other in found):
            found.append(path)
    return found


@pytest.fixture
def expected(tmp_path: Path) -> dict[int, dict[int, bytes]]:
    """The markers of an uninterrupted session of the same tracks."""
    session = make_session(tmp_path / "expected")
    markers = go_on(session.path, RANGES)
    assert sorted(markers[1])[-2] == 5
    return markers


def test_all_of_a_session_moves(tmp_path: Path, expected: object) -> None:
    path = interrupted(tmp_path)
    before, state = contents(old_root(tmp_path)), read_document(path)
    new = move_session(path, new_root(tmp_path))
    assert new == new_root(tmp_path) / "sessions" / path.name
    assert contents(new_root(tmp_path)) == before and {Path(name).parts[0] for name in before} == {
        "sessions",
        "reports",
        "solves",
        "footage",
    }
    moved = read_document(new)
    places = moved["footage"].pop("path"), moved["footage"].pop("blend")
    assert places == ("../../../plates/plate_0001.png", "../../shot.blend")
    assert resolve(new, places[0]) == resolve(path, state["footage"].pop("path"))
    assert resolve(new, places[1]) == resolve(path, state["footage"].pop("blend"))
    assert moved == state, "all else is as it was"
    assert files(old_root(tmp_path)) == []
    session = TrackingSessionManager(new)
    assert session.details().entries and session.is_interrupted and not session.owner
    assert go_on(new, RANGES) == expected


def test_a_session_moves_to_another_disk(tmp_path: Path, mounted: Callable[[str], Path], expected: object) -> None:
    path = interrupted(tmp_path)
    disk = mounted("1m")
    assert os.stat(disk).st_dev != os.stat(path).st_dev
    new = move_session(path, disk / "tracking_sessions")
    assert files(old_root(tmp_path)) == [] and go_on(new, RANGES) == expected


def test_a_path_that_is_not_relative_stays(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    text = path.read_text(encoding="utf-8")
    (relative,) = (line for line in text.splitlines() if line.strip().startswith("path:"))
    path.write_text(text.replace(relative, "  path: 'C:\\plates\\plate_0001.png'"), encoding="utf-8")
    new = move_session(path, new_root(tmp_path))
    assert TrackingSessionManager(new).session.footage.path == "C:\\plates\\plate_0001.png"


def test_details_that_another_session_uses_stay_behind_too(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    other = create_session(tmp_path / "plates", "other", old_root(tmp_path))
    new = move_session(path, new_root(tmp_path))
    assert TrackingSessionManager(other.path).details() == TrackingSessionManager(new).details()


def test_a_session_in_use_stays(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    before = files(old_root(tmp_path))
    with TrackingSessionManager(path) as session:
        session.acquire()
        with pytest.raises(LeaseHeld):
            move_session(path, new_root(tmp_path))
        session.save_checkpoint(4, "track")
    assert set(before) < set(files(old_root(tmp_path))) and files(new_root(tmp_path)) == []
    assert 4 in TrackingSessionManager(move_session(path, new_root(tmp_path))).session.tracked_frames


def test_a_damaged_journal_moves_as_it_is(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    journal = path.with_suffix("") / "journal.1"
    damaged = flip(journal, journal.stat().st_size // 2)
    new = move_session(path, new_root(tmp_path))
    assert (new.with_suffix("") / "journal.1").read_bytes() == damaged and files(old_root(tmp_path)) == []


def test_an_unreadable_session_stays(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    path.write_text("[")
    with pytest.raises(SessionUnreadable):
        move_session(path, new_root(tmp_path))
    assert path.exists() and files(new_root(tmp_path)) == []


@posix
@pytest.mark.parametrize("kind", ["link", "mount"])
def test_a_session_is_not_moved_onto_itself(tmp_path: Path, kind: str) -> None:
    path = interrupted(tmp_path)
    (again := tmp_path / "again").mkdir()
    if kind == "link":
        again.rmdir()
        again.symlink_to(old_root(tmp_path))
        assert move_session(path, again) == path
    else:  # a mount that looks like another disk, as of a share with two names: what a link does not show
        code = "import os, sys\nfrom pathlib import Path\nfrom tracking_sessions.core.library import moving\n"
        code += "os.path.samefile = lambda *_: False\nprint(moving.move_session(sys.argv[1], sys.argv[2]))"
        again.rmdir()
        again.symlink_to(old_root(tmp_path))
        assert run_child(code, path, again).strip() == str(path)
    assert path.exists() and TrackingSessionManager(path).session.tracked_frames


def test_other_frames_under_the_same_id_are_not_replaced(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    shutil.copytree(old_root(tmp_path), new_root(tmp_path))
    copy = new_root(tmp_path) / "sessions" / path.name
    assert has_all_of(copy, path) and has_all_of(path, copy)
    with TrackingSessionManager(path) as session:
        session.save_checkpoint(6, "track")
    with TrackingSessionManager(copy) as session:
        session.save_checkpoint(5, "track")
    assert not has_all_of(copy, path) and not has_all_of(path, copy)
    with pytest.raises(UsageError, match="has other frames"):
        move_session(path, new_root(tmp_path))
    assert 6 in TrackingSessionManager(path).session.tracked_frames
    assert 5 in TrackingSessionManager(copy).session.tracked_frames


def test_a_copy_with_a_bad_byte_does_not_stand_for_the_session(tmp_path: Path) -> None:
    path = interrupted(tmp_path)
    shutil.copytree(old_root(tmp_path), new_root(tmp_path))
    journal = new_root(tmp_path) / "sessions" / path.stem / "journal.1"
    flip(journal, journal.stat().st_size - 1)
    with pytest.raises(UsageError, match="has other frames"):
        move_session(path, new_root(tmp_path))
    assert path.exists()


# Disks


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_session_stays_if_the_new_disk_takes_nothing(
    tmp_path: Path, mounted: Callable[[str], Path], expected: object, state: str
) -> None:
    path = interrupted(tmp_path)
    disk = mounted("64k")
    filling = disk / "filling"
    if state == "full":
        with pytest.raises(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with filling.open("r+b") as file:
            file.truncate(filling.stat().st_size - 3 * 4096)  # less than the session needs
    else:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StorageFailed, match=f"The disk is {state}"):
        move_session(path, disk / "tracking_sessions")
    assert files(disk / "tracking_sessions") == []
    assert shown(disk / "tracking_sessions", old_root(tmp_path)) == [path]
    subprocess.run(["mount", "-o", "remount,rw,size=4m", disk], check=True)
    assert go_on(move_session(path, disk / "tracking_sessions"), RANGES) == expected


def check(folder: Path, expected: object) -> None:
    """Check that the session is shown once, whole and without an owner, and that the next move ends what one began."""
    new, old = new_root(folder), old_root(folder)
    (path,) = shown(new, old)
    session = TrackingSessionManager(path)
    assert not session.owner and str(session.session.tracked_frames) == "1-3" and session.details().entries
    if session_files(old):
        assert move_session(session_files(old)[0], new)
    (path,) = session_files(new)
    assert session_files(old) == []
    names = {one.name for one in path.parent.iterdir() if not one.name.endswith(".tmp")}
    assert names == {path.name, path.stem}, "the half copy is gone"
    assert {Path(name).parts[0] for name in contents(new)} == {"sessions", "reports", "solves", "footage"}
    assert go_on(path, RANGES) == expected


def count_operations(folder: Path) -> int:
    path = interrupted(folder)
    faults = Faults(folder, nothing, nothing)
    with faults.watching():
        move_session(path, new_root(folder))
    return faults.count


@pytest.mark.slow
@pytest.mark.parametrize(("code", "stays"), [(errno.ENOSPC, True), *((code, False) for code in ERRORS)])
def test_any_operation_may_fail(tmp_path: Path, expected: object, code: int, stays: bool) -> None:
    (tmp_path / "count").mkdir()
    failed = 0
    for number in range(1, count_operations(tmp_path / "count") + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = interrupted(folder)
        fail = failing(lambda at, n=number: at >= n if stays else at == n, code, WRITING if stays else None)
        with Faults(folder, fail, nothing).watching():
            try:
                move_session(path, new_root(folder))
            except TrackingSessionError:
                failed += 1
        check(folder, expected)
    assert failed > 20


MOVE_AND_DIE = """
import json, os, signal
from pathlib import Path
from tracking_sessions.core.library.moving import move_session
from tracking_sessions.tests.core.faults import Faults, nothing
from tracking_sessions.tests.core.library.test_moving import new_root
for line in sys.stdin:
    folder, path, number, moment = json.loads(line)
    child = os.fork()
    if not child:
        def die(at, _):
            if at == number:
                os.kill(os.getpid(), signal.SIGKILL)
        around = (die, nothing) if moment == "before" else (nothing, die)
        try:
            with Faults(Path(folder), *around).watching():
                move_session(path, new_root(Path(folder)))
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@posix
@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_one_session(tmp_path: Path, expected: object) -> None:
    (tmp_path / "count").mkdir()
    count = count_operations(tmp_path / "count")
    child = start_child(MOVE_AND_DIE)
    assert child.stdin is not None and child.stdout is not None
    left: set[bool] = set()
    for number in range(1, count + 1):
        for moment in ("before", "after"):
            folder = tmp_path / f"{number}-{moment}"
            folder.mkdir()
            path = interrupted(folder)
            child.stdin.write(json.dumps([str(folder), str(path), number, moment]) + "\n")
            child.stdin.flush()
            assert int(child.stdout.readline()) == -signal.SIGKILL
            left.add(path.exists())
            check(folder, expected)
    child.communicate(timeout=60)
    assert left == {True, False} and count > 40


RACE = """
import time
from tracking_sessions.core.errors import TrackingSessionError
from tracking_sessions.core.library.moving import move_session
from tracking_sessions.core.session import TrackingSessionManager
print("ready", flush=True)
sys.stdin.readline()
try:
    if sys.argv[3] == "move":
        move_session(sys.argv[1], sys.argv[2])
    else:
        with TrackingSessionManager(sys.argv[1]) as session:
            session.save_checkpoint(4, "track")
    print("done")
except TrackingSessionError as error:
    print(type(error).__name__)
"""


@pytest.mark.slow
@pytest.mark.parametrize("other", ["move", "record"])
def test_of_processes_that_want_the_session_one_gets_it(tmp_path: Path, other: str) -> None:
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = interrupted(folder)
        kinds = ["move", other, other]
        children = [start_child(RACE, path, new_root(folder), kind) for kind in kinds]
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()
        said = [child.communicate(timeout=60)[0].strip() for child in children]
        assert {*said} <= {"done", "LeaseHeld", "SessionUnreadable", "StorageFailed"} and "done" in said
        if said[0] != "done" and session_files(old_root(folder)):
            move_session(path, new_root(folder))
        (new,) = shown(new_root(folder), old_root(folder))
        recorded = other == "record" and "done" in said[1:]
        assert str(TrackingSessionManager(new).session.tracked_frames) == ("1-4" if recorded else "1-3")
