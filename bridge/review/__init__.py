# SPDX-License-Identifier: GPL-3.0-or-later
"""The review of a clip's session: its problems, its audits, and what a person decides. No drawing."""
