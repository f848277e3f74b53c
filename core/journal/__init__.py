# SPDX-License-Identifier: GPL-3.0-or-later
"""Records, and the replay, summary and losses computed from them. One session only; no lease, no footage."""
