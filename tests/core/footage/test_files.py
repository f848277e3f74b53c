# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage on disk: `find_footage` finds it from any file, the checks find damage and change."""

import os
from pathlib import Path

import pytest

from tracking_sessions.core.errors import FootageUnusable, SessionUnreadable, UsageError
from tracking_sessions.core.footage.check import FootageCheck
from tracking_sessions.core.footage.details import describe, load_details, save_details
from tracking_sessions.core.footage.files import find_footage, refuse_single_picture
from tracking_sessions.core.model.ranges import FrameRanges
from tracking_sessions.core.storage.folder import SessionFolder
from tracking_sessions.tests.core.grey import grey_png


def png(width: int = 64, height: int = 48, filling: bytes = b"") -> bytes:
    """A picture with some filling bytes."""
    return grey_png(filling.ljust(3000, b"."), width, height)


def make(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(png(filling=b"%d" % number))
    return folder


def files(path: Path) -> list[str]:
    footage = find_footage(path)
    return [footage.file(frame).name for frame in range(1, footage.count + 1)]


@pytest.mark.parametrize(
    "names",
    [
        ["plate_0001.png", "plate_0002.png", "plate_0003.png"],
        ["8.png", "9.png", "10.png", "11.png"],
        ["99.PNG", "100.PNG"],
        ["x0.png", *(f"x{n}.png" for n in range(1, 12))],
        ["v2.098_x.png", "v2.099_x.png", "v2.100_x.png"],
        ["shot10 take 0000.exr", "shot10 take 0001.exr"],
        ["写真-07.jpg", "写真-08.jpg"],
        ["one.tif"],
        ["a\nb1.png", "a\nb2.png"],
    ],
    ids=lambda names: names[0],
)
def test_a_sequence_is_found_from_any_of_its_files_and_its_folder(tmp_path: Path, names: list[str]) -> None:
    folder = make(tmp_path / "plates", *names)
    make(folder, ".hidden1.png", "notes.txt", "other.mov")
    assert files(folder) == names
    for name in names:
        assert files(folder / name) == names
        assert find_footage(folder / name) == find_footage(folder)


def test_sequences_of_one_folder_are_told_apart(tmp_path: Path) -> None:
    folder = make(tmp_path, "a_1.png", "a_2.png", "b_1.png", "b_2.png", "b_2.jpg")
    assert files(folder / "b_1.png") == ["b_1.png", "b_2.png"]
    with pytest.raises(FootageUnusable, match="more than one sequence"):
        find_footage(folder)


def test_a_movie_is_one_file_of_all_frames(tmp_path: Path) -> None:
    movie = make(tmp_path, "shot 010.mov") / "shot 010.mov"
    footage = find_footage(movie)
    assert (footage.source, footage.name, footage.file(1), footage.file(900)) == ("MOVIE", "shot 010", movie, movie)


def test_a_name_has_no_number(tmp_path: Path) -> None:
    assert find_footage(make(tmp_path / "a", "plate_0001.png")).name == "plate"
    assert find_footage(make(tmp_path / "sh010", "0001.png")).name == "sh010"


def test_a_clip_may_begin_later_in_the_files(tmp_path: Path) -> None:
    footage = find_footage(make(tmp_path, *[f"f{n}.png" for n in range(1, 7)])).as_clip(tmp_path / "f2.png", 1)
    assert footage.file(1).name == "f3.png" and footage.count == 4


@pytest.mark.parametrize(
    "path", ["missing.png", "missing", "nul\0.png", "x" * 5000 + ".png", "\ud800.png", "a/../b.mov"]
)
def test_missing_footage_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(FootageUnusable) as raised:
        describe(find_footage(tmp_path / path))
    assert raised.value.exit_code == 3


def test_an_empty_folder_is_no_footage(tmp_path: Path) -> None:
    with pytest.raises(FootageUnusable, match="no images"):
        find_footage(tmp_path)


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    return make(tmp_path / "plates", *[f"plate_{n:04d}.png" for n in range(1, 6)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing"),
        (b"", "empty file"),
        (png()[:-1500], "cut off"),
        (png()[:20], "cut off"),
        (b"\xff\xd8\xff" + bytes(900), "only partly written"),
        (png(65, 48), "65x48 pixels, the first one 64x48"),
    ],
)
def test_a_damaged_frame_is_named(plates: Path, content: bytes | None, words: str) -> None:
    broken = plates / "plate_0003.png"
    broken.unlink() if content is None else broken.write_bytes(content)
    with pytest.raises(FootageUnusable, match=words) as raised:
        describe(find_footage(plates))
    assert raised.value.frame == 3 and raised.value.path == broken and "plate_0003.png" in str(raised.value)


def test_details_are_saved_under_the_fingerprint(plates: Path, tmp_path: Path) -> None:
    footage = find_footage(plates)
    details = describe(footage)
    assert details.size == (64, 48) and details.frame_count == len(details.entries) == 5
    save_details(SessionFolder(tmp_path), footage, details)
    save_details(SessionFolder(tmp_path), footage, details)
    kept = load_details(SessionFolder(tmp_path), details.fingerprint)
    assert (kept.entries, kept.fingerprint) == (details.entries, details.fingerprint)
    (path,) = (tmp_path / "footage").iterdir()
    content = path.read_bytes()
    for size in (0, len(content) // 2, len(content) - 10):
        path.write_bytes(content[:size])
        with pytest.raises(SessionUnreadable):
            load_details(SessionFolder(tmp_path), details.fingerprint)


@pytest.mark.parametrize("fingerprint", ["", "../../x", "f" * 31, "g" * 32, "F" * 32])
def test_a_fingerprint_never_becomes_a_path(tmp_path: Path, fingerprint: str) -> None:
    with pytest.raises(UsageError):
        load_details(SessionFolder(tmp_path), fingerprint)


def test_unchanged_footage_passes(plates: Path) -> None:
    footage = find_footage(plates)
    check = FootageCheck(footage, describe(footage))
    check.frames(FrameRanges([(1, 5)]))
    for path in plates.iterdir():
        os.utime(path, (1, 1))  # the time of a file does not matter, as after a copy
    again = FootageCheck(footage, describe(footage))
    again.frames(FrameRanges([(1, 5)]))
    for frame in range(1, 6):
        again.frame(frame)


@pytest.mark.parametrize("content", [None, b"", png(filling=b"changed"), png() + b".", png()[:-1]])
def test_a_frame_that_has_changed_is_named(plates: Path, content: bytes | None) -> None:
    footage = find_footage(plates)
    details = describe(footage)
    changed = plates / "plate_0004.png"
    changed.unlink() if content is None else changed.write_bytes(content)
    check = FootageCheck(footage, details)
    check.frames(FrameRanges([(1, 3), (5, 5)]))
    with pytest.raises(FootageUnusable, match="plate_0004") as raised:
        check.frames(FrameRanges([(3, 5)]))
    assert raised.value.frame == 4
    if content is None or len(content) != len(png()):
        with pytest.raises(FootageUnusable, match="plate_0004"):
            check.frame(4)


@pytest.mark.parametrize("frame", [0, -3, 6])
def test_a_frame_outside_the_footage_is_refused(plates: Path, frame: int) -> None:
    footage = find_footage(plates)
    check = FootageCheck(footage, describe(footage))
    make(plates, f"plate_{frame:04d}.png")
    with pytest.raises(FootageUnusable):
        check.frame(frame)
    with pytest.raises(FootageUnusable):
        check.frames(FrameRanges([(frame, frame)]))


def test_a_movie_that_has_changed_anywhere_is_noticed(tmp_path: Path) -> None:
    movie = tmp_path / "shot.mp4"
    movie.write_bytes(bytes(range(256)) * 2000)
    footage = find_footage(movie)
    details = describe(footage)
    FootageCheck(footage, details).frames(FrameRanges([(1, 9)]))
    content = bytearray(movie.read_bytes())
    content[300_000:310_000] = bytes(10_000)
    movie.write_bytes(content)
    with pytest.raises(FootageUnusable, match="The movie has changed"):
        FootageCheck(footage, details).frames(FrameRanges([(1, 9)]))
    movie.unlink()
    with pytest.raises(FootageUnusable):
        FootageCheck(footage, details).frame(1)


# Paths, folders and pictures that cannot be a plate


@pytest.mark.parametrize("path", ["C:\\plates\\a.0001.exr", "z:/plates/a.mov", "\\\\nas\\plates\\a.0001.exr"])
@pytest.mark.skipif(os.name == "nt", reason="these are at home there")
def test_the_error_names_a_path_of_windows(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FootageUnusable, match="is a path of Windows") as raised:
        find_footage(path)
    assert path in str(raised.value)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(png())
    assert find_footage(path).first.name == Path(path).name  # it is a name here


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a_001.dng", "a_002.dng"], r"no images in .* that Blender reads \(2 .dng files\): convert them"),
        (["a_001.CR3", "notes.txt", "list.txt"], r"that Blender reads \(1 .cr3 file\): convert them"),
        (["notes.txt"], "no images in .*: name a movie, an image, or the folder"),
    ],
)
def test_a_folder_of_other_pictures_is_refused_with_their_format(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(FootageUnusable, match=words):
        find_footage(make(tmp_path, *names))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["still.png"], "still.png is a single picture: there is nothing to follow in it"),
        (["a_0001_v2.png", "a_0002_v2.png"], "look like a sequence, but Blender takes the last number.*here 2"),
        (["a.png", "b.png"], "a.png is a single picture"),
        (["t.3000000001.png", "t.3000000002.png"], "Blender follows no numbers over 2147483647"),
        (["a_001.dng", "a_002.dng"], "opens a .dng file as a movie of one frame"),
    ],
)
def test_the_error_for_a_single_picture_names_the_reason(tmp_path: Path, names: list[str], words: str) -> None:
    footage = find_footage(make(tmp_path, *names) / names[0])
    with pytest.raises(FootageUnusable, match=words):
        refuse_single_picture(footage)


def test_single_pictures_beside_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FootageUnusable, match="look like a sequence, but"):
        find_footage(make(tmp_path, "a_0001_v2.png", "a_0002_v3.png", "a_0003_v5.png"))


@pytest.mark.parametrize(
    ("named", "offset", "expected"),
    [
        ("f3.png", 0, ["f3.png", "f4.png", "f5.png", "f6.png"]),
        ("f3.png", 2, ["f5.png", "f6.png"]),
        ("f1.png", 0, [f"f{n}.png" for n in range(1, 7)]),
    ],
)
def test_a_clip_counts_from_the_file_that_it_names(
    tmp_path: Path, named: str, offset: int, expected: list[str]
) -> None:
    footage = find_footage(make(tmp_path, *[f"f{n}.png" for n in range(1, 7)])).as_clip(tmp_path / named, offset)
    assert [footage.file(frame).name for frame in range(1, footage.count + 1)] == expected
    assert describe(footage).frame_count == len(expected)
