# SPDX-License-Identifier: GPL-3.0-or-later
"""A requested shot is the same as command line, as JSON and as arguments of a child."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace

import pytest

from tracking_sessions.commands.arguments import add_options, given
from tracking_sessions.core.journal.codec import frame_number
from tracking_sessions.core.model.ranges import FRAME_LIMIT
from tracking_sessions.core.tracking.plan import OPTIONS, ShotSpec

WHOLE = ShotSpec(
    "/plates/a b_0001.png",
    name="--010=“x”",
    clip="plate",
    start=9,
    end=0,
    direction="backward",
    detect=True,
    tracks="/t=1.json",
    pause_below=8,
    settings={"motion_model": "Affine", "size": [1, 2.5], "name=x": "a b", "use_mask": False},
)
SPECS = [WHOLE, ShotSpec("a.mov"), *(replace(ShotSpec("a"), **{one.name: getattr(WHOLE, one.name)}) for one in OPTIONS)]


def parsed(arguments: list[str]) -> ShotSpec:
    """As `track` takes them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("footage")
    add_options(parser, OPTIONS[1:])
    options = parser.parse_args(arguments)
    return ShotSpec(options.footage, **given(options, OPTIONS[1:]))


def test_every_option_is_set_in_the_case_that_has_them_all() -> None:
    nothing = ShotSpec("")
    assert all(getattr(WHOLE, one.name) != getattr(nothing, one.name) for one in fields(ShotSpec))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: ",".join(spec.to_json()))
def test_the_arguments_of_a_child_give_the_same_shot(spec: ShotSpec) -> None:
    asked = {name: value for name, value in spec.settings.items() if "=" not in name}
    assert parsed(replace(spec, settings=asked).to_arguments()) == replace(spec, settings=asked)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: ",".join(spec.to_json()))
def test_json_gives_the_same_shot_back(spec: ShotSpec) -> None:
    assert ShotSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "content", [[], {}, {"footage": 3}, {"footage": "a", "solve": True}, {"footage": "a", "end": "9"}]
)
def test_json_of_no_shot_is_refused(content: object) -> None:
    with pytest.raises(ValueError):
        ShotSpec.from_json(content)


def test_a_batch_takes_the_frames_that_a_session_takes() -> None:
    assert frame_number(FRAME_LIMIT) == FRAME_LIMIT
    ShotSpec.from_json({"footage": "a", "end": FRAME_LIMIT})
    with pytest.raises(ValueError, match="no frame number"):
        ShotSpec.from_json({"footage": "a", "end": FRAME_LIMIT + 1})
