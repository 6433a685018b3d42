# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens under rotated keys in places that no rotation rewrites: a value elsewhere, or a file."""

from __future__ import annotations

from collections.abc import Sequence

from ...crypto.keyring import Keyring
from ...value_forms.packed_values import unpacked
from ..columns.nesting import holding
from ..columns.scheme_match import rotated_scheme


def any_is_under_key(values: Sequence[str | bytes], keyring: Keyring) -> bool:
    """Return whether any value is or has a token under a rotated key, also in compressed or encoded data."""
    if rotated_scheme(values, keyring):
        return True
    return bool(holding(keyring, keyring.schemes, [text for value in values for text in unpacked(value)]))
