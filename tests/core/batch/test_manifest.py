# SPDX-License-Identifier: GPL-3.0-or-later
"""What shots the arguments of a batch mean, and what is said of those that mean none."""

import json
import os
import random
from pathlib import Path

import pytest

from tracking_sessions.core.batch.ledger import Ledger
from tracking_sessions.core.batch.manifest import KEYS, read_shots
from tracking_sessions.core.errors import ExitCode, ManifestInvalid, TrackingSessionError, UsageError
from tracking_sessions.core.model.ranges import FRAME_LIMIT
from tracking_sessions.core.storage.files import DOCUMENT_LIMIT
from tracking_sessions.core.storage.folder import is_foreign
from tracking_sessions.core.tracking.plan import ShotSpec
from tracking_sessions.tests.core.faults import scrambled
from tracking_sessions.tests.core.shots import make_footage


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def refused(argument: str, *parts: str) -> None:
    """It is refused with a message that holds these parts."""
    with pytest.raises(ManifestInvalid) as caught:
        read_shots([argument])
    assert caught.value.exit_code == ExitCode.USAGE
    for part in parts:
        assert part in str(caught.value)


SHOTS = [
    {
        "footage": "plates/010/plate_0001.png",
        "name": "010",
        "range": "12-120",
        "direction": "backward",
        "detect": True,
        "settings": {"motion_model": "Affine", "margin": 3},
    },
    {"footage": "../a b.mov", "start": 5, "end": 9, "direction": "both", "tracks": "starts/a.json"},
    {"footage": "shots.blend", "clip": "plate"},
]


def test_a_plate_may_begin_at_0(tmp_path: Path) -> None:
    path = tmp_path / "shots.yaml"
    path.write_text("- {footage: a, start: 0, end: 0}\n- {footage: b, range: 0-9}\n")
    assert [(shot.start, shot.end) for shot in read_shots([str(path)])] == [(0, 0), (0, 9)]


YAML = """
- footage: plates/010/plate_0001.png
  name: "010"
  range: 12-120
  direction: backward
  detect: yes
  settings:
    motion_model: Affine
    margin: 3
- {footage: ../a b.mov, start: 5, end: 9, direction: both, tracks: starts/a.json}
- {footage: shots.blend, clip: plate, name: }
"""

CSV = """\ufefffootage,name,Range,start,end,direction,detect,tracks,settings,clip\r
plates/010/plate_0001.png,010,12-120,,,backward,Yes,,"{""motion_model"": ""Affine"", ""margin"": 3}",\r
,,,,,,,,,\r
"../a b.mov",,,5,9,both,,starts/a.json\r
shots.blend,,,,,,,,,plate\r
"""


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
    ]


@pytest.mark.parametrize(
    "name, content",
    [
        ("shots.yaml", YAML),
        ("shots.YML", YAML),
        ("shots.yaml", "shots:" + YAML.replace("\n", "\n  ")),
        ("shots.json", json.dumps(SHOTS)),
        ("shots.json", json.dumps({"shots": SHOTS})),
        ("shots.csv", CSV),
        ("shots.csv", CSV.replace(",", ";").replace('fine";', 'fine",').replace('""Affine"";', '""Affine"",')),
        ("shots.csv", CSV.replace(",", "\t").replace('""Affine""\t', '""Affine"",').replace("\r\n", "\n")),
    ],
)
def test_lists_of_all_kinds_say_the_same(
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


def test_defaults_give_way_to_what_a_shot_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_folder_without_footage_is_told_if_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"There is no footage in .*empty or in the folders in it: name a movie"):
        read_shots([str(tmp_path / "empty")])
    make_footage(tmp_path / "plates")
    among_others = read_shots([str(tmp_path / "empty"), str(tmp_path / "plates")])
    assert [Path(shot.footage).name for shot in among_others] == ["empty", "plates"]  # it is skipped, and says why


def test_missing_footage_is_for_the_shot_to_tell(tmp_path: Path) -> None:
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


def test_two_ranges_of_a_sequence_are_one_shot(tmp_path: Path) -> None:
    listed = write(tmp_path, "shots.csv", "footage\nplate.1001-1100.exr\nplate.1101-1200.exr\n")
    refused(listed, "are the same footage", "give one range over all the frames that you want")


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
def test_a_path_of_another_system_stays_what_it_is(tmp_path: Path, path: str) -> None:
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


@pytest.mark.parametrize(
    "one, other",
    [
        ("plates/a_0001.png", "plates/a_0002.png"),
        ("plates", "plates/plate_0002.png"),
        ("a.mov", "./b/../a.mov"),
        ("s.blend", "s.blend"),
        ("link/a_0001.png", "plates/a_0001.png"),
        ("plates/a_####.png", "plates/a_0002.png"),
        ("plates/a_%04d.png", "plates/a_0001-0009.png"),
        ("plates/plate_####.png 1-9", "plates"),
        ("a.mov 1-9", "a.mov"),
        ("gone/a_0001.png", "gone/a_####.png"),
    ],
)
def test_the_same_footage_twice_is_refused(tmp_path: Path, one: str, other: str) -> None:
    make_footage(tmp_path / "plates")
    (tmp_path / "link").symlink_to("plates")
    listed = write(tmp_path, "shots.csv", f"footage\nx.mov\n{one}\n{other}\n")
    refused(listed, f"Shot 2 (line 3) in {listed} and Shot 3 (line 4) in {listed} are the same footage", "name it once")
    with pytest.raises(ManifestInvalid, match="are the same footage"):
        read_shots([str(tmp_path / one), str(tmp_path / other)])


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


# What is wrong is said with the place and what would be right


@pytest.mark.parametrize(
    "content, parts",
    [
        ("- {footage: a, fotage: b}", ["Shot 1 in ", "“fotage” is not known; did you mean “footage”?", *KEYS]),
        ("- {footage: a}\n- {name: b}", ["Shot 2 in ", "it needs its footage"]),
        ("- {footage: }", ["Shot 1 in ", "it needs its footage"]),
        ("- a.mov", ["Shot 1 in ", "is no mapping with its footage"]),
        ("- {footage: a, name: 010}", ["name 8 is no text: put it in quotes"]),
        ("- {footage: [a]}", ["footage ['a'] is no text"]),
        ("- {footage: a, start: -1}", ["start '-1' is no number of a frame; they are whole and not below 0"]),
        ("- {footage: a, start: 1.5}", ["is no number of a frame"]),
        ("- {footage: a, end: true}", ["end 'True' is no number of a frame"]),
        ("- {footage: a, end: 99999999999}", ["is no number of a frame"]),
        (f"- {{footage: a, end: {FRAME_LIMIT + 1}}}", ["is no number of a frame"]),
        (f"- {{footage: a, range: 1-{FRAME_LIMIT + 1}}}", ["is no range of frames"]),
        ("- {footage: a, start: 9, end: 3}", ["from frame 9 cannot end on frame 3: swap"]),
        ("- {footage: a, start: 3, end: 9, direction: backward}", ["backward from frame 3 cannot end on frame 9"]),
        ("- {footage: a, range: 1-5, end: 3}", ["both “range” and “start” or “end”"]),
        ("- {footage: a, range: 5-1}", ["range '5-1' is no range of frames, such as 1001-1120"]),
        ("- {footage: a, range: -1-5}", ["is no range of frames"]),
        ('- {footage: a, range: "1-5,9"}', ["is no range of frames"]),
        ("- {footage: a, range: all}", ["is no range of frames"]),
        ("- {footage: a, direction: up}", ["direction 'up' is none of forward, backward, both"]),
        ("- {footage: a, detect: maybe}", ["detect is true or false, not 'maybe'"]),
        ("- {footage: a.mov, clip: x}", ["“clip” names a clip of a .blend"]),
        ("- {footage: a, settings: [1]}", ["settings is no mapping, such as {motion_model: Affine}"]),
        ("- {footage: a, settings: {1: 2}}", ["settings is no mapping"]),
        ("- {footage: a, settings: {x: .inf}}", ["no plain text or number"]),
        ("- {footage: a, settings: {x: 2020-01-01}}", ["no plain text or number"]),
        ('- {footage: a, name: "x\\e[31m"}', ["characters that cannot be shown"]),
        ('- {footage: "a\\0b"}', ["no text at all"]),
        ("- {footage: " + "x" * 9000 + "}", ["too long"]),
        ("shots: []", ["names no shots: it needs a list of them"]),
        ("[]", ["names no shots"]),
        ("", ["is no list of shots: it needs a list of them, each with its footage"]),
        ("shots: a.mov", ["is no list of shots"]),
        ("shot: [{footage: a}]", ["“shot” is not known; did you mean “shots”?", "There are shots, defaults"]),
        ("footage: a", ["“footage” is not known", "There are shots, defaults"]),
        ("{defaults: [1], shots: [{footage: a}]}", ["The defaults in ", "are no mapping"]),
        ("{defaults: {name: x}, shots: [{footage: a}]}", ["The defaults in ", "“name” is not known", "start, end"]),
        ("{defaults: {start: x}, shots: [{footage: a}]}", ["The defaults in ", "start 'x' is no number of a frame"]),
        ("{defaults: {settings: 3}, shots: [{footage: a}]}", ["The defaults in ", "settings is no mapping"]),
        ("- &a {footage: a}\n- *a", ["YAML aliases"]),
        ("- !!python/object/apply:os.system [x]", ["YAML tags"]),
        ("- {footage: a", ["cannot be read as a list of shots"]),
        ("[" * 5000, ["cannot be read as a list of shots"]),
        (b"- \xff\xfe", ["cannot be read as a list of shots"]),
    ],
)
def test_what_is_wrong_in_a_list_is_said_with_its_place(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    listed = write(tmp_path, "shots.yaml", content)
    refused(listed, listed, *parts)


@pytest.mark.parametrize(
    "content, parts",
    [
        ("", ["names no shots"]),
        ("footage\n", ["names no shots"]),
        ("a.mov\nb.mov", ["The first line of ", "which names the columns: “a.mov” is not known"]),
        ("name,end\nx,3", ["“footage” has to be among them"]),
        ("footage,name,name\na", ["names “name” twice"]),
        ("footage,colour\na,red", ["“colour” is not known"]),
        ("footage,name\na,b,c", ["Line 2 in ", "'c' stands in a column without a name"]),
        ("footage,,name\na,b", ["Line 2 in ", "'b' stands in a column without a name"]),
        ("footage,start\na,x", ["Shot 1 (line 2)", "start 'x' is no number of a frame"]),
        ("footage,start\na,-3", ["start '-3' is no number of a frame"]),
        ("footage,start\na," + "9" * 5000, ["is no number of a frame"]),
        ("footage,detect\na,perhaps", ["detect is true or false, not 'perhaps'"]),
        ("footage,settings\na,{x}", ["settings is no mapping", "in CSV as JSON"]),
        ("footage,settings\na," + "[" * 100_000, ["settings is no mapping"]),
        ('footage\n"a', ["Line 2 in ", "is no line of a CSV file"]),
        ('footage\n"a"b', ["is no line of a CSV file"]),
        ("footage\n" + "x" * 140_000, ["is no line of a CSV file"]),
        ("footage\na\0b", ["a.csv"]),
        (b"footage\n\xe4.mov", ["is not UTF-8: save it as “CSV UTF-8”"]),
        ("footage\n" + "\n".join(f"{n}.mov" for n in range(100_001)), ["more than 100000 shots: part it"]),
        (b"footage\n" + b"\n" * DOCUMENT_LIMIT, ["is larger than 16 MiB"]),
    ],
    ids=range(21),
)
def test_what_is_wrong_in_a_table_is_said_with_its_line(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    refused(write(tmp_path, "a.csv", content), *parts)


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".csv"])
def test_a_list_that_is_not_there_is_told(tmp_path: Path, suffix: str) -> None:
    refused(str(tmp_path / f"gone{suffix}"), f"gone{suffix} cannot be read")


@pytest.mark.parametrize("name, content", [("a.yaml", YAML), ("a.json", json.dumps(SHOTS)), ("a.csv", CSV)])
def test_random_damage_is_told_or_means_shots(tmp_path: Path, name: str, content: str) -> None:
    chance = random.Random(5)
    whole = content.encode()
    told = 0
    for _ in range(300):
        changed = scrambled(whole, chance, b"\0\n :-[]{},;\"'\\&*!|>%@`#~09aZ\xff\xc3")
        try:
            for shot in read_shots([write(tmp_path, name, changed)]):
                assert os.path.isabs(shot.footage) or is_foreign(shot.footage)
        except TrackingSessionError as error:
            assert isinstance(error, ManifestInvalid), error
            told += 1
    assert 50 < told < 300
