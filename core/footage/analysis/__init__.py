# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes tracking fail, seen in the brightness of sampled frames. All but `known.py` computes with numpy."""
