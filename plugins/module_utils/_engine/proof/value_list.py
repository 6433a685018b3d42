# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format lists of values for messages, each value as table.column:key."""

from __future__ import annotations

from collections.abc import Sequence

from ..._errors.counts import join_first

SHOWN = 50  # values in one message


def format_values(values: Sequence[str]) -> str:
    """The first values, and how many more there are."""
    return join_first(values, SHOWN)
