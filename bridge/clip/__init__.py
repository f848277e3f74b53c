# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip: its footage, its markers, the editor that shows it. No sessions, no journals."""
