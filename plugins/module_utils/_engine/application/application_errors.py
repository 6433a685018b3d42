# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exceptions that application code may raise for a value. An exit ends only the reading of that value."""

from __future__ import annotations

from typing import Any

APPLICATION_ERRORS = (Exception, SystemExit)


def is_error(value: Any) -> bool:
    """Return whether it is an error class, which a reader returns instead of a value that it cannot read."""
    return isinstance(value, type) and issubclass(value, APPLICATION_ERRORS)
