# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tallies of values, and the errors that they lead to."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

KEY = bytes(32)


def count(tally, rows, values, keyring, leave_alone=()):
    """Put these values of these rows into a tally."""
    census.Census(None, (), keyring, KEY, leave_alone)._count(tally, rows, values, {})


def refusal(call, *args) -> RotationError:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value
