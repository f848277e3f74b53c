# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves out the tests of `tools/accuracy`, which draws with numpy, where there is none."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("numpy") else ["test_*.py"]
