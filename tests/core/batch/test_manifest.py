# SPDX-License-Identifier: GPL-3.0-or-later
"""The shots that the arguments of a batch name: lists, folders, and names of sequences."""

import json
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.manifest import read_shots
from tracking_sessions.core.errors import ManifestInvalid, UsageError
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.batch.shot_lists import CSV, JSON, SHOTS, YAML, write
from tracking_sessions.tests.core.shots import make_footage


def test_a_plate_may_begin_at_0(tmp_path: Path) -> None:
    path = tmp_path / "shots.yaml"
    path.write_text("- {footage: a, start: 0, end: 0}\n- {footage: b, range: 0-9}\n")
    assert [(shot.start, shot.end) for shot in read_shots([str(path)])] == [(0, 0), (0, 9)]


def wanted(folder: Path) -> list[ShotSpec]:
    return [
        ShotSpec(
            footage=str(folder / "plates" / "010" / "plate_0001.png"),
            name="010",
            start=120,
            end=12,
            direction="backward",
            detect=True,
            settings={"motion_model": "Affine", "margin": 3},
        ),
        ShotSpec(
            footage=str(folder.parent / "a b.mov"),
            start=5,
            end=9,
            direction="both",
            tracks=str(folder / "starts" / "a.json"),
        ),
        ShotSpec(footage=str(folder / "shots.blend"), clip="plate"),
        ShotSpec(footage=str(folder / "c.mov"), camera=True, focal=35, sensor=23.76),
    ]


@pytest.mark.parametrize(
    "name, content",
    [
        ("shots.yaml", YAML),
        ("shots.YML", YAML),
        ("shots.yaml", "shots:" + YAML.replace("\n", "\n  ")),
        ("shots.json", JSON),
        ("shots.json", json.dumps({"shots": SHOTS})),
        ("shots.csv", CSV),
        ("shots.csv", CSV.replace(",", ";").replace('fine";', 'fine",').replace('""Affine"";', '""Affine"",')),
        ("shots.csv", CSV.replace(",", "\t").replace('""Affine""\t', '""Affine"",').replace("\r\n", "\n")),
    ],
)
def test_lists_in_all_formats_mean_the_same_shots(
    tmp_path: Path, name: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    write(folder, name, content)
    monkeypatch.chdir(tmp_path)  # paths start from the folder of the list
    shots = read_shots([f"lists/{name}"])
    assert shots == wanted(folder)
    with Ledger(tmp_path / "tracking_sessions") as ledger:
        batch = ledger.create("night", shots, {})
        assert [row.spec for row in ledger.shots(batch.id)] == shots


def test_values_of_a_shot_replace_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = """
defaults: {range: 1-50, settings: {margin: 3, use_mask: true}, tracks: all.json}
shots:
- {footage: a.mov, start: 10, detect: false, settings: {margin: 5}}
- {footage: b.mov, direction: backward}
"""
    folder = tmp_path / "lists"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    options = {"detect": True, "direction": "both", "tracks": "options.json", "settings": {"weight": 0.5}}
    a, b, c = read_shots([write(folder, "shots.yaml", content), "c.mov"], options)
    assert (a.start, a.end, a.direction, a.detect) == (10, None, "both", False)
    assert (b.start, b.end, b.direction, b.detect) == (50, 1, "backward", True)
    assert a.settings == {"weight": 0.5, "use_mask": True, "margin": 5} and a.tracks == str(folder / "all.json")
    assert b.settings == {"weight": 0.5, "use_mask": True, "margin": 3}
    assert (c.footage, c.tracks) == (str(tmp_path / "c.mov"), str(tmp_path / "options.json"))


def test_a_shot_that_says_whether_it_wants_a_camera_leaves_out_defaults_of_the_other_kind(tmp_path: Path) -> None:
    content = """
defaults: {camera: true, focal: 35}
shots:
- {footage: a.mov}
- {footage: b.mov, camera: false, detect: true}
- {footage: c.mov, camera: true, focal: 50}
"""
    listed = write(tmp_path, "shots.yaml", content)
    tracks = {"detect": True, "tracks": "t.json", "range": "1-9", "settings": {"margin": 3}}
    a, b, c = read_shots([listed])
    assert a.to_json() == {"footage": str(tmp_path / "a.mov"), "camera": True, "focal": 35}
    assert b.to_json() == {"footage": str(tmp_path / "b.mov"), "detect": True}
    assert c.to_json() == {"footage": str(tmp_path / "c.mov"), "camera": True, "focal": 50}
    with pytest.raises(ManifestInvalid, match=r"The defaults in .*shots\.yaml: with “camera” .* leave out “detect”"):
        read_shots([listed], {"detect": True})
    (shot,) = read_shots([write(tmp_path, "one.yaml", "- {footage: a.mov, camera: true}")], tracks)
    assert shot.to_json() == {"footage": str(tmp_path / "a.mov"), "camera": True}
    with pytest.raises(ManifestInvalid, match=r"d\.mov: with “camera” it finds and tracks .*: leave out “detect”, or"):
        read_shots([str(tmp_path / "d.mov")], {"camera": True, "detect": True})


# Folders and footage


def test_a_folder_of_folders_is_a_shot_for_each_with_footage(tmp_path: Path) -> None:
    for name in ("020", "010"):
        make_footage(tmp_path / "show" / name)
    (tmp_path / "show" / "010" / "preview.mov").touch()
    for name in (
        "030/clip.mp4",
        "040/a.mov",
        "040/b.mov",
        "050/poster.jpg",
        "050/c.MOV",
        "060/still.exr",
        "notes/x.txt",
    ):
        (tmp_path / "show" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "show" / name).touch()
    make_footage(tmp_path / "show" / ".trash")
    (tmp_path / "show" / "poster.png").touch()
    (tmp_path / "show" / "070.mkv").touch()
    shots = read_shots([str(tmp_path / "show")], {"detect": True})
    assert [(Path(shot.footage).relative_to(tmp_path / "show").as_posix(), shot.name) for shot in shots] == [
        ("010", "010"),
        ("020", "020"),
        ("030/clip.mp4", "030"),
        ("040", "040"),  # which of the movies is meant is asked when it is its turn
        ("050/c.MOV", "050"),
        ("060", "060"),
        ("070.mkv", "070"),
    ]
    assert all(shot.detect for shot in shots)


def test_a_sequence_is_one_shot_by_its_folder_or_a_file(tmp_path: Path) -> None:
    folder = make_footage(tmp_path / "plates")
    make_footage(folder / "old")
    file = folder / "plate_0003.png"
    assert [shot.footage for shot in read_shots([str(folder)])] == [str(folder)]
    assert [shot.footage for shot in read_shots([str(file)])] == [str(file)]
    assert read_shots([str(file)])[0].title == "plate" and ShotSpec("/plates/010/0001.png").title == "010"


def test_a_folder_without_footage_is_refused_unless_other_shots_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"There is no footage in .*empty or in the folders in it: name a movie"):
        read_shots([str(tmp_path / "empty")])
    make_footage(tmp_path / "plates")
    among_others = read_shots([str(tmp_path / "empty"), str(tmp_path / "plates")])
    assert [Path(shot.footage).name for shot in among_others] == ["empty", "plates"]  # it is skipped, and says why


def test_missing_footage_is_left_to_the_shot(tmp_path: Path) -> None:
    assert read_shots([str(tmp_path / "gone.mov")]) == [ShotSpec(str(tmp_path / "gone.mov"))]
    assert read_shots([write(tmp_path, "a.csv", "footage\ngone.mov")]) == [ShotSpec(str(tmp_path / "gone.mov"))]


# Names that stand for many pictures

NAMES = {  # with the range in each
    "plate.####.exr": (None, None),
    "plate.%04d.exr": (None, None),
    "plate.1001-1200.exr": (1001, 1200),
    "plate.####.exr 1001-1200": (1001, 1200),
    "plate.1001-1200####.exr": (1001, 1200),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_is_one_shot_by_a_name_for_all_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "plates").mkdir()
    footage = str(tmp_path / "plates" / name)
    lists = [
        write(tmp_path, "a.yaml", f'- footage: "plates/{name}"'),
        write(tmp_path, "a.json", json.dumps([{"footage": f"plates/{name}"}])),
        write(tmp_path, "a.csv", f"footage\nplates/{name}\n"),
        footage,
    ]
    for one in lists:
        (shot,) = read_shots([one])
        assert (shot.footage, shot.title, shot.range) == (footage, "plate", NAMES[name])
    with Ledger(tmp_path / "tracking_sessions") as ledger:
        batch = ledger.create("night", [shot], {})
        assert [row.spec for row in ledger.shots(batch.id)] == [shot]


def test_a_range_in_a_name_wins_over_defaults_and_goes_with_the_direction(tmp_path: Path) -> None:
    content = """
defaults: {range: 1-50, direction: backward}
shots:
- footage: a.1001-1200.exr
- footage: b.####.exr
- {footage: c.1001-1200.exr, start: 1150}
"""
    a, b, c = read_shots([write(tmp_path, "shots.yaml", content)])
    assert (a.start, a.range, b.range, c.range) == (None, (1200, 1001), (50, 1), (1150, None))


def test_pictures_that_have_a_range_in_their_names_are_no_range(tmp_path: Path) -> None:
    for name in ("010-020_a.1001.exr", "010-020_a.1002.exr", "030-040_a.1001.exr"):
        (tmp_path / name).touch()
    shots = read_shots([str(tmp_path / "010-020_a.1001.exr"), str(tmp_path / "030-040_a.1001.exr")])
    assert [(shot.title, shot.range) for shot in shots] == [("010-020_a", (None, None)), ("030-040_a", (None, None))]
    with pytest.raises(ManifestInvalid, match="are the same footage"):
        read_shots([str(tmp_path / "010-020_a.1001.exr"), str(tmp_path / "010-020_a.1002.exr")])


def test_footage_of_a_name_for_all_of_it_is_found_where_the_session_folder_was_moved_alone(tmp_path: Path) -> None:
    make_footage(tmp_path / "job" / "plates")
    root = tmp_path / "job" / "tracking_sessions"
    footage = str(tmp_path / "job" / "plates" / "plate_####.png 2-5")
    with Ledger(root) as ledger:
        ledger.create("night", read_shots([footage]), {})
    (tmp_path / "far" / "away").mkdir(parents=True)
    root = root.rename(tmp_path / "far" / "away" / "tracking_sessions")
    with Ledger(root) as ledger:
        assert [shot.spec.footage for shot in ledger.shots(ledger.batches()[0].id)] == [footage]


@pytest.mark.parametrize(
    "path", ["C:\\plates\\010\\plate.####.exr", "\\\\nas\\show\\plate_0001.exr", "D:/a/plate_0001.exr"]
)
def test_a_path_of_another_system_stays_unchanged(tmp_path: Path, path: str) -> None:
    for one in (path, write(tmp_path, "a.json", json.dumps([{"footage": path}]))):
        (shot,) = read_shots([one])
        assert (shot.footage, shot.title) == (path, "plate")
    with Ledger(tmp_path / "tracking_sessions") as ledger:
        batch = ledger.create("night", [shot], {})
        assert [row.spec for row in ledger.shots(batch.id)] == [shot]
    with pytest.raises(ManifestInvalid, match="are the same footage"):
        read_shots([path, path])


def test_several_arguments_are_one_batch(tmp_path: Path) -> None:
    for name in ("x/010", "x/020", "y"):
        make_footage(tmp_path / name)
    listed = write(tmp_path, "shots.csv", "footage\na.mov\nb.mov\n")
    shots = read_shots([str(tmp_path / "y"), listed, str(tmp_path / "x")])
    assert [Path(shot.footage).name for shot in shots] == ["y", "a.mov", "b.mov", "010", "020"]


def test_a_sequence_and_a_movie_beside_it_are_two_shots(tmp_path: Path) -> None:
    """The folder means its sequence, as for `track`."""
    folder = make_footage(tmp_path / "s010")
    (folder / "door.mov").touch()
    for arguments in ([str(folder), str(folder / "door.mov")], [str(folder / "door.mov"), str(folder)]):
        assert [shot.footage for shot in read_shots(arguments)] == arguments
    with pytest.raises(ManifestInvalid, match="are the same footage"):
        read_shots([str(folder), str(folder / "door.mov"), str(folder / "plate_0002.png")])


def test_different_footage_beside_each_other_is_not_the_same(tmp_path: Path) -> None:
    (tmp_path / "plates").mkdir()
    names = ["plates/a_0001.png", "plates/b_0001.png", "plates/a_0001.jpg", "plates/a.mov", "plates/b.mov"]
    listed = write(tmp_path, "shots.yaml", "\n".join(f"- footage: {name}" for name in names))
    clips = write(tmp_path, "clips.csv", "footage,clip\ns.blend,a\ns.blend,b\n")
    assert len(read_shots([listed, clips])) == 7
