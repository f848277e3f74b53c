# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves out what computes where there is no numpy, as in the environment of `make test-core`."""

from importlib.util import find_spec

COMPUTING = (
    "bodies",
    "digest",
    "filtering",
    "muting",
    "pairs",
    "refining",
    "residuals",
    "seeding",
    "surroundings",
    "taking_part",
    "verdict",
)
collect_ignore_glob = [] if find_spec("numpy") else [f"test_{name}.py" for name in COMPUTING]
