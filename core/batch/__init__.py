# SPDX-License-Identifier: GPL-3.0-or-later
"""Many shots in processes: what was asked, who does it, what became of it; no printing."""
