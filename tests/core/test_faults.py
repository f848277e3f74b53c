# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file operation of a session failing in turn, and a SIGKILL before and after each."""

import errno
import json
import os
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tracking_sessions.core.errors import StorageFailed, TrackingSessionError
from tracking_sessions.core.library.catalogue import list_sessions, session_files
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.core.storage.lease import live_owner
from tracking_sessions.tests.core import faults
from tracking_sessions.tests.core.faults import ERRORS, RANGES, READING, WRITING, Faults, failing, nothing
from tracking_sessions.tests.core.shots import Markers, final_markers, go_on, make_session, run_child, start_run

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="signals, fork and limits of POSIX")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, Markers]:
    """A folder with footage, how many operations a session of it takes, and its markers."""
    folder = tmp_path_factory.mktemp("undisturbed")
    count = faults.count_operations(folder)
    (path,) = session_files(folder / "tracking_sessions")
    return folder, count, final_markers(path)


def check_readable_and_resume(root: Path, frames: list[int], expected: Markers) -> None:
    """Check that a reader gets all records, and that a resumed run ends with the same markers."""
    assert len(list_sessions(root)) == len(session_files(root)) <= 1
    if not session_files(root):
        assert not frames
        return
    (path,) = session_files(root)
    before = path.read_bytes()
    manager = TrackingSessionManager(path)
    assert live_owner(manager.folder) is None
    assert all(frame in manager.session.tracked_frames for frame in frames)
    assert manager.replay().tracked == manager.session.tracked_frames
    assert path.read_bytes() == before
    assert go_on(path, RANGES) == expected


def run_with(
    root: Path, footage: Path, fail: Callable[[int, str], None]
) -> tuple[list[int], TrackingSessionError | None]:
    frames: list[int] = []
    with Faults(root, fail, nothing).watching():
        try:
            faults.whole_session(root, footage, frames.append)
        except TrackingSessionError as error:
            return frames, error
    return frames, None


def check_error(error: TrackingSessionError | None, name: str) -> None:
    if error is not None:
        if name not in READING:
            assert isinstance(error, StorageFailed) and error.exit_code == 75
            assert "Everything recorded so far is kept; fix this, then resume" in str(error)
        assert error.__cause__ is None or isinstance(error.__cause__, (OSError, TrackingSessionError))


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_any_operation_that_fails_once_loses_nothing(
    tmp_path: Path, undisturbed: tuple[Path, int, Markers], code: int
) -> None:
    folder, count, expected = undisturbed
    stopped = 0
    for number in range(1, count + 1):
        names: list[str] = []

        def fail(at: int, name: str, number: int = number, names: list[str] = names) -> None:
            if at == number:
                names.append(name)
                raise OSError(code, os.strerror(code))

        root = tmp_path / str(number)
        frames, error = run_with(root, folder / "plates", fail)
        check_error(error, names[0])
        check_readable_and_resume(root, frames, expected)
        stopped += error is not None
    assert stopped > count / 2


@pytest.mark.parametrize("code", [errno.ENOSPC])
def test_a_disk_that_stays_full_loses_nothing(
    tmp_path: Path, undisturbed: tuple[Path, int, Markers], code: int
) -> None:
    folder, count, expected = undisturbed
    for number in range(1, count + 1):
        root = tmp_path / str(number)
        fail = failing(lambda at, number=number: at >= number, code, WRITING)
        frames, error = run_with(root, folder / "plates", fail)
        check_error(error, "")
        check_readable_and_resume(root, frames, expected)


@posix
def test_sigkill_before_and_after_any_operation_loses_nothing(
    tmp_path: Path, undisturbed: tuple[Path, int, Markers]
) -> None:
    folder, count, expected = undisturbed
    shutil.copytree(folder / "plates", tmp_path / "plates")
    code = (
        "from pathlib import Path; from tracking_sessions.tests.core import faults; "
        "faults.kill_at_each_operation(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    results = [json.loads(line) for line in run_child(code, tmp_path, count).splitlines()]
    assert len(results) == 2 * count
    for result in results:
        assert result["died"], result
        check_readable_and_resume(Path(result["root"]), result["frames"], expected)


FULL = """
import resource, signal
from pathlib import Path
from tracking_sessions.core.errors import StorageFailed
from tracking_sessions.tests.core import faults
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
frames = []
try:
    faults.whole_session(Path(sys.argv[1]), Path(sys.argv[2]), frames.append)
except StorageFailed as error:
    frames.append(str(error))
print(frames)
"""


@posix
@pytest.mark.parametrize("limit", [600, 1000, 1200, 1400, 1600, 1800])
def test_a_file_that_may_not_grow_any_more_loses_nothing(
    tmp_path: Path, undisturbed: tuple[Path, int, Markers], limit: int
) -> None:
    folder, _, expected = undisturbed
    output = run_child(FULL, tmp_path / "sessions", folder / "plates", limit)
    frames = [int(n) for n in output.strip("[]\n").split(",")[:-1] if n.strip().isdigit()]
    assert "File too large" in output and "fix this, then resume" in output
    check_readable_and_resume(tmp_path / "sessions", frames, expected)


@pytest.fixture
def small_disk(mounted: Callable[[str], Path]) -> Path:
    return mounted("256k")


def test_a_disk_that_is_really_full_loses_nothing(small_disk: Path) -> None:
    session = make_session(small_disk)
    run = start_run(session, RANGES)
    with pytest.raises(StorageFailed, match=r"The disk is full.*fix this, then resume"), run:
        run.step()
        filling = small_disk / "filling"
        with pytest.raises(OSError), filling.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
        for _ in range(1000):
            session.acquire().append_event("note", text="x" * 400)
    session.close()
    assert str(TrackingSessionManager(session.path).session.tracked_frames) == "1-2"
    filling.unlink()
    assert sorted(go_on(session.path, RANGES)[1]) == [1, 2, 3, 4, 5]


@posix
def test_a_read_only_folder_can_be_read_and_stops_a_writer(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, RANGES)
    run.step()
    session.close()
    code = """
import encodings.ascii, os
from tracking_sessions.core.errors import StorageFailed
from tracking_sessions.core.session import TrackingSessionManager, list_sessions
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
session = TrackingSessionManager(sys.argv[1])
assert session.get_resume_point() == 3 and session.is_interrupted and list_sessions(sys.argv[2])
try:
    session.acquire()
except StorageFailed as error:
    print(error, error.exit_code)
"""
    folders = [tmp_path, session.folder.parent, session.folder, session.folder.parent.parent]
    outside = [folder for folder in tmp_path.parents if folder.stat().st_uid == os.geteuid() and folder.parent.name]
    modes = {folder: folder.stat().st_mode for folder in outside}
    try:
        for folder in outside:
            folder.chmod(modes[folder] | 0o055)
        for folder in folders:
            folder.chmod(0o555)
        output = run_child(code, session.path, session.path.parent.parent)
    finally:
        for folder in folders:
            folder.chmod(0o755)
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert "There is no permission to write there" in output and output.endswith("resume 75\n")


def test_a_session_folder_that_is_removed_stops_the_run(tmp_path: Path) -> None:
    session = make_session(tmp_path)
    run = start_run(session, RANGES)
    with pytest.raises(StorageFailed, match="The session folder is gone") as raised, run:
        run.step()
        shutil.rmtree(session.path.parent.parent)
        run.step()
    assert raised.value.exit_code == 75
    session.close()
    assert not session.path.exists() and not session.folder.exists()


@posix
def test_the_limits_of_this_process_were_left_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
