# SPDX-License-Identifier: GPL-3.0-or-later
"""The undamaged pictures of the tests of damaged footage: Blender tracks all of them."""

from pathlib import Path

import bpy
import pytest

from tracking_sessions.bridge.clip.editor import background_editor
from tracking_sessions.core.footage.files import IMAGE_SUFFIXES
from tracking_sessions.tests import plates
from tracking_sessions.tests.bpy.tracker import track_steps

# Blender tracks in the data window of an EXR and ignores its display window.
SIZES = {"exr-data-smaller": (114, 64), "exr-data-larger": (166, 92), "exr-tiled-data-larger": (166, 92)}


def test_there_is_a_variant_of_every_suffix() -> None:
    assert {plates.suffix(variant) for variant in plates.variants()} == IMAGE_SUFFIXES


@pytest.mark.parametrize("variant", plates.variants())
def test_blender_tracks_every_variant(variant: str, tmp_path: Path) -> None:
    clip = bpy.data.movieclips.load(str(plates.lay(tmp_path, variant, 3)[0]))
    assert tuple(clip.size) == SIZES.get(variant, (plates.WIDTH, plates.HEIGHT))
    assert clip.frame_duration == 3
    with background_editor(clip) as editor:
        editor.space.clip_user.frame_current = 1
        with bpy.context.temp_override(window=editor.window, area=editor.area, region=editor.region):
            bpy.ops.clip.detect_features(min_distance=8)
    assert len(clip.tracking.tracks) >= 15
    track_steps(clip, 1, 3)
    for track in clip.tracking.tracks:
        first, second, third = (track.markers.find_frame(frame) for frame in (1, 2, 3))
        assert not second.mute and not third.mute
        assert (second.co[0] - first.co[0]) * clip.size[0] == pytest.approx(-2, abs=0.3)  # the pan
