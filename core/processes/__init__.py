# SPDX-License-Identifier: GPL-3.0-or-later
"""Other processes: started, watched, stopped. What they say is for whoever starts them to read."""
