# SPDX-License-Identifier: GPL-3.0-or-later
"""Matching sessions to clips: each case with a single clip, and among many clips."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tracking_sessions.core.footage.details import describe
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.footage.identity import FileIdentity
from tracking_sessions.core.library import matching
from tracking_sessions.core.library.catalogue import Entry, catalogue
from tracking_sessions.core.library.matching import ClipQueries, ClipQuery, SessionSource
from tracking_sessions.core.model.types import SessionState
from tracking_sessions.core.recording.create import create_session
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.core.session import TrackingSessionManager
from tracking_sessions.tests.core.grey import grey_png
from tracking_sessions.tests.core.shots import TESTS, make_footage


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    return make_footage(tmp_path / "plate")


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return written(tmp_path / "plate.mov", b"a movie")


@pytest.fixture
def blend(tmp_path: Path) -> Path:
    return written(tmp_path / "shot.blend")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tracking_sessions"


def written(path: Path, content: bytes = b"a file") -> Path:
    path.write_bytes(grey_png(content) if path.suffix == ".png" else content)
    return path


def origin(session: TrackingSessionManager) -> SessionSource:
    """The source of the session, from its entry and its file, which agree."""
    root = session.path.parent.parent
    (entry,) = (one for one in catalogue(root) if isinstance(one, Entry) and one.id == session.session.id)
    found, again = (
        SessionSource.of_entry(entry),
        SessionSource.of_session(session.path, load_session(session.path).session),
    )
    assert fields_of(found) == fields_of(again)
    return found


def fields_of(source: SessionSource) -> tuple[object, ...]:
    blend = source.blend.path if source.blend is not None else None
    return source.session, source.is_discarded, source.footage.path, source.fingerprint, blend, source.clip


def has(sought: ClipQuery, session: TrackingSessionManager) -> bool:
    """Whether the session belongs to the clip, after a check that the answer is the same among many clips."""
    alone = sought.matches(origin(session))
    other = ClipQuery(blend=Path(__file__).with_suffix(".blend"))
    if not sought.marked:
        assert ClipQueries([other, sought, other]).of(origin(session)) is (sought if alone else None)
    return alone


def of(path: Path) -> ClipQuery:
    return ClipQuery(find_footage(path))


# Footage


def test_a_sequence_is_named_by_any_picture_or_its_folder(plate: Path, root: Path) -> None:
    for name in ("", "plate_0001.png", "plate_0004.png"):
        session = create_session(plate / name, "", root)
        for other in ("", "plate_0001.png", "plate_0006.png"):
            assert has(of(plate / other), session)


def test_a_sequence_stays_the_same_with_more_pictures_or_fewer_at_its_beginning(plate: Path, root: Path) -> None:
    session = create_session(plate, "", root)
    written(plate / "plate_0000.png")
    assert find_footage(plate).first.name == "plate_0000.png" and has(of(plate), session)
    for number in range(2):
        (plate / f"plate_000{number}.png").unlink()
    assert has(of(plate), session)


def test_other_sequences_and_movies_of_the_folder_do_not_match(plate: Path, movie: Path, root: Path) -> None:
    make_footage(plate / "more")
    (plate / "more" / "plate_0001.png").rename(plate / "background_0001.png")
    inside = written(plate / "plate.mov")
    pictures, background, clip, outside = (
        create_session(one, "", root)
        for one in (plate / "plate_0001.png", plate / "background_0001.png", inside, movie)
    )
    for path, session in ((plate / "plate_0002.png", pictures), (inside, clip), (movie, outside)):
        assert [has(of(path), one) for one in (pictures, background, clip, outside)] == [
            one is session for one in (pictures, background, clip, outside)
        ]
    (plate / "background_0001.png").unlink()
    assert has(of(plate), pictures) and not has(of(plate), clip)


def test_a_discarded_session_belongs_to_nothing(plate: Path, blend: Path, root: Path) -> None:
    with create_session(plate, "", root, blend=str(blend), clip="plate_0001.png") as session:
        sought = [of(plate), ClipQuery(blend=blend), ClipQuery(find_footage(plate), blend, marked=session.session.id)]
        assert all(has(one, session) for one in sought)
        session.set_state(SessionState.DISCARDED)
    assert not any(has(one, session) for one in sought)
    with load_session(session.path) as again:
        again.set_state(SessionState.COMMITTED)
    assert all(has(one, session) for one in sought)


@pytest.mark.skipif(os.name != "posix", reason="Windows lets few make links")
def test_links_lead_to_the_same_footage(plate: Path, movie: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").symlink_to(plate)
    for kind, link in (("soft", os.symlink), ("hard", os.link)):
        (tmp_path / kind).mkdir()
        for number, file in enumerate(sorted(plate.iterdir()), 1):
            link(file, tmp_path / kind / f"another_name.{number}.png")
        link(movie, tmp_path / kind / "another.mov")
    folders = [plate, tmp_path / "folder", tmp_path / "soft", tmp_path / "hard"]
    movies = [movie, tmp_path / "soft" / "another.mov", tmp_path / "hard" / "another.mov"]
    for names in (folders, movies):
        for one in names:
            session = create_session(one, "", root)
            assert all(has(of(other), session) for other in names)
    assert not has(of(movie), create_session(plate, "", root))


@pytest.mark.skipif(os.name != "posix", reason="there are no such mounts on Windows")
def test_a_picture_of_a_linked_folder_that_has_got_new_ones(plate: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(plate)
    session = create_session(tmp_path / "link", "", root)
    written(plate / "plate_0000.png")
    assert has(of(plate / "plate_0003.png"), session)


def test_footage_that_is_mounted_twice(plate: Path, root: Path, tmp_path: Path) -> None:
    """In a mount namespace of its own, if the system allows that."""
    make = f"mkdir {tmp_path}/mounted && mount --bind {plate} {tmp_path}/mounted"
    code = (
        "import sys; from pathlib import Path; from tracking_sessions.tests.core.library.test_matching import has, of\n"
        "from tracking_sessions.core.session import load_session\n"
        "print(has(of(Path(sys.argv[1])), load_session(sys.argv[2])))"
    )
    session = create_session(plate, "", root)
    written(plate / "plate_0000.png")
    arguments = [tmp_path / "mounted" / "plate_0003.png", session.path]
    found = inside_namespace(make, code, *arguments)
    if found is None:
        pytest.skip("mounts cannot be made here")
    assert found == "True\n"


def inside_namespace(make: str, code: str, *arguments: object) -> str | None:
    """The output of `code` in another Python with the mounts of `make`; None if these are impossible."""
    head = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import conftest\n"
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{make} || exit 99; exec "$@"', "sh"]
    try:
        done = subprocess.run(
            [*words, sys.executable, "-c", head + code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    except FileNotFoundError:
        return None
    if done.returncode in (1, 99) and "Traceback" not in done.stderr:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("is_movie", [False, True])
def test_a_copy_is_another_shot_unless_the_original_is_gone(
    plate: Path, movie: Path, root: Path, tmp_path: Path, is_movie: bool
) -> None:
    original, copy = (movie, tmp_path / "copy.mov") if is_movie else (plate, tmp_path / "copy")
    session = create_session(original, "", root)
    shutil.copy2(movie, copy) if is_movie else shutil.copytree(plate, copy)
    assert not has(of(copy), session)
    original.rename(tmp_path / "away")
    assert has(of(copy), session)
    assert not has(ClipQuery(find_footage(copy), by_content=False), session)
    changed = copy if is_movie else copy / "plate_0003.png"
    written(changed, b"other content")
    assert not has(of(copy), session)


def test_footage_is_read_only_where_nothing_is_at_the_path_of_a_session(
    plate: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(matching, "describe", lambda footage: read.append(footage.first) or describe(footage))
    others = make_footage(tmp_path / "others")
    there = [origin(create_session(path, "", root)) for path in (plate, others)]
    gone = replace(there[1], footage=FileIdentity(tmp_path / "gone.png"), fingerprint="0" * 32)
    clips = [of(plate), of(make_footage(tmp_path / "third"))]
    many = ClipQueries(clips)
    assert [many.of(one) for one in there] == [clips[0], None] and not read
    for _ in range(3):
        assert many.of(gone) is None
    assert read == [clip.footage.first for clip in clips if clip.footage]


def test_footage_that_cannot_be_read_is_not_known_by_its_content(plate: Path, root: Path, tmp_path: Path) -> None:
    session = create_session(plate, "", root)
    moved = plate.rename(tmp_path / "moved")
    sought = of(moved)
    (moved / "plate_0003.png").unlink()
    assert not has(sought, session)


def test_an_impossible_path_counts_as_gone(plate: Path, root: Path) -> None:
    for path in ("plate\0_0001.png", "p" * 5000 + "_1.png", "\udcff_1.png"):
        nonsense = replace(origin(create_session(plate, "", root)), footage=FileIdentity(plate / path))
        assert of(plate).matches(nonsense)  # by its content
        for sought in (of(plate), replace(of(plate), by_content=False)):
            assert not sought.matches(replace(nonsense, fingerprint=""))


def test_missing_footage_is_the_same_only_under_the_same_path(tmp_path: Path) -> None:
    for name in ("plate_0001.png", "plate.mov"):
        here, elsewhere = (FileIdentity(tmp_path / folder / name) for folder in ("here", "elsewhere"))
        assert here.same_as(FileIdentity(here.path)) and not here.same_as(elsewhere)


# .blend files


def test_a_session_of_a_blend_is_that_of_its_clip(plate: Path, blend: Path, root: Path) -> None:
    session = create_session(plate, "", root, blend=str(blend), clip="hero")
    for footage in (None, find_footage(plate)):
        assert has(ClipQuery(footage, blend, "hero"), session)
        assert has(ClipQuery(footage, blend), session)  # any clip
        assert not has(ClipQuery(footage, blend, "background"), session)


def test_another_blend_of_the_footage_has_other_tracks(plate: Path, blend: Path, root: Path, tmp_path: Path) -> None:
    session = create_session(plate, "", root, blend=str(blend), clip="hero")
    other = Path(shutil.copy2(blend, tmp_path / "other.blend"))
    sought, unknown = ClipQuery(find_footage(plate), other, "hero"), ClipQuery(None, other, "hero")
    assert not has(sought, session) and not has(unknown, session)
    assert has(replace(sought, marked=session.session.id), session)  # it was saved under another name
    blend.unlink()
    assert has(sought, session)  # it was renamed
    assert not has(replace(sought, name="background"), session)
    assert not has(unknown, session)


def test_a_blend_that_was_deleted_while_it_is_open_is_the_same(plate: Path, blend: Path, root: Path) -> None:
    session = create_session(plate, "", root, blend=str(blend), clip="hero")
    blend.unlink()
    assert has(ClipQuery(None, blend, "hero"), session)
    assert not has(ClipQuery(None, blend.with_name("other.blend"), "hero"), session)


def test_a_blend_that_is_linked_is_the_same(plate: Path, blend: Path, root: Path, tmp_path: Path) -> None:
    session = create_session(plate, "", root, blend=str(blend), clip="hero")
    os.link(blend, tmp_path / "linked.blend")
    assert has(ClipQuery(None, tmp_path / "linked.blend", "hero"), session)


def test_a_clip_that_got_other_footage_has_no_sessions_of_the_old(
    plate: Path, blend: Path, root: Path, tmp_path: Path
) -> None:
    session = create_session(plate, "", root, blend=str(blend), clip="hero")
    other = find_footage(make_footage(tmp_path / "other", 5))
    assert not has(ClipQuery(other, blend, "hero"), session)
    assert not has(ClipQuery(other, blend, "hero", marked=session.session.id), session)
    moved = find_footage(plate.rename(tmp_path / "moved"))
    assert has(ClipQuery(moved, blend, "hero"), session)


def test_a_session_of_footage_alone_is_not_that_of_a_blend(plate: Path, blend: Path, root: Path) -> None:
    session = create_session(plate, "", root, clip="plate_0001.png")
    sought = ClipQuery(find_footage(plate), blend, "plate_0001.png")
    assert not has(sought, session) and not has(ClipQuery(None, blend), session)
    assert has(replace(sought, marked=session.session.id), session)  # its result was saved as this file


def test_footage_has_the_sessions_of_a_blend_unless_it_is_one_of_several_clips_there(
    plate: Path, blend: Path, root: Path, tmp_path: Path
) -> None:
    named = [create_session(plate, "", root, blend=str(blend), clip=name) for name in ("plate_0001.png", "plate.002")]
    assert [has(of(plate / "plate_0004.png"), one) for one in named] == [True, False]
    moved = plate.rename(tmp_path / "moved")
    assert [has(of(moved), one) for one in named] == [True, False]
    # a .blend in the folder of the pictures is not one of them
    beside = written(moved / "shot.blend")
    assert not has(of(moved), create_session(make_footage(tmp_path / "x"), "", root, blend=str(beside), clip="x"))


# Many clips


def test_movies_with_numbers_are_no_sequence(root: Path, tmp_path: Path) -> None:
    movies = [written(tmp_path / f"shot_{number}.mov", b"%d" % number) for number in (1, 2)]
    sessions = [create_session(path, "", root) for path in movies]
    assert [[has(of(path), one) for one in sessions] for path in movies] == [[True, False], [False, True]]


def test_each_session_goes_to_its_own_of_many_clips(root: Path, tmp_path: Path) -> None:
    plates = [make_footage(tmp_path / "plates" / f"{number:03}", 3) for number in range(20)]
    movies = [written(tmp_path / f"{number}.mov", b"%d" % number) for number in range(20)]
    clips = [of(path) for path in (*plates, *movies)]
    many = ClipQueries(clips)
    for path, clip in zip((*plates, *movies), clips, strict=True):
        assert many.of(origin(create_session(path, "", root))) is clip
    assert many.of(origin(create_session(make_footage(tmp_path / "another"), "", root))) is None
