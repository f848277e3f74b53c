# SPDX-License-Identifier: GPL-3.0-or-later
"""Many shots in processes: the lists, the ledger, the supervisor and its children; no printing."""
