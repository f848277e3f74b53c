# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip tracked into a session. No view models of panels."""
