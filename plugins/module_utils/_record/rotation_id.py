# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a rotation ID: it becomes a folder of the record, and a path in a store."""

from __future__ import annotations

import re

from .._errors.options import InvalidOption

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_plain(rotation_id: str) -> bool:
    """Return whether this may be a rotation ID."""
    return _PLAIN.fullmatch(rotation_id) is not None


def checked(rotation_id: object) -> str:
    """Return ``rotation_id`` as text. Raise E_OPTION unless it is one plain name."""
    if rotation_id is None or not is_plain(str(rotation_id)):
        raise InvalidOption(
            option="id",
            fault="is not a plain name" if rotation_id else "is not set",
            advice="Use up to 64 letters, digits, dots, - and _, and begin with a letter or digit.",
        )
    return str(rotation_id)
