# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of Django's database errors, whichever driver the application has."""

from __future__ import annotations

MAY_NOT_WRITE = "25006"  # PostgreSQL's read_only_sql_transaction


def sqlstate_of(exc: Exception) -> str:
    """The SQLSTATE of an error of Django's, from psycopg or psycopg2."""
    cause = exc.__cause__
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "unknown")
