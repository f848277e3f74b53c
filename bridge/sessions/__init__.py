# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session a clip has, what the panel shows of it, what the artist does about it. No steps of a run."""
