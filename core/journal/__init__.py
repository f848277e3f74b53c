# SPDX-License-Identifier: GPL-3.0-or-later
"""Records, and what they add up to; no lease, no footage, nothing of a second session."""
