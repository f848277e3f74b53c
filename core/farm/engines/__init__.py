# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm engines, a module each: it renders a submission into the engine's own job, and nothing more."""
