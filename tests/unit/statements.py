# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a composed statement reads. The driver quotes on a connection alone, and unit tests have none."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import adapt
from psycopg2.sql import SQL, Composable, Composed, Identifier, Literal


def shown(statement: Composable) -> str:
    """The statement as the server reads it."""
    if isinstance(statement, Composed):
        return "".join(map(shown, statement))
    if isinstance(statement, SQL):
        return statement.string.replace("%%", "%")
    return _SHOWN[type(statement)](statement)


def _name(part: Any) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in part.strings)


def _value(part: Any) -> str:
    return "NULL" if part.wrapped is None else adapt(part.wrapped).getquoted().decode()


_SHOWN = {Identifier: _name, Literal: _value}
