# SPDX-License-Identifier: GPL-3.0-or-later
"""A file whose colour space this machine's OCIO configuration lacks: one message, and tracking works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tracking_sessions.tests import plates
from tracking_sessions.tests.bpy.command_line import LIMIT, ROOT
from tracking_sessions.tests.bpy.ocio import MISSING, ROLES, elsewhere, make_blend

# The editor shows the clip, so Blender reads a picture of it before the first click.
_ARTIST = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location(
    "tracking_sessions", r"{ROOT / "__init__.py"}", submodule_search_locations=[r"{ROOT}"]
)
sys.modules["tracking_sessions"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
import bpy
from tracking_sessions import registration
from tracking_sessions.tests.bpy.window import begin, inside, open_file, operators
from pathlib import Path
registration.register()
editor = open_file(Path(sys.argv[1]))
print("SPACE", repr(editor.clip.colorspace_settings.name))
if sys.argv[2] == "shown":
    with inside(editor):
        bpy.ops.clip.detect_features(threshold=1.0)
    for track in editor.clip.tracking.tracks:
        track.select = True
    assert editor.clip.colorspace_settings.name
with inside(editor):
    print(operators.track(extent="FRAMES", frames=2))
    print(operators.track(extent="FRAMES", frames=2))
begin(editor, steps=2).finish()
with inside(editor):
    print(operators.resume())
print("TRACKED", max(marker.frame for marker in editor.clip.tracking.tracks[0].markers if not marker.mute))
"""


@pytest.mark.parametrize("variant", ["png-libpng", "exr-half-zip"])
@pytest.mark.parametrize("roles", ROLES)
@pytest.mark.parametrize("state", ["shown", "unseen"])
def test_it_is_reported_once_and_tracking_works(tmp_path: Path, variant: str, roles: str, state: str) -> None:
    blend = tmp_path / "shot.blend"
    make_blend(plates.lay(tmp_path / "plate", variant, 10), blend)
    environment = elsewhere(tmp_path, roles) | {"BLENDER_USER_DATAFILES": str(tmp_path / "user")}
    command = [sys.executable, "-c", _ARTIST, str(blend), state]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT)
    output = done.stdout + done.stderr
    assert done.returncode == 0 and "Traceback" not in output, output
    assert "SPACE ''" in output and output.count("{'FINISHED'}") == 3 and "TRACKED 10" in output, output
    assert output.count(MISSING) == 1, output
