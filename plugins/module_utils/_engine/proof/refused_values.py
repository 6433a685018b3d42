# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that read no value although the current keys open what is stored.

After a rotation they would read none either, so nothing could be compared. One reason is code that refuses tokens
unless they match a digest in another column.
"""

from __future__ import annotations

from typing import Any

from ..crypto.keyring import Keyring
from ..discovery.columns.target import Target
from .model_readers import ModelReader

STAGE = "current"  # in a rotation under way, the application may have other keys than a row


def is_refused(reader: ModelReader, keyring: Keyring) -> bool:
    """Return whether it fails at all values, and the keys open those that were tried."""
    if reader.read or not reader.refused:
        return False
    return all(held and all(_opens(*value, keyring) for value in held) for held in reader.refused)


def _opens(target: Target, stored: Any, keyring: Keyring) -> bool:
    if keyring.context_of(target.scheme):  # a function may take the row into account
        return False
    tokens = target.kind.tokens(stored, keyring.schemes[target.scheme].marker)
    openings = keyring.stages_of(target.scheme, tokens)
    return bool(tokens) and all(opening is not None and opening[0] == STAGE for opening in openings)
