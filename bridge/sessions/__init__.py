# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a clip: finding it, showing it in panels, recovering its frames. No steps of a run."""
