# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of what artists do. `tools/sequences.py` has the logic, and runs more of them."""

from collections import Counter
from pathlib import Path

import pytest

from tracking_sessions.tools.artist import ACTIONS
from tracking_sessions.tools.sequences import make_file, run_sequence

pytestmark = pytest.mark.usefixtures("registered")
SEED = 11


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_file(tmp_path_factory.mktemp("sequences"))


@pytest.mark.parametrize("number", range(5))
def test_nothing_is_lost_whatever_an_artist_does(start: Path, tmp_path: Path, number: int) -> None:
    wrong, log = run_sequence(start, tmp_path / "work", SEED, number, Counter())
    assert not wrong, "\n".join([*log, wrong])


@pytest.mark.slow
def test_nothing_is_lost_in_many_sequences(start: Path, tmp_path: Path) -> None:
    count: Counter[str] = Counter()
    for number in range(5, 105):
        wrong, log = run_sequence(start, tmp_path / "work", SEED, number, count)
        assert not wrong, "\n".join([f"Sequence {number}:", *log, wrong])
    assert not ACTIONS.keys() - count.keys(), "an action was never done"
    assert count["restore: compared"] and count["go_back: compared"]
