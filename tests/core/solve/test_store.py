# SPDX-License-Identifier: GPL-3.0-or-later
"""Solves on disk: whole or not there, and nothing believed of a file that is not."""

from __future__ import annotations

import errno
import math
import os
import random
import re
import signal
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tracking_sessions.core.errors import SolveUnreadable, StorageFailed, UsageError
from tracking_sessions.core.journal import solves
from tracking_sessions.core.journal.records import TracksRecord
from tracking_sessions.core.library.deletion import delete_session
from tracking_sessions.core.model.types import TrackData
from tracking_sessions.core.recording.manager import TrackingSessionManager, load_session
from tracking_sessions.core.solve import arrays, store
from tracking_sessions.core.solve.merging import merge_sessions
from tracking_sessions.core.solve.recording import figures
from tracking_sessions.core.solve.solve import Bundle, Camera, Solve, Verdict, VerdictKind
from tracking_sessions.core.solve.store import (
    StoredSolve,
    list_solves,
    new_solve_id,
    read_solve,
    solve_file,
    write_solve,
)
from tracking_sessions.core.storage import files
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.faults import ERRORS, WRITING, Faults, failing, flip, nothing, scrambled
from tracking_sessions.tests.core.shots import TESTS, make_session, run_child
from tracking_sessions.tests.core.solve import solve_reader
from tracking_sessions.tests.core.solve.solves import solved


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    return SessionFolder(tmp_path / "tracking_sessions")


@pytest.fixture(params=[".yaml", ".json"])
def suffix(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With PyYAML, and without."""
    if request.param == ".json":
        monkeypatch.setattr(files, "yaml", None)
    return request.param


def test_a_stored_solve_comes_back_whole(folder: SessionFolder, suffix: str) -> None:
    path = write_solve(folder, "shot", solved())
    assert path == folder.solves("shot") / f"solve-1{suffix}" and read_solve(path) == solved()
    assert sorted(file.name for file in path.parent.iterdir()) == ["solve-1.bin", path.name]


def test_a_solve_without_a_camera_comes_back_too(folder: SessionFolder) -> None:
    failed = solved(cameras=(), bundles=(), marker_errors={}, average_error=0.0, keyframes=(0, 0), rounds=())
    assert read_solve(write_solve(folder, "shot", failed)) == failed


def test_a_reader_written_from_the_page_finds_the_same(folder: SessionFolder, suffix: str) -> None:
    solve = solved(count=5, points=9)
    found = solve_reader.read(write_solve(folder, "shot", solve))
    assert {frame: [v for row in rows for v in row] for frame, (rows, _) in found.cameras.items()} == {
        one.frame: list(one.matrix) for one in solve.cameras
    }
    assert {frame: error for frame, (_, error) in found.cameras.items()} == {c.frame: c.error for c in solve.cameras}
    assert found.bundles == {one.track: (one.position, one.error) for one in solve.bundles}
    assert found.errors == {track: dict(errors) for track, errors in solve.marker_errors.items()}
    document = found.document
    assert document["verdict"] == {
        "kind": "solved", "reason": "0.06 px", "advice": "look: “at” it", "figures": {"angle": 12.5, "link": 40.0}
    }  # fmt: skip
    assert document["lens"] == {
        "focal": 31.5, "sensor": 36.0, "size": [960, 540], "aspect": 1.0, "centre": [3.25, -1.5],
        "model": "POLYNOMIAL", "coefficients": [-0.02, 0.001, 0.0],
    }  # fmt: skip
    assert document["frames"] == [3, 7] and document["settings"]["keyframes"] == [3, 5]
    assert document["settings"] == {"keyframes": [3, 5], "refined": ["FOCAL_LENGTH"], "tripod": False}
    assert document["dropped"] == ["2 it fits no motion: 3.5 px", "5 "] and document["muted"][1] == "7 4 4 3.25"
    assert document["rounds"][0] == {"name": "pairs", "error": 0.5, "cameras": 4, "tracks": 8, "markers": 30}
    page = (TESTS.parent / "docs" / "format.md").read_text(encoding="utf-8")
    table = page[page.index("## Solves") : page.index("## Lease files")]
    heads = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [name for head in heads for name in re.findall(r"`(\w+)`", head)] == list(document)[:-1]
    assert (document["schema"], document["id"], document["tracks_made"]) == (1, "solve-1", 12)
    assert (document["digest"], document["blender"], document["object"]) == ("00112233", "5.0.1", "Camera")


def outcome(path: Path) -> Solve | None:
    """The solve, or None for an error that names the file; nothing is changed by reading it."""
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    try:
        solve = read_solve(path)
    except SolveUnreadable as error:
        assert str(path.with_suffix("")) in str(error) and "left as it is" in str(error)
        solve = None
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
    return solve


@pytest.mark.slow
def test_a_cut_or_a_flipped_bit_anywhere_is_an_error(folder: SessionFolder, suffix: str) -> None:
    solve = solved(count=2, points=2)
    path = write_solve(folder, "shot", solve)
    for file in (path, path.with_suffix(".bin")):
        content = file.read_bytes()
        for size in range(len(content)):
            file.write_bytes(content[:size])
            # without its last newline a document is whole
            assert outcome(path) == (solve if file is path and content[size:].isspace() else None), size
        for at in range(len(content)):
            file.write_bytes(content)
            flip(file, at, 1 << (at % 8))
            is_spacing = content[at : at + 1].isspace() and file is path and at >= content.rindex(b"checksum")
            assert outcome(path) in ((None, solve) if is_spacing else (None,)), at
        file.write_bytes(content)
    assert outcome(path) == solve


def test_random_damage_is_an_error(folder: SessionFolder, suffix: str) -> None:
    solve = solved(count=2, points=2)
    path = write_solve(folder, "shot", solve)
    chance = random.Random(5)
    for file in (path, path.with_suffix(".bin")):
        content = file.read_bytes()
        for _ in range(150):
            file.write_bytes(scrambled(content, chance, b"\0\n :-[]{}&*!|>'\"%@`,#~09aZ\xff\xc3\xe2"))
            assert outcome(path) == (solve if file.read_bytes() == content else None)
        file.write_bytes(content)


def sealed(path: Path, binary: bytes, **changes: object) -> None:
    """Both files as a hostile program writes them: all checksums are right."""
    path.with_suffix(".bin").write_bytes(binary)
    content = files.read_document(path)
    content["data"].update(size=len(binary), checksum=f"{zlib.crc32(binary):08x}")
    for key, value in changes.items():
        *parts, last = key.split("__")
        place = content
        for part in parts:
            place = place[part]
        place[last] = value
    content["checksum"] = "00000000"
    encoded = files.encode_document(content, path.suffix)
    at = encoded.rindex(b"checksum")
    path.write_bytes(encoded[:at] + encoded[at:].replace(b"00000000", f"{zlib.crc32(encoded[:at]):08x}".encode()))


def repacked(binary: bytes, at: int, form: str, *values: object) -> bytes:
    """The file with other values in one place, and right checksums."""
    data = bytearray(binary)
    struct.pack_into(form, data, at, *values)
    struct.pack_into("<I", data, 28, zlib.crc32(bytes(data[:28])))
    struct.pack_into("<I", data, len(data) - 4, zlib.crc32(bytes(data[:-4])))
    return bytes(data)


BUNDLES = 32 + 2 * 108  # of solved(2, 2)
TRACKS = BUNDLES + 2 * 36
MARKERS = TRACKS + 2 * 8


@pytest.mark.parametrize(
    ("at", "form", "values"),
    [
        *[(12 + 4 * n, "<I", (count,)) for n in range(4) for count in (0, 3, 0xFFFFFFFF, 1 << 31)],
        (8, "<H", (2,)),
        (8, "<H", (0,)),
        *[(32 + 4 + 8 * n, "<d", (value,)) for n in range(12) for value in (math.nan, math.inf, 1e300, 7e9)],
        (32 + 4, "<3d", (0.0, 0.0, 0.0)),  # no rotation
        (32 + 4, "<d", (-1.0,)),  # a mirror image
        (32 + 100, "<d", (math.nan,)),
        (32 + 100, "<d", (-1.0,)),
        (32, "<i", (1 << 30,)),
        (32, "<i", (-(1 << 31),)),
        (32, "<i", (4,)),  # the frame of the next camera
        *[(BUNDLES + 4 + 8 * n, "<d", (value,)) for n in range(4) for value in (math.nan, -math.inf)],
        (BUNDLES, "<I", (4,)),  # the track of the next point
        (TRACKS + 4, "<I", (3,)),
        (TRACKS + 4, "<I", (0xFFFFFFFF,)),
        (TRACKS + 4, "<I", (1,)),
        (TRACKS, "<I", (4,)),
        (MARKERS + 4, "<f", (math.nan,)),
        (MARKERS + 4, "<f", (math.inf,)),
        (MARKERS, "<i", (4,)),
    ],
)
def test_hostile_content_with_right_checksums_is_refused(
    folder: SessionFolder, at: int, form: str, values: tuple[object, ...]
) -> None:
    path = write_solve(folder, "shot", solved(2, 2))
    binary = path.with_suffix(".bin").read_bytes()
    sealed(path, repacked(binary, 32, "<i", struct.unpack_from("<i", binary, 32)[0]))
    assert outcome(path) is not None  # as it was
    sealed(path, repacked(binary, at, form, *values))
    assert outcome(path) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"schema": True},
        {"id": "../../shot"},
        {"id": 5},
        {"lens__focal": 0.0},
        {"lens__focal": float("nan")},
        {"lens__focal": "31"},
        {"lens__sensor": -36.0},
        {"lens__sensor": float("inf")},
        {"lens__size": [960]},
        {"lens__size": [960, 0]},
        {"lens__size": [1 << 40, 540]},
        {"lens__centre": [0.0, float("nan")]},
        {"lens__aspect": 0},
        {"lens__coefficients": [0.0] * 17},
        {"lens__coefficients": [10**400]},
        {"lens": []},
        {"verdict__kind": "perfect"},
        {"verdict__figures": {"angle": float("nan")}},
        {"verdict__figures": {"angle": "wide"}},
        {"average_error": -0.1},
        {"average_error": True},
        {"frames": [1, 1 << 25]},
        {"frames": [1.5, 2]},
        {"frames": "1-2"},
        {"settings__tripod": 1},
        {"settings__refined": [1]},
        {"settings__keyframes": None},
        {"tracks_made": -1},
        {"rounds": [{"name": "x"}]},
        {"rounds": [7]},
        {"dropped": ["x reason"]},
        {"dropped": ["-4 reason"]},
        {"muted": ["4 5 3 1.0"]},
        {"muted": ["4 3 5 nan"]},
        {"muted": ["4 3 5"]},
        {"data__cameras": 3},
        {"data__size": -1},
        {"data__size": 1 << 60},
        {"data__checksum": "xyz"},
        {"created": None},
    ],
)
def test_a_hostile_document_with_a_right_checksum_is_refused(
    folder: SessionFolder, suffix: str, changes: dict[str, object]
) -> None:
    path = write_solve(folder, "shot", solved(2, 2))
    binary = path.with_suffix(".bin").read_bytes()
    sealed(path, binary)
    assert outcome(path) == solved(2, 2)
    sealed(path, binary, **changes)
    assert outcome(path) is None


def test_counts_are_checked_before_anything_is_read_or_made() -> None:
    head = struct.pack("<8sHH4I", b"TSSOLVED", 1, 32, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    body = head + struct.pack("<I", zlib.crc32(head))
    with pytest.raises(ValueError, match="counts do not fit"):
        arrays.decode_arrays(body + struct.pack("<I", zlib.crc32(body)))


def test_a_file_of_any_size_is_read_no_further_than_its_document_says(folder: SessionFolder) -> None:
    path = write_solve(folder, "shot", solved())
    with open(path.with_suffix(".bin"), "r+b") as file:
        file.truncate(1 << 40)  # sparse
    assert outcome_of_error(path) == path.with_suffix(".bin")
    with open(path, "r+b") as file:
        file.truncate(1 << 40)
    assert outcome_of_error(path) == path


def outcome_of_error(path: Path) -> Path:
    with pytest.raises(SolveUnreadable) as raised:
        read_solve(path)
    return raised.value.path


def test_what_is_no_file_is_an_error(folder: SessionFolder) -> None:
    path = write_solve(folder, "shot", solved())
    path.with_suffix(".bin").unlink()
    assert outcome_of_error(path) == path.with_suffix(".bin")
    os.mkfifo(path.with_suffix(".bin"))  # reading it would wait for ever
    assert outcome_of_error(path) == path.with_suffix(".bin")
    path.unlink()
    assert outcome_of_error(path) == path
    path.mkdir()
    assert outcome_of_error(path) == path


@pytest.mark.parametrize(
    "changes",
    [
        {"average_error": math.nan},
        {"cameras": (Camera(3, (1.0, 0.0, 0.0, math.nan, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)),)},
        {"cameras": (*solved().cameras, solved().cameras[0])},
        {"cameras": (Camera(3, (1.0,) * 12),)},
        {"cameras": (Camera(3, (1.0,)),)},
        {"bundles": (Bundle(1, (math.inf, 0.0, 0.0)),)},
        {"bundles": (Bundle(-1, (0.0, 0.0, 0.0)),)},
        {"bundles": (Bundle(1, (0.0, 0.0, 0.0)),) * 2},
        {"marker_errors": {1: ((3, math.nan),)}},
        {"marker_errors": {1: ((3, 1e300),)}},
        {"marker_errors": {1: ((3, 1.0), (3, 1.0))}},
        {"lens": replace(solved().lens, focal=math.nan)},
    ],
)
def test_nothing_is_stored_that_could_not_be_read(folder: SessionFolder, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        write_solve(folder, "shot", solved(**changes))
    assert not folder.root.exists()


def test_figures_that_are_not_finite_are_left_out(folder: SessionFolder) -> None:
    verdict = Verdict(VerdictKind.NOT_SOLVED, "x", figures={"tripod": math.inf, "link": 2.0})
    assert read_solve(write_solve(folder, "shot", solved(verdict=verdict))).verdict.figures == {"link": 2.0}


def test_a_solve_is_never_overwritten(folder: SessionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_solve(folder, "shot", solved())
    with pytest.raises(UsageError, match="never overwritten"):
        write_solve(folder, "shot", solved(seed=2))
    monkeypatch.setattr(files, "yaml", None)
    with pytest.raises(UsageError, match="never overwritten"):
        write_solve(folder, "shot", solved(seed=2))
    monkeypatch.undo()
    assert read_solve(path) == solved()


@pytest.mark.parametrize("id", ["", "../up", "a/b", "A", ".hidden", "x" * 81, "solve-1\n", "é", "-x"])
def test_an_id_never_becomes_another_path(folder: SessionFolder, id: str) -> None:
    with pytest.raises(UsageError, match="not the id of a stored solve"):
        write_solve(folder, "shot", solved(id=id))
    with pytest.raises(UsageError):
        solve_file(folder, id if len(id) < 80 else "../x", "solve-1")
    assert not folder.root.exists()


def test_ids_count_up_from_all_that_were_ever_given(folder: SessionFolder) -> None:
    assert new_solve_id(folder, "shot") == "solve-1"
    write_solve(folder, "shot", solved(id="solve-1"))
    write_solve(folder, "shot", solved(id="solve-9-20260101-000000-00000abc"))
    folder.solves("shot").joinpath("solve-12.bin").write_bytes(b"left by a process that was killed")
    assert new_solve_id(folder, "shot") == "solve-13"
    assert new_solve_id(folder, "shot", ["solve-40", "mine", "solve-x"]) == "solve-41"


def test_solves_are_listed_by_age_and_unreadable_ones_are_reported(folder: SessionFolder) -> None:
    assert list_solves(folder, "shot") == []
    for number in (10, 9, 11):
        created = "2026-01-02T03:04:05Z" if number < 11 else "2025-01-01T00:00:00Z"
        write_solve(folder, "shot", solved(number - 5, id=f"solve-{number}", created=created))
    found = list_solves(folder, "shot")
    stored = [one for one in found if isinstance(one, StoredSolve)]
    assert [one.header.id for one in stored] == ["solve-11", "solve-9", "solve-10"] and len(found) == 3
    assert [one.cameras for one in stored] == [6, 4, 5] and stored[0].bundles == 6 and stored[0].markers == 36
    assert [read_solve(one.path).cameras[0] for one in stored] == [solved().cameras[0]] * 3
    assert all(replace(read_solve(one.path), cameras=(), bundles=(), marker_errors={}) == one.header for one in stored)

    stored[0].path.write_bytes(b"x")
    with open(stored[1].path.with_suffix(".bin"), "ab") as file:
        file.write(b"x")
    (folder.solves("shot") / "notes.txt").write_text("mine")
    (folder.solves("shot") / "solve-30.bin").write_bytes(b"half")
    found = list_solves(folder, "shot")
    assert [one.path.name for one in found] == ["solve-10.yaml", "solve-11.yaml", "solve-9.bin"]
    assert [isinstance(one, SolveUnreadable) for one in found] == [False, True, True]


def both(folder: SessionFolder) -> None:
    write_solve(folder, "shot", solved(id="solve-1"))
    write_solve(folder, "shot", solved(seed=2, id="solve-2"))


def check_whole_or_absent(folder: SessionFolder) -> int:
    """The number of solves, each of them whole; the next can be stored."""
    found = list_solves(folder, "shot")
    for number, one in enumerate(found, 1):
        assert isinstance(one, StoredSolve) and read_solve(one.path) == solved(seed=number, id=f"solve-{number}")
    id = new_solve_id(folder, "shot")
    assert id not in {one.path.stem for one in found}
    assert read_solve(write_solve(folder, "shot", solved(id=id))) == solved(id=id)
    return len(found)


def count_operations(folder: SessionFolder) -> int:
    faults = Faults(folder.root, nothing, nothing)
    with faults.watching():
        both(folder)
    return faults.count


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("stays", [False, True])
def test_any_operation_that_fails_leaves_whole_solves_or_none(tmp_path: Path, code: int, stays: bool) -> None:
    count = count_operations(SessionFolder(tmp_path / "count"))
    assert count > 20
    stopped: set[int] = set()
    for number in range(1, count + 1):
        folder = SessionFolder(tmp_path / str(number))
        numbers: Callable[[int], bool] = (lambda at, n=number: at >= n) if stays else (lambda at, n=number: at == n)
        with Faults(folder.root, failing(numbers, code, WRITING if stays else None), nothing).watching():
            try:
                both(folder)
            except StorageFailed as error:
                stopped.add(number)
                assert error.exit_code == 75 and "cannot be written" in str(error)
        if number in stopped and stays:
            assert not list(folder.root.rglob("*.tmp"))
        check_whole_or_absent(folder)
    assert len(stopped) > count / 2


def test_a_full_disk_leaves_whole_solves_or_none(mounted: Callable[[str], Path]) -> None:
    folder = SessionFolder(mounted("64k") / "tracking_sessions")
    written = 0
    with pytest.raises(StorageFailed, match="The disk is full"):
        for written in range(50):
            write_solve(folder, "shot", solved(20, 40, seed=written + 1, id=f"solve-{written + 1}"))
    names = sorted(file.name for file in folder.solves("shot").iterdir())
    assert written >= 1 and len(names) == 2 * written
    for number in range(1, written + 1):
        assert read_solve(folder.solves("shot") / f"solve-{number}.yaml").id == f"solve-{number}"


KILLED = """
import json, os, signal
from pathlib import Path
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.faults import Faults, nothing
from tracking_sessions.tests.core.solve.test_store import both
import os
os.fsync = lambda descriptor: None
for number in range(1, int(sys.argv[2]) + 1):
    for moment in ("before", "after"):
        root = Path(sys.argv[1]) / f"{number}-{moment}"
        child = os.fork()
        if not child:
            def die(at, _):
                if at == number:
                    os.kill(os.getpid(), signal.SIGKILL)
            faults = Faults(root, *((die, nothing) if moment == "before" else (nothing, die)))
            with faults.watching():
                both(SessionFolder(root))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals and fork")
def test_sigkill_at_any_operation_leaves_whole_solves_or_none(tmp_path: Path) -> None:
    count = count_operations(SessionFolder(tmp_path / "count"))
    codes = run_child(KILLED, tmp_path, count).split()
    assert codes == [str(-signal.SIGKILL)] * (2 * count)
    found = [
        check_whole_or_absent(SessionFolder(tmp_path / f"{number}-{moment}"))
        for number in range(1, count + 1)
        for moment in ("before", "after")
    ]
    assert found == sorted(found) and set(found) == {0, 1, 2}


def test_the_figures_of_a_solve_choose_the_best_of_a_session(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        folder = SessionFolder.of(session.path)
        tripod = Verdict(VerdictKind.TRIPOD, "it turns")
        for solve in (solved(3, frames=(1, 6)), solved(id="solve-2", average_error=0.01, verdict=tripod)):
            write_solve(folder, session.id, solve)
            session.mark_solve_complete(solve.id, **figures(session, solve))
    known = load_session(session.path)
    assert known.session.best_solve == "solve-1"
    assert known.solves[0]["camera_coverage"] == 0.5 and known.solves[1]["verdict"] == "tripod"
    assert figures(session, solved(cameras=()))["camera_coverage"] == 0.0


def test_every_verdict_has_its_place_among_the_best() -> None:
    kinds = {kind.value for kind in VerdictKind}
    assert {solves.SOLVED, *solves.OF_A_KIND, *solves.LIMITED} <= kinds


def test_merged_sessions_bring_the_files_of_their_solves(tmp_path: Path) -> None:
    sessions: list[TrackingSessionManager] = []
    firsts: list[int] = []
    for name, numbers in (("one", (5, 2)), ("two", (2, 9))):
        session = make_session(tmp_path / name)
        with session:
            tracks = tuple(TrackData(number, "Camera", f"Track.{number}") for number in numbers)
            session.acquire().append(TracksRecord(tracks))
            points = tuple(Bundle(track, (float(track), 0.0, 0.0)) for track in (*numbers, 77))
            errors = {numbers[0]: ((1, 0.5),), 77: ((1, 0.5),)}
            solve = solved(bundles=points, marker_errors=errors, dropped=(), muted=())
            write_solve(SessionFolder.of(session.path), session.id, solve)
            session.mark_solve_complete("solve-1", **figures(session, solve))
            session.mark_solve_complete("of a script", average_error=2.0)
            damaged = write_solve(SessionFolder.of(session.path), session.id, solved(id=f"solve-{name}"))
            session.mark_solve_complete(f"solve-{name}")
            damaged.write_bytes(b"x")
        sessions.append(session)
        firsts.append(numbers[0])
    folder = SessionFolder(tmp_path / "all")
    merged = merge_sessions([session.path for session in sessions], folder.session_file("merged"))
    names = {number: track.name for number, track in merged.replay().tracks.items()}
    theirs = [{number: track.name for number, track in session.replay().tracks.items()} for session in sessions]
    ids = [f"solve-1{end}" for end in ("", f"-{sessions[1].id}")]
    assert [one.path.stem for one in list_solves(folder, "merged")] == ids
    assert set(ids) < {entry["id"] for entry in merged.solves}
    for id, own, first in zip(ids, theirs, firsts, strict=True):
        brought = read_solve(folder.solves("merged") / f"{id}.yaml")
        assert brought.id == id and brought.cameras == solved().cameras
        by_name = {names[one.track]: one.position[0] for one in brought.bundles}
        assert by_name == {name: float(number) for number, name in own.items()} and len(by_name) == 2
        assert [names[track] for track in brought.marker_errors] == [own[first]]

    delete_session(merged)
    assert not folder.solves("merged").exists() and not merged.path.exists()
    assert list_solves(SessionFolder.of(sessions[0].path), sessions[0].id)


def test_a_large_solve_is_stored_and_read_in_bounded_size(folder: SessionFolder) -> None:
    frames = range(1, 301)
    errors = {track: tuple((frame, 0.25) for frame in frames) for track in range(1, 101)}
    path = write_solve(folder, "shot", solved(marker_errors=errors))
    assert path.with_suffix(".bin").stat().st_size < 9 * 100 * 300 and path.stat().st_size < 4000
    assert read_solve(path).marker_errors == errors
    assert store.list_solves(folder, "shot")[0].markers == 30_000  # type: ignore[union-attr]
