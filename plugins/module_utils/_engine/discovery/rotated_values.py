# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether something that no rotation rewrites is under a key that is rotated: a value elsewhere, or a file."""

from __future__ import annotations

from collections.abc import Sequence

from ..crypto.keyring import Keyring
from ..value_forms.packed_values import unpacked
from .nesting import holding
from .scheme_match import rotated_scheme


def any_is_under_key(values: Sequence[str | bytes], keyring: Keyring) -> bool:
    """Whether any value is a token under a rotated key, or has one in it, also in compressed or encoded data."""
    if rotated_scheme(values, keyring):
        return True
    return bool(holding(keyring, keyring.schemes, [text for value in values for text in unpacked(value)]))
