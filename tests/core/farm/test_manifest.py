# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a submission: written once, read by its line, refused where it is damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from tracking_sessions.core.errors import ManifestInvalid, UsageError
from tracking_sessions.core.farm.manifest import FILE, RULES, FarmShot, Head, Manifest, write_manifest
from tracking_sessions.core.farm.submitting import create
from tracking_sessions.core.tracking.plan import ShotSpec

NAMES = (
    "plain",
    "two words",
    "it's “quoted”",
    'say "no"',
    "line\nbreak",
    "Ünïcödé-素材",
    "$(rm) `x` ; & | %04d",
    "{{Param.X}}",
)


def written(folder: Path, count: int) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(3)
    shots = [
        FarmShot(index, ShotSpec(f"/show/{index}/{'x' * chance.randrange(400)}.mov", detect=True), folder)
        for index in range(1, count + 1)
    ]
    write_manifest(folder / FILE, Head("id", "name", "now", folder, count), shots)
    return Manifest(folder / FILE)


@pytest.mark.parametrize("count", [1, 2, 23, 500])
def test_each_shot_is_found_by_its_number(tmp_path: Path, count: int) -> None:
    manifest = written(tmp_path, count)
    assert [shot.index for shot in manifest.shots()] == list(range(1, count + 1))
    for shot in manifest.shots():
        assert manifest.shot(shot.index) == shot
    for index in (0, -1, count + 1):
        with pytest.raises(UsageError, match=f"1 to {count}"):
            manifest.shot(index)


def test_a_task_reads_a_small_part_of_a_large_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = written(tmp_path, 20_000)
    size = os.path.getsize(manifest.path)
    before = int(Path("/proc/self/io").read_text("ascii").splitlines()[0].split()[1])
    assert manifest.shot(13_579).index == 13_579
    read = int(Path("/proc/self/io").read_text("ascii").splitlines()[0].split()[1]) - before
    assert read < 400_000 < size / 10


def test_names_of_every_kind_come_back(tmp_path: Path) -> None:
    root = tmp_path / "two words 'and' more"
    specs = [ShotSpec(f"/show/{name}.mov", name=name) for name in NAMES]
    manifest = create(root, specs, NAMES[4])
    assert [shot.spec for shot in manifest.shots()] == specs and manifest.head.name == NAMES[4]


def test_shots_apart_have_a_folder_each(tmp_path: Path) -> None:
    specs = [ShotSpec(f"/show/{name}.mov", name=name) for name in (*NAMES, "Plain", "..", "../x")]
    roots = [shot.root for shot in create(tmp_path, specs, apart=True).shots()]
    assert len({str(root).lower() for root in roots}) == len(specs)
    assert all(root.parent == tmp_path and root.name.startswith("shot_") for root in roots)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("", "damaged or cut"),
        ("[]", "damaged or cut"),
        ('{"manifest": 9}', "a later version"),
        ('{"manifest": 1, "id": "a", "name": "b", "created": "c", "root": 5, "shots": 1}', "first line is damaged"),
        ('{"manifest": 1, "id": "a", "name": "b", "created": "c", "root": "d", "shots": "1"}', "first line is damaged"),
        ("[" * 100_000, "damaged or cut"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, head: str, words: str) -> None:
    (tmp_path / FILE).write_text(head + "\n")
    with pytest.raises(ManifestInvalid, match=words):
        Manifest(tmp_path / FILE)
    with pytest.raises(ManifestInvalid, match="another path"):
        Manifest(tmp_path / "away" / FILE)


def test_a_cut_manifest_names_no_wrong_shot(tmp_path: Path) -> None:
    whole = written(tmp_path, 60)
    shots = list(whole.shots())
    data = whole.path.read_bytes()
    for at in range(len(data) - 1, 0, -97):
        whole.path.write_bytes(data[:at])
        for index in (1, 30, 60):
            try:
                assert Manifest(whole.path).shot(index) == shots[index - 1]
            except ManifestInvalid:
                pass


def test_a_hostile_shot_is_refused(tmp_path: Path) -> None:
    manifest = written(tmp_path, 3)
    head, *lines = manifest.path.read_text().splitlines()
    for shot in ({"footage": 5}, {"footage": "a", "rm": True}, "a", {"name": "b"}, None):
        lines[1] = json.dumps({"index": 2, "shot": shot})
        manifest.path.write_text("\n".join([head, *lines, ""]))
        assert manifest.shot(1).index == 1
        with pytest.raises(ManifestInvalid, match="shot 2"):
            manifest.shot(2)


def rules(path: Path, *pairs: tuple[str, str, str]) -> Path:
    content = [
        {"source_path_format": kind, "source_path": source, "destination_path": destination}
        for kind, source, destination in pairs
    ]
    path.write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": content}))
    return path


def test_rules_beside_the_manifest_map_paths_where_they_are_other_ones(tmp_path: Path) -> None:
    artist, node = tmp_path / "artist", tmp_path / "node"
    mapping = rules(tmp_path / "rules.json", ("POSIX", str(artist), str(node)))
    made = create(artist / "sessions", [ShotSpec(str(artist / "plate.####.exr"))], rules=mapping)
    assert made.head.root == artist / "sessions"  # the machine that has submitted sees them as they are written
    assert made.shot(1).spec.footage == str(artist / "plate.####.exr")
    shutil.move(artist, node)
    there = Manifest(node / made.path.relative_to(artist))
    assert there.head.root == there.shot(1).root == node / "sessions"
    assert there.shot(1).spec.footage == str(node / "plate.####.exr")
    other = rules(tmp_path / "other.json", ("POSIX", str(artist), "/mnt/x"))
    assert Manifest(there.path, other).head.root == Path("/mnt/x/sessions")
    assert (there.folder / RULES).exists()


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"version": "2"}', '{"path_mapping_rules": [{}]}', '{"path_mapping_rules": 1}']
)
def test_rules_that_are_none_are_refused_with_an_example(tmp_path: Path, content: str) -> None:
    (tmp_path / "rules.json").write_text(content)
    with pytest.raises(ManifestInvalid, match="path_mapping_rules"):
        create(tmp_path / "sessions", [ShotSpec("a.mov")], rules=tmp_path / "rules.json")
    assert not (tmp_path / "sessions").exists()
