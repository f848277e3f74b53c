# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of the same shots in each format, and the refusal of a list."""

import json
from pathlib import Path

import pytest

from tracking_sessions.core.batch.manifest import read_shots
from tracking_sessions.core.errors import ExitCode, ManifestInvalid


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
    {"footage": "c.mov", "camera": True, "focal": 35, "sensor": 23.76},
]
JSON = json.dumps(SHOTS)
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
- {footage: c.mov, camera: yes, focal: 35, sensor: 23.76}
"""

CSV = """\ufefffootage,name,Range,start,end,direction,detect,tracks,settings,clip,camera,focal,sensor\r
plates/010/plate_0001.png,010,12-120,,,backward,Yes,,"{""motion_model"": ""Affine"", ""margin"": 3}",\r
,,,,,,,,,\r
"../a b.mov",,,5,9,both,,starts/a.json\r
shots.blend,,,,,,,,,plate,no\r
c.mov,,,,,,,,,,1,35,23.76\r
"""
