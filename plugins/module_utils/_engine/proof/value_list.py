# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a message lists values, each as table.column:key."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 50  # values in one message


def format_values(values: Sequence[str]) -> str:
    """The first values, and how many more there are."""
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(values[:SHOWN]) + more
