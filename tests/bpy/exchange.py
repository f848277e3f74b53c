# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks a part of a run in a process and a Blender of its own, for test_versions_exchange.py.

python exchange.py begin|resume FOOTAGE TRACKS.json ROOT STEPS: stops after so many steps (0: never), and prints the
version of Blender and a digest of all markers in the clip as JSON.
"""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import bpy
import conftest  # noqa: F401  # loads the checkout as a package

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.bridge.clip.movie_clip import open_footage
from tracking_sessions.bridge.tracking.shot import Shot
from tracking_sessions.core.errors import Interrupted
from tracking_sessions.core.footage.files import find_footage
from tracking_sessions.core.library.catalogue import session_files
from tracking_sessions.core.recording.manager import load_session
from tracking_sessions.tests.bpy.tracker import join, markers_of, place

START, RANGES = 10, [(10, 30), (10, 1)]


def main(action: str, footage: str, tracks: str, root: str, steps: str) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=False)
    clip = open_footage(find_footage(footage))
    with background_editor(clip) as editor:
        if action == "begin":
            for number, (name, co) in enumerate(json.loads(Path(tracks).read_text(encoding="utf-8")).items()):
                track = clip.tracking.tracks.new(name=name, frame=START)
                track.select = True
                track.pattern_match = "PREV_FRAME" if number % 3 == 2 else "KEYFRAME"
                track.motion_model = "Affine" if number % 4 == 3 else "Loc"
                place(clip, track.markers[0], co)
            shot = Shot.create(editor, Path(root), "exchange")
            run = shot.start(RANGES)
        else:
            shot = join(editor, load_session(session_files(root)[-1]))
            run = shot.resume()
        assert run is not None
        with suppress(Interrupted), shot.session, run:
            while run.step():
                if run.steps == int(steps):
                    raise Interrupted("enough")
    found = repr(sorted((name, sorted(rows.items())) for name, rows in markers_of(clip).items()))
    print(json.dumps({"version": bpy.app.version_string, "markers": hashlib.sha256(found.encode()).hexdigest()}))


main(*sys.argv[1:])
