# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of what artists do. `tools/sequences.py` has the logic, and runs more of them."""

from collections import Counter
from pathlib import Path

import pytest

from tracking_sessions.tests.footage import Shot as Footage
from tracking_sessions.tools.artist import ACTIONS
from tracking_sessions.tools.sequences import make_footage, run_sequence

pytestmark = pytest.mark.usefixtures("registered")
SEED = 11


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    return make_footage(tmp_path_factory.mktemp("sequences") / "shot")


@pytest.mark.parametrize("number", range(5))
def test_nothing_is_lost_whatever_an_artist_does(footage: Footage, tmp_path: Path, number: int) -> None:
    wrong, log = run_sequence(footage, tmp_path / "work", SEED, number, Counter())
    assert not wrong, "\n".join([*log, wrong])


@pytest.mark.slow
def test_nothing_is_lost_in_many_sequences(footage: Footage, tmp_path: Path) -> None:
    count: Counter[str] = Counter()
    for number in range(5, 40):
        wrong, log = run_sequence(footage, tmp_path / "work", SEED, number, count)
        assert not wrong, "\n".join([f"Sequence {number}:", *log, wrong])
    assert len(count) > len(ACTIONS) // 2
