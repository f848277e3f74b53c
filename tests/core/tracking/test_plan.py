# SPDX-License-Identifier: GPL-3.0-or-later
"""A requested shot is the same as command line, as JSON and as arguments of a child."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace

import pytest

from tracking_sessions.commands.arguments import add_options, given
from tracking_sessions.core.journal.codec import frame_number
from tracking_sessions.core.model.ranges import FRAME_LIMIT
from tracking_sessions.core.tracking.plan import CAMERA, OPTIONS, TRACK, Option, ShotSpec, Taker

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
    camera=True,
    focal=35,
    sensor=23.76,
)
SPECS = [WHOLE, ShotSpec("a.mov"), *(replace(ShotSpec("a"), **{one.name: getattr(WHOLE, one.name)}) for one in OPTIONS)]


def parsed(arguments: list[str]) -> ShotSpec:
    """As a command that takes every option."""
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


def test_a_shot_is_done_by_one_command_with_the_options_that_it_takes() -> None:
    tracked = replace(WHOLE, camera=False, focal=None, sensor=None)
    assert tracked.command_line() == ["track", *tracked.to_arguments()] and not tracked.contradiction
    solved = ShotSpec(WHOLE.footage, name="010", camera=True, focal=35, sensor=23.76)
    words = ["camera", WHOLE.footage, "--name=010", "--focal=35", "--sensor=23.76"]
    assert solved.command_line() == words and not solved.contradiction
    flags = {option.flag for option in (*TRACK, *CAMERA)}
    assert flags == {option.flag for option in OPTIONS[1:] if option.taker is not Taker.NEITHER}


@pytest.mark.parametrize("option", [one for one in TRACK if one.taker is Taker.TRACK], ids=lambda one: one.name)
def test_what_a_camera_does_by_itself_contradicts_it(option: Option) -> None:
    spec = replace(ShotSpec("a.mov", camera=True), **{option.name: getattr(WHOLE, option.name)})
    assert spec.contradiction.endswith(f"leave out “{option.name}”, or say “camera: false”")


def test_a_lens_means_nothing_without_a_camera_nor_a_range_with_one() -> None:
    assert ShotSpec("a", focal=35, sensor=36).contradiction.endswith("add that, or leave out “focal”, “sensor”")
    assert "without a range" in ShotSpec("plate.1001-1100.exr", camera=True).contradiction


@pytest.mark.parametrize("value", [0, -1, True, "35", float("nan"), float("inf"), 100_001, 10**400])
def test_a_length_is_a_number_of_millimetres(value: object) -> None:
    with pytest.raises(ValueError, match=r"focal .* is no number of millimetres"):
        ShotSpec.from_json({"footage": "a", "focal": value})


def test_a_batch_takes_the_frames_that_a_session_takes() -> None:
    assert frame_number(FRAME_LIMIT) == FRAME_LIMIT
    ShotSpec.from_json({"footage": "a", "end": FRAME_LIMIT})
    with pytest.raises(ValueError, match="no frame number"):
        ShotSpec.from_json({"footage": "a", "end": FRAME_LIMIT + 1})
