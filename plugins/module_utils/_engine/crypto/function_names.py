# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the application's own functions that form a scheme, as the plan and the options describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Functions:
    """Two functions of the application, by dotted path. ``binary`` says whether they take and return bytes. ``context``
    is what they receive about the row in addition to the value: names of CONTEXT, in this order."""

    decrypt: str
    encrypt: str
    binary: bool = False
    context: Sequence[str] = ()


TO_FILL_IN = "?"  # what begins so in a proposal, a person replaces
# What a function may ask for: the primary key, the table, the column, and in a JSON document the member's name.
CONTEXT = ("pk", "table", "column", "member")
