# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of shots that are refused, with the place of the mistake and the right form."""

import os
import random
from pathlib import Path

import pytest

from tracking_sessions.core.batch.manifest import read_shots
from tracking_sessions.core.batch.shot_entry import KEYS
from tracking_sessions.core.errors import ManifestInvalid, TrackingSessionError
from tracking_sessions.core.model.ranges import FRAME_LIMIT
from tracking_sessions.core.storage.files import DOCUMENT_LIMIT
from tracking_sessions.core.storage.folder import is_foreign
from tracking_sessions.tests.core.batch.shot_lists import CSV, JSON, YAML, refused, write
from tracking_sessions.tests.core.faults import scrambled
from tracking_sessions.tests.core.shots import make_footage


@pytest.mark.parametrize(
    "content, parts",
    [
        ("- {footage: a, fotage: b}", ["Shot 1 in ", "“fotage” is not known; did you mean “footage”?", *KEYS]),
        ("- {footage: a}\n- {name: b}", ["Shot 2 in ", "it needs its footage"]),
        ("- {footage: }", ["Shot 1 in ", "it needs its footage"]),
        ("- a.mov", ["Shot 1 in ", "is no mapping with its footage"]),
        ("- {footage: a, name: 010}", ["name 8 is no text: put it in quotes"]),
        ("- {footage: [a]}", ["footage ['a'] is no text"]),
        ("- {footage: a, start: -1}", ["start '-1' is no frame number: those are whole and not negative"]),
        ("- {footage: a, start: 1.5}", ["is no frame number"]),
        ("- {footage: a, end: true}", ["end 'True' is no frame number"]),
        ("- {footage: a, end: 99999999999}", ["is no frame number"]),
        (f"- {{footage: a, end: {FRAME_LIMIT + 1}}}", ["is no frame number"]),
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
        ("- {footage: a, camera: 2}", ["camera is true or false, not '2'"]),
        ("- {footage: a, camera: true, focal: wide}", ["focal 'wide' is no number of millimetres"]),
        ("- {footage: a, camera: true, sensor: 0}", ["sensor '0' is no number of millimetres"]),
        ("- {footage: a, focal: 35}", ["Shot 1 in ", "means nothing without “camera: true”", "leave out “focal”"]),
        (
            "- {footage: b}\n- {footage: a, camera: true, range: 1-5, direction: both, pause_below: 8}",
            ["Shot 2 in ", "leave out “start”, “end”, “direction”, “pause_below”, or say “camera: false”"],
        ),
        ("- {footage: a.1-9.exr, camera: true}", ["Shot 1 in ", "name the footage without a range"]),
        ("{defaults: {camera: true}, shots: [{footage: a, detect: true}]}", ["Shot 1 in ", "leave out “detect”"]),
        ("{defaults: {camera: true, detect: true}, shots: [{footage: a}]}", ["The defaults in ", "“detect”"]),
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
        ("{defaults: {start: x}, shots: [{footage: a}]}", ["The defaults in ", "start 'x' is no frame number"]),
        ("{defaults: {settings: 3}, shots: [{footage: a}]}", ["The defaults in ", "settings is no mapping"]),
        ("- &a {footage: a}\n- *a", ["YAML aliases"]),
        ("- !!python/object/apply:os.system [x]", ["YAML tags"]),
        ("- {footage: a", ["cannot be read as a list of shots"]),
        ("[" * 5000, ["cannot be read as a list of shots"]),
        (b"- \xff\xfe", ["cannot be read as a list of shots"]),
    ],
)
def test_a_mistake_in_a_list_is_reported_with_its_place(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
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
        ("footage,start\na,x", ["Shot 1 (line 2)", "start 'x' is no frame number"]),
        ("footage,start\na,-3", ["start '-3' is no frame number"]),
        ("footage,start\na," + "9" * 5000, ["is no frame number"]),
        ("footage,detect\na,perhaps", ["detect is true or false, not 'perhaps'"]),
        ("footage,camera,focal\na,1,35mm", ["focal '35mm' is no number of millimetres"]),
        ("footage,camera,focal\na,1,nan", ["focal 'nan' is no number of millimetres"]),
        ("footage,settings\na,{x}", ["settings is no mapping", "in CSV as JSON"]),
        ("footage,settings\na," + "[" * 100_000, ["settings is no mapping"]),
        ('footage\n"a', ["Line 2 in ", "is no line of a CSV file"]),
        ('footage\n"a"b', ["is no line of a CSV file"]),
        ("footage\n" + "x" * 140_000, ["is no line of a CSV file"]),
        ("footage\na\0b", ["a.csv"]),
        (b"footage\n\xe4.mov", ["is not UTF-8: save it as “CSV UTF-8”"]),
        pytest.param(
            "footage\n" + "\n".join(f"{n}.mov" for n in range(100_001)),
            ["more than 100000 shots: part it"],
            marks=pytest.mark.slow,
        ),
        (b"footage\n" + b"\n" * DOCUMENT_LIMIT, ["is larger than 16 MiB"]),
    ],
    ids=range(23),
)
def test_a_mistake_in_a_table_is_reported_with_its_line(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    refused(write(tmp_path, "a.csv", content), *parts)


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".csv"])
def test_a_missing_list_is_reported(tmp_path: Path, suffix: str) -> None:
    refused(str(tmp_path / f"gone{suffix}"), f"gone{suffix} cannot be read")


@pytest.mark.parametrize("name, content", [("a.yaml", YAML), ("a.json", JSON), ("a.csv", CSV)])
def test_random_damage_is_reported_or_means_shots(tmp_path: Path, name: str, content: str) -> None:
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


# The same footage twice


def test_two_ranges_of_a_sequence_are_one_shot(tmp_path: Path) -> None:
    listed = write(tmp_path, "shots.csv", "footage\nplate.1001-1100.exr\nplate.1101-1200.exr\n")
    refused(listed, "are the same footage", "give one range over all the frames that you want")


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
