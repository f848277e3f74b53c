# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules by which paths of one machine become those of another, of either system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tracking_sessions.core.farm.path_map import PathMap

RULES = [
    ("WINDOWS", "P:\\show", "/mnt/show"),
    ("WINDOWS", "P:\\show\\cache", "/fast"),
    ("WINDOWS", "\\\\server\\share", "/mnt/share"),
    ("POSIX", "/Volumes/show", "/mnt/show"),
    ("POSIX", "/mnt/back", "Q:\\back"),
]


@pytest.fixture
def mapped(tmp_path: Path) -> PathMap:
    content = [
        dict(zip(("source_path_format", "source_path", "destination_path"), rule, strict=True)) for rule in RULES
    ]
    (tmp_path / "rules.json").write_text(json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": content}))
    return PathMap.read(tmp_path / "rules.json")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("P:\\show\\010\\plate.####.exr", "/mnt/show/010/plate.####.exr"),
        ("p:/SHOW/010/plate.exr", "/mnt/show/010/plate.exr"),  # Windows takes both slashes, and any case
        ("P:\\show", "/mnt/show"),
        ("P:\\shows\\x.mov", "P:\\shows\\x.mov"),
        ("P:\\show\\cache\\x.mov", "/fast/x.mov"),  # the longest source counts
        ("\\\\server\\share\\a b\\c.mov", "/mnt/share/a b/c.mov"),
        ("/Volumes/show/010/p.mov", "/mnt/show/010/p.mov"),
        ("/volumes/show/p.mov", "/volumes/show/p.mov"),
        ("/mnt/back/a/b.mov", "Q:\\back\\a\\b.mov"),
        ("relative/p.mov", "relative/p.mov"),
    ],
)
def test_a_path_below_a_source_is_mapped(mapped: PathMap, path: str, expected: str) -> None:
    assert mapped(path) == expected
