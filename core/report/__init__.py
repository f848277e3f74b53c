# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of a session, one module per format."""
